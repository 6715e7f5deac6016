"""A development issuer of OpenID Connect tokens: whoever reaches it on loopback may be anybody.

It speaks just enough for the gateway and for `curl`: OpenID Connect Discovery 1.0, a JWK set (RFC 7517) and JWT access
tokens (RFC 9068) signed with ES256.  It must never run where others can reach it.
"""

import contextlib
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from uuid_utils import uuid7

from libs.cli.data_folder import DataFolder
from libs.cli.problems import CannotRun
from libs.shared.ports import LOOPBACK

AUDIENCE = "archipel"
TOKEN_LIFETIME_SECONDS = 24 * 3600
_LONGEST_FORM_BYTES = 10_000
_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


class InvalidTokenRequest(Exception):
    """The token request is not of the documented form; the message says why."""


class Issuer:
    """Signs tokens in the name of `identifier`, the issuer's stable URL."""

    def __init__(self, identifier: str, key: ECKey) -> None:
        self.identifier = identifier
        self._key = key

    @classmethod
    def kept_in(cls, folder: DataFolder, identifier: str) -> "Issuer":
        """The issuer whose private key lies in the data folder (`issuer.jwk`, mode 0600), made on first use."""
        kept = folder.read("issuer.jwk")
        if kept is None:
            key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"}, auto_kid=True)
            folder.write("issuer.jwk", msgspec.json.encode(key.as_dict(private=True)))
            return cls(identifier, key)
        try:
            return cls(identifier, ECKey.import_key(msgspec.json.decode(kept)))
        except (ValueError, TypeError, KeyError, JoseError) as error:
            raise CannotRun(f"{folder.root / 'issuer.jwk'} is damaged: remove it and start again") from error

    def token(self, subject: str, *, name: str | None = None) -> str:
        """An access token for `subject` (1–255 characters), valid for 24 hours; raises `InvalidTokenRequest`."""
        if not subject.strip() or len(subject) > _LONGEST_SUBJECT:
            raise InvalidTokenRequest(f"subject must have 1 to {_LONGEST_SUBJECT} characters")
        now = int(time.time())
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}
        claims = {
            "iss": self.identifier,
            "aud": AUDIENCE,
            "sub": subject,
            "client_id": "archipel-cli",
            "name": name or subject,
            "iat": now,
            "exp": now + TOKEN_LIFETIME_SECONDS,
            "jti": uuid7().hex,
        }
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])

    def public_keys(self) -> dict[str, Any]:
        """The JWK set with which tokens are verified; no private part."""
        return {"keys": [self._key.as_dict(private=False)]}


def application(issuer: Issuer, url: str) -> Starlette:
    """The issuer's HTTP face, reached under `url`: discovery, keys, and `POST /token` (form: subject, name)."""

    async def discovery(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": issuer.identifier,
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        )

    async def keys(_: Request) -> JSONResponse:
        return JSONResponse(issuer.public_keys())

    async def token(request: Request) -> JSONResponse:
        try:
            form = await _form(request)
            access_token = issuer.token(form.get("subject", ""), name=form.get("name"))
        except InvalidTokenRequest as error:
            return JSONResponse({"error": "invalid_request", "error_description": str(error)}, status_code=400)
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_SECONDS}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/jwks", keys),
            Route("/token", token, methods=["POST"]),
        ],
        # a page in a browser must not get tokens by pointing a name of its own at loopback
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])],
    )


class IssuerServer(uvicorn.Server):
    """Serves the issuer inside this process and leaves the process's signals alone."""

    def __init__(self, issuer: Issuer, url: str) -> None:
        super().__init__(uvicorn.Config(application(issuer, url), log_level="error", lifespan="off"))

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to whoever runs this server."""
        yield


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM_BYTES:
            raise InvalidTokenRequest("the form is too long")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20))
    except ValueError as error:
        raise InvalidTokenRequest("the body is not application/x-www-form-urlencoded") from error
