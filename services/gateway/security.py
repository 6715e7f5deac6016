"""Who sends a request: verifies an OIDC bearer token against the issuer's published keys.

Only RS256, ES256 and EdDSA (Ed25519) are accepted, and a key only ever verifies the one algorithm of its own type, so
`none` and HS256 over a public key (RFC 8725 §2.1) cannot pass.  Every failure looks the same from outside.
"""

import asyncio
import hashlib
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import httpx
import msgspec
from cachetools import TLRUCache
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from libs.shared.domain import DomainError, Unavailable
from libs.shared.ids import identity_id
from libs.shared.logs import logger
from libs.shared.signed_out import LONGEST_TOKEN_SECONDS

#: Longer than what an identity provider issues; a longer token is refused unread.
MAX_TOKEN_BYTES: Final = 8 * 1024
#: A token whose key id is unknown makes the keys be fetched again, at most this often.
REFETCH_SECONDS: Final = 10.0
#: Keys are fetched anew after this long, so that a key withdrawn by the issuer stops to count.
KEYS_TTL_SECONDS: Final = 600.0
#: A token that has been verified is not verified again for this long; a withdrawn key may live on for as long.
VERIFIED_TTL_SECONDS: Final = 30.0
#: How far the clocks of issuer and gateway may differ.
LEEWAY_SECONDS: Final = 5.0

#: What is read of a JWK set, and how long it may take in all.
MAX_JWKS_BYTES: Final = 256 * 1024
FETCH_SECONDS: Final = 5.0

log = logger(__name__)

# RFC 9864 renames EdDSA to Ed25519; identity providers still say EdDSA, and here it only ever means Ed25519.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


# Header parameters that are not understood are ignored (RFC 7515 §4), critical ones refused below.
_REGISTRIES: Final = {
    name: jws.JWSRegistry(algorithms=[name], strict_check_header=False) for name in ("RS256", "ES256", "EdDSA")
}
_ANY: Final = jws.JWSRegistry(strict_check_header=False)


class Unauthenticated(DomainError):
    """No token was sent, or the one sent does not prove anything; which of its faults it has stays in the log."""

    def __init__(self, message: str = "a valid bearer token is required") -> None:
        super().__init__("UNAUTHENTICATED", message)


class KeyProof(NamedTuple):
    """What proves an API key without being it."""

    key_id: str
    key_hash: str


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends: a person, or a service account of `brand` by its `key`.

    `identity` is a keyed hash of issuer and subject, or the account's id.  Times are in unix seconds.
    """

    identity: str
    email: str | None
    expires_at: float
    issued_at: float = 0.0
    brand: str | None = None
    key: KeyProof | None = None


class _Verifier(NamedTuple):
    key: Key
    algorithm: str


def _verifier(jwk: object) -> tuple[str | None, _Verifier] | None:
    """One entry of a JWK set (RFC 7517) as key id and verifier; None when it is not a signature key that we accept."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or jwk.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        key = JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    algorithm: str | None = None
    if isinstance(key, RSAKey) and key.public_key.key_size >= 2048:
        algorithm = "RS256"
    elif isinstance(key, ECKey) and key.curve_name == "P-256":
        algorithm = "ES256"
    elif isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        algorithm = "EdDSA"
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        return None
    kid = jwk.get("kid")
    return (kid if isinstance(kid, str) else None), _Verifier(key, algorithm)


class Keys:
    """The issuer's signature keys.  `fetch` returns the bytes of its JWK set; `clock` is monotonic, in seconds."""

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._verifiers: dict[str | None, _Verifier] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> _Verifier | None:
        """The verifier for a token's key id; a token without one is accepted while the issuer has only one key."""
        if self._fetched_at is None or self._clock() - self._fetched_at > KEYS_TTL_SECONDS or not self._pick(kid):
            await self.refresh()
        if not self.readable:
            raise Unavailable("the keys of the identity provider cannot be read")
        return self._pick(kid)

    @property
    def readable(self) -> bool:
        """Whether the keys have been read at least once."""
        return self._fetched_at is not None

    async def keep(self) -> None:
        """Read the keys, and read them again before they are too old, for as long as the process runs."""
        while True:
            await self.refresh()
            await asyncio.sleep(KEYS_TTL_SECONDS / 2 if self.readable else REFETCH_SECONDS)

    def _pick(self, kid: str | None) -> _Verifier | None:
        if kid is None and len(self._verifiers) == 1:
            return next(iter(self._verifiers.values()))
        return self._verifiers.get(kid) if kid is not None else None

    async def refresh(self) -> None:
        """Fetch the keys, unless that was tried less than `REFETCH_SECONDS` ago; a failure keeps the keys we have."""
        async with self._lock:
            now = self._clock()
            if self._tried_at is not None and now - self._tried_at < REFETCH_SECONDS:
                return
            self._tried_at = now
            try:
                document = msgspec.json.decode(await self._fetch(), type=dict[str, Any])
                entries = document["keys"]
                self._verifiers = dict(filter(None, map(_verifier, entries)))
                self._fetched_at = now
            except (httpx.HTTPError, TimeoutError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
                log.warning("jwks_unreadable", error=repr(error))


def http_fetch(client: httpx.AsyncClient, *, issuer: str, jwks_url: str) -> Callable[[], Awaitable[bytes]]:
    """How `Keys` reads a JWK set over HTTP, bounded in time and size.

    Without `jwks_url` the issuer's discovery document says where it is (OpenID Connect Discovery §4).
    """

    async def get(url: str) -> bytes:
        async with client.stream("GET", url, timeout=FETCH_SECONDS) as response:
            response.raise_for_status()
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_JWKS_BYTES:
                    raise ValueError("the document is too long")
            return body

    async def fetch() -> bytes:
        async with asyncio.timeout(FETCH_SECONDS):  # httpx itself only bounds the time between two packets
            url = jwks_url
            if not url:
                document = await get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                url = msgspec.json.decode(document, type=dict[str, Any])["jwks_uri"]
            return await get(url)

    return fetch


class Authenticator:
    """Turns an `Authorization` header into a `Principal`.

    `subject_claim` says who somebody is; `clock` is the time of day in unix seconds.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        identity_key: bytes,
        subject_claim: str = "sub",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._subject_claim = subject_claim
        self._issuer = issuer
        self._audience = audience
        self._identity_key = identity_key
        self._clock = clock
        self._verified: TLRUCache[bytes, Principal] = TLRUCache(
            10_000,
            ttu=lambda _, principal, now: min(now + VERIFIED_TTL_SECONDS, principal.expires_at),
            timer=clock,
        )

    async def authenticate(self, authorization: str) -> Principal:
        """The sender of `Bearer <token>` (RFC 6750).

        Raises `Unauthenticated`, or `Unavailable` while the issuer's keys have never been read.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_BYTES:
            raise Unauthenticated
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is not None:
            return known
        try:
            principal = self._principal(await self._claims(token))
        except Unavailable:
            raise
        except Exception as error:
            # Whatever a forged token makes the libraries raise, its sender learns only that it was refused.
            log.info("token_refused", reason=type(error).__name__)
            raise Unauthenticated from None
        self._verified[digest] = principal
        return principal

    def remaining(self, principal: Principal) -> float:
        """For how many more seconds the token counts."""
        return principal.expires_at - self._clock()

    async def _claims(self, token: str) -> dict[str, Any]:
        header = jws.extract_compact(token.encode("ascii"), registry=_ANY).headers()
        if "crit" in header:
            raise ValueError("no critical header parameter is understood")  # RFC 7515 §4.1.11
        kid = header.get("kid")
        if not (kid is None or isinstance(kid, str)):
            raise ValueError("kid is not a string")
        verifier = await self._keys.find(kid)
        if verifier is None:
            raise LookupError("unknown key")
        # A registry given to joserfc makes it ignore a list of algorithms, so each algorithm has a registry of its own.
        signed = jws.deserialize_compact(token, verifier.key, registry=_REGISTRIES[verifier.algorithm])
        return msgspec.json.decode(signed.payload or b"", type=dict[str, Any])

    def _principal(self, claims: dict[str, Any]) -> Principal:
        now = self._clock()
        subject, audience = claims[self._subject_claim], claims["aud"]
        issued, expires = _seconds(claims["iat"]), _seconds(claims["exp"])  # both required by RFC 9068 §2.2
        audiences = audience if isinstance(audience, list) else [audience]
        if claims["iss"] != self._issuer or self._audience not in audiences:
            raise ValueError("issued by or for somebody else")
        if not now < expires + LEEWAY_SECONDS or _seconds(claims.get("nbf", 0)) > now + LEEWAY_SECONDS:
            raise ValueError("expired or not valid yet")
        if issued > now + LEEWAY_SECONDS or expires - issued > LONGEST_TOKEN_SECONDS:
            raise ValueError("issued in the future, or for too long")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ValueError("no usable subject")  # OpenID Connect Core §2: at most 255 characters
        email = claims.get("email")
        return Principal(
            identity=identity_id(self._identity_key, self._issuer, subject),
            email=email if isinstance(email, str) and claims.get("email_verified") is True else None,
            expires_at=expires + LEEWAY_SECONDS,
            issued_at=issued,
        )


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a numeric date")  # RFC 7519 §2
    return float(value)
