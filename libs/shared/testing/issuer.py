"""An OpenID Connect issuer for tests: keys of every accepted kind, a JWK set over HTTP, and tokens of any shape."""

import json
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, KeyParameters, OKPKey, RSAKey

Algorithm = Literal["RS256", "ES256", "EdDSA"]

AUDIENCE = "archipel"


def new_key(algorithm: Algorithm, kid: str) -> Key:
    """A private key that signs with `algorithm`."""
    parameters: KeyParameters = {"kid": kid, "use": "sig", "alg": algorithm}
    match algorithm:
        case "RS256":
            return RSAKey.generate_key(2048, parameters)
        case "ES256":
            return ECKey.generate_key("P-256", parameters)
        case "EdDSA":
            return OKPKey.generate_key("Ed25519", parameters)


class Issuer:
    """Publishes its keys at `jwks_url` between `start` and `stop`; `fetches` counts how often they were read."""

    def __init__(self, *algorithms: Algorithm) -> None:
        chosen: tuple[Algorithm, ...] = algorithms or ("ES256",)
        self.keys: dict[str, Key] = {name: new_key(name, f"{name}-1") for name in chosen}
        self.fetches = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = f"{self.url}/jwks"

    def token(self, subject: str = "alice", *, key: Key | None = None, header: Any = None, **claims: Any) -> str:
        """A token for a subject; `claims` replace the usual ones, and None leaves one out."""
        signer = key or next(iter(self.keys.values()))
        now = int(time.time())
        usual = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 3600}
        body = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        public = signer.as_dict(private=False)
        head = {"alg": public["alg"], "kid": public["kid"], **(header or {})}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.encode(head, body, signer, algorithms=[head["alg"]])

    def jwks(self) -> bytes:
        """The public keys as a JWK set."""
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys.values()]}).encode()

    def start(self) -> Self:
        """Serve the keys and the discovery document from a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/jwks":
                    issuer.fetches += 1
                    self._answer(issuer.jwks())
                else:
                    self._answer(json.dumps({"issuer": issuer.url, "jwks_uri": issuer.jwks_url}).encode())

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
                """Say nothing: tests read what they want to know from `fetches`."""

        return Handler
