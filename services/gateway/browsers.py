"""What protects people in browsers: which web pages may ask, and the security headers of every answer."""

from collections.abc import Container, Mapping
from typing import Final

#: Headers of every answer that does not set its own (https://cheatsheetseries.owasp.org, HTTP Headers).
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
#: The console loads everything from here; nothing is inline, nothing is evaluated.
CONSOLE_POLICY: Final = (
    "default-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: What pages of other origins may send and read (https://fetch.spec.whatwg.org/#http-cors-protocol).
CORS_REQUEST_HEADERS: Final = (
    "Accept",
    "Authorization",
    "Content-Type",
    "If-None-Match",
    "Archipel-Consistency-Token",
    "traceparent",
)
CORS_RESPONSE_HEADERS: Final = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate")
CORS_SECONDS: Final = 600


def is_foreign(headers: Mapping[str, str], origins: Container[str]) -> bool:
    """Whether a page of another origin sent this, one that is not among `origins`.

    WebSocket and EventSource are not bound by CORS, so their doors ask here.  Programs send neither header.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}
    ours = headers.get("host", "").lower()
    return origin not in origins and not (ours and origin.lower() in {f"https://{ours}", f"http://{ours}"})
