"""What proves an identity, and everything that must not."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from libs.shared.domain import Unavailable
from libs.shared.ids import identity_id
from libs.shared.signed_out import LONGEST_TOKEN_SECONDS
from libs.shared.testing.issuer import AUDIENCE, Algorithm, Issuer, new_key
from services.gateway import security
from services.gateway.security import (
    KEYS_TTL_SECONDS,
    MAX_JWKS_BYTES,
    MAX_TOKEN_BYTES,
    REFETCH_SECONDS,
    Authenticator,
    Keys,
    Unauthenticated,
    http_fetch,
)

pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

SECRET = b"s" * 32
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")


class Clock:
    """Both clocks: the time of day moves with the monotonic one."""

    def __init__(self) -> None:
        self.offset = 0.0

    def monotonic(self) -> float:
        return 1_000.0 + self.offset

    def time(self) -> float:
        return time.time() + self.offset


@pytest.fixture
def clock() -> Clock:
    return Clock()


def authenticator(
    issuer: Issuer, clock: Clock, fetch: Callable[[], bytes] | None = None, subject_claim: str = "sub"
) -> Authenticator:
    async def read() -> bytes:
        issuer.fetches += 1
        return (fetch or issuer.jwks)()

    keys = Keys(read, clock.monotonic)
    return Authenticator(
        keys,
        issuer=issuer.url,
        audience=AUDIENCE,
        identity_key=SECRET,
        subject_claim=subject_claim,
        clock=clock.time,
    )


@pytest.fixture
def offline() -> Issuer:
    """An issuer with a key of each kind that nobody serves."""
    return Issuer(*ALGORITHMS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_each_accepted_algorithm_proves_the_subject(
    offline: Issuer, clock: Clock, algorithm: str
) -> None:
    token = offline.token("ada", key=offline.keys[algorithm])
    principal = await authenticator(offline, clock).authenticate(f"Bearer {token}")
    assert principal.identity == identity_id(SECRET, offline.url, "ada")
    assert principal.email is None


async def test_another_claim_says_who_somebody_is_where_it_is_set(offline: Issuer, clock: Clock) -> None:
    by_object = authenticator(offline, clock, subject_claim="oid")
    principal = await by_object.authenticate(f"Bearer {offline.token('pairwise', oid='object')}")
    assert principal.identity == identity_id(SECRET, offline.url, "object")
    with pytest.raises(Unauthenticated):
        await by_object.authenticate(f"Bearer {offline.token('pairwise')}")


async def test_only_a_verified_email_is_believed(offline: Issuer, clock: Clock) -> None:
    verifier = authenticator(offline, clock)
    given = offline.token(email="ada@example.org")
    verified = offline.token(email="ada@example.org", email_verified=True)
    assert (await verifier.authenticate(f"Bearer {given}")).email is None
    assert (await verifier.authenticate(f"bearer {verified}")).email == "ada@example.org"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: dict[str, Any], claims: dict[str, Any], signature: Callable[[bytes], bytes]) -> str:
    """A compact JWS by hand, since no library will make these."""
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(signature(text.encode()))}"


def good_claims(issuer: Issuer) -> dict[str, Any]:
    now = time.time()
    return {"iss": issuer.url, "aud": AUDIENCE, "sub": "mallory", "iat": now, "exp": now + 600}


def hs256(key: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(key, text, hashlib.sha256).digest()


def rs256(key: RSAKey) -> Callable[[bytes], bytes]:
    private = key.private_key
    assert private is not None
    return lambda text: private.sign(text, padding.PKCS1v15(), hashes.SHA256())


def test_the_hand_made_tokens_are_well_made(offline: Issuer) -> None:
    rsa = offline.keys["RS256"]
    assert isinstance(rsa, RSAKey)
    made = signed({"alg": "RS256", "kid": "RS256-1"}, good_claims(offline), rs256(rsa))
    assert jwt.decode(made, rsa, ["RS256"]).claims["sub"] == "mallory"


def forgeries(issuer: Issuer) -> dict[str, str]:
    """Tokens that must not pass, by what is wrong with them."""
    now = time.time()
    claims = good_claims(issuer)
    rsa = issuer.keys["RS256"]
    assert isinstance(rsa, RSAKey)
    token = issuer.token()
    head, body, signature = token.split(".")
    outsider = new_key("ES256", "ES256-1")
    rs256_head = {"alg": "RS256", "kid": "RS256-1"}
    public = json.dumps(rsa.as_dict(private=False)).encode()
    forged = {
        f"alg none spelled {spelling}": signed({"alg": spelling, "kid": "RS256-1"}, claims, lambda _: b"")
        for spelling in ("none", "None", "NONE", "nOnE")
    }
    forged |= {
        f"HS256 keyed with the public key as {name}": signed({"alg": "HS256", "kid": "RS256-1"}, claims, hs256(key))
        for name, key in {"PEM": rsa.as_pem(private=False), "DER": rsa.as_der(private=False), "JWK": public}.items()
    }
    forged |= {
        "no signature": f"{head}.{body}.",
        "another signature": f"{head}.{body}.{b64(b'0' * 64)}",
        "another body": f"{head}.{b64(json.dumps(claims).encode())}.{signature}",
        "signed by a stranger under a known kid": issuer.token(key=outsider),
        "algorithm of another key": signed({"alg": "RS256", "kid": "ES256-1"}, claims, lambda _: b"x" * 256),
        "PS256": signed({"alg": "PS256", "kid": "RS256-1"}, claims, lambda _: b"x" * 256),
        "HS256 with its own key in the header": signed(
            {"alg": "HS256", "jwk": OctKey.import_key("secret" * 8).as_dict()}, claims, hs256(b"secret" * 8)
        ),
        "expired": issuer.token(exp=now - 60),
        "without exp": issuer.token(exp=None),
        "exp is text": issuer.token(exp="tomorrow"),
        "exp is true": issuer.token(exp=True),
        "not valid yet": issuer.token(nbf=now + 60),
        "nbf is text": issuer.token(nbf="yesterday"),
        "without iat": issuer.token(iat=None),
        "iat is text": issuer.token(iat="yesterday"),
        "issued in the future": issuer.token(iat=int(now) + 60),
        "valid for longer than sessions are remembered": issuer.token(exp=int(now + LONGEST_TOKEN_SECONDS) + 60),
        "exp is beyond all numbers": issuer.token(exp=10**400),
        "another audience": issuer.token(aud="elsewhere"),
        "no audience": issuer.token(aud=None),
        "a list of other audiences": issuer.token(aud=["one", "two"]),
        "another issuer": issuer.token(iss="https://evil.example"),
        "issuer with a slash": issuer.token(iss=issuer.url + "/"),
        "no issuer": issuer.token(iss=None),
        "no subject": issuer.token(sub=None),
        "empty subject": issuer.token(sub=""),
        "subject is a number": issuer.token(sub=7),
        "subject too long": issuer.token(sub="x" * 256),
        "unknown kid": issuer.token(header={"kid": "another"}),
        "no kid among many keys": signed({"alg": "ES256"}, claims, lambda _: b"x" * 64),
        "kid is an object": signed({"alg": "ES256", "kid": {"a": 1}}, claims, lambda _: b"x" * 64),
        "critical header": signed({**rs256_head, "crit": ["exp"], "exp": 1}, claims, rs256(rsa)),
        "critical header that nobody knows": signed({**rs256_head, "crit": ["x"], "x": 1}, claims, rs256(rsa)),
        "unencoded payload": signed({**rs256_head, "crit": ["b64"], "b64": False}, claims, rs256(rsa)),
        "oversized": issuer.token(padding="x" * MAX_TOKEN_BYTES),
        "a JWE of five parts": "a.b.c.d.e",
        "two parts": f"{head}.{body}",
        "not base64": "!!!.???.###",
        "deep JSON": f"{b64(b'[' * 3000)}.{body}.{signature}",
        "header is a list": f"{b64(b'[]')}.{body}.{signature}",
        "claims are a list": f"{head}.{b64(b'[]')}.{signature}",
        "beyond ASCII": f"{head}.{body}.é",
        "surrogate": f"{head}.\udcff.x",
        "empty": "",
        "spaces": "   ",
        "two tokens": f"{token} {token}",
    }
    return forged


FORGERIES = sorted(forgeries(Issuer(*ALGORITHMS)))


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_token_proves_nothing(offline: Issuer, clock: Clock, name: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await authenticator(offline, clock).authenticate(f"Bearer {forgeries(offline)[name]}")
    assert str(caught.value) == str(Unauthenticated())
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "bearer ", "eyJhbGciOiJub25lIn0.e30.", "Token x"])
async def test_another_scheme_proves_nothing(offline: Issuer, clock: Clock, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator(offline, clock).authenticate(header)


async def test_a_token_ends_though_it_was_verified_before(offline: Issuer, clock: Clock) -> None:
    verifier = authenticator(offline, clock)
    token = f"Bearer {offline.token(exp=int(time.time()) + 20)}"
    await verifier.authenticate(token)
    clock.offset = 26
    with pytest.raises(Unauthenticated):
        await verifier.authenticate(token)


async def test_a_new_key_is_fetched_when_its_kid_is_first_seen(offline: Issuer, clock: Clock) -> None:
    verifier = authenticator(offline, clock)
    await verifier.authenticate(f"Bearer {offline.token()}")
    assert offline.fetches == 1
    fresh = new_key("ES256", "next")
    offline.keys["next"] = fresh
    with pytest.raises(Unauthenticated):
        await verifier.authenticate(f"Bearer {offline.token(key=fresh)}")
    clock.offset += REFETCH_SECONDS
    await verifier.authenticate(f"Bearer {offline.token(key=fresh)}")
    assert offline.fetches == 2


async def test_unknown_kids_do_not_flood_the_issuer(offline: Issuer, clock: Clock) -> None:
    verifier = authenticator(offline, clock)
    for number in range(50):
        with pytest.raises(Unauthenticated):
            await verifier.authenticate(f"Bearer {offline.token(header={'kid': f'guess-{number}'})}")
    assert offline.fetches == 1


async def test_a_withdrawn_key_stops_to_count(offline: Issuer, clock: Clock) -> None:
    verifier = authenticator(offline, clock)
    token = offline.token(key=offline.keys["RS256"])
    await verifier.authenticate(f"Bearer {token}")
    withdrawn = offline.keys.pop("RS256")
    clock.offset = KEYS_TTL_SECONDS + 1
    with pytest.raises(Unauthenticated):
        await verifier.authenticate(f"Bearer {offline.token(key=withdrawn, exp=int(clock.time()) + 60)}")


async def test_the_keys_outlive_an_outage_of_the_issuer(offline: Issuer, clock: Clock) -> None:
    def fetch() -> bytes:
        if offline.fetches > 1:
            raise ValueError("down")
        return offline.jwks()

    verifier = authenticator(offline, clock, fetch)
    await verifier.authenticate(f"Bearer {offline.token()}")
    clock.offset = KEYS_TTL_SECONDS + 1
    await verifier.authenticate(f"Bearer {offline.token(exp=int(clock.time()) + 60)}")
    assert offline.fetches == 2


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": null}', b"\xff"])
async def test_without_any_keys_it_is_not_the_senders_fault(offline: Issuer, clock: Clock, document: bytes) -> None:
    with pytest.raises(Unavailable):
        await authenticator(offline, clock, lambda: document).authenticate(f"Bearer {offline.token()}")


async def test_keys_that_cannot_be_used_are_passed_over(offline: Issuer, clock: Clock) -> None:
    good = offline.keys["ES256"].as_dict(private=False)
    weak = RSAKey.generate_key(1024, {"kid": "weak"})
    odd: list[Any] = [
        7, {}, {"kty": "EC"}, {"kty": "RSA", "n": "!", "e": "AQAB"}, OctKey.generate_key(256).as_dict(),
        {**good, "use": "enc", "kid": "enc"}, {**good, "alg": "ES512", "kid": "es512"}, weak.as_dict(private=False),
    ]  # fmt: skip
    document = json.dumps({"keys": [*odd, good]}).encode()
    verifier = authenticator(offline, clock, lambda: document)
    await verifier.authenticate(f"Bearer {offline.token(key=offline.keys['ES256'])}")
    for kid in ("enc", "es512"):
        with pytest.raises(Unauthenticated):
            await verifier.authenticate(f"Bearer {offline.token(key=offline.keys['ES256'], header={'kid': kid})}")
    with pytest.raises(Unauthenticated):
        await verifier.authenticate(f"Bearer {signed({'alg': 'RS256', 'kid': 'weak'}, {}, lambda _: b'x' * 128)}")


async def test_a_single_key_needs_no_kid(clock: Clock) -> None:
    issuer = Issuer("ES256")
    published = issuer.keys["ES256"].as_dict(private=False)
    del published["kid"]
    verifier = authenticator(issuer, clock, lambda: json.dumps({"keys": [published]}).encode())
    token = issuer.token()
    head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert head["kid"]
    with pytest.raises(Unauthenticated):
        await verifier.authenticate(f"Bearer {token}")
    bare = new_token_without_kid(issuer)
    await verifier.authenticate(f"Bearer {bare}")


@pytest.mark.parametrize("name", ["huge", "slow", "down"])
async def test_an_issuer_that_misbehaves_costs_a_bounded_time_and_size(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sent = 0

    async def huge() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * MAX_JWKS_BYTES:
            sent += 64 * 1024
            yield b" " * 64 * 1024

    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    def answer(request: httpx.Request) -> httpx.Response:
        if name == "down":
            raise httpx.ConnectError("nobody listens")
        return httpx.Response(200, content=huge() if name == "huge" else slow())

    monkeypatch.setattr(security, "FETCH_SECONDS", 0.3)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        issuer = Issuer("ES256")
        keys = Keys(http_fetch(client, issuer=issuer.url, jwks_url=issuer.jwks_url), clock.monotonic)
        verifier = Authenticator(keys, issuer=issuer.url, audience=AUDIENCE, identity_key=SECRET, clock=clock.time)
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable):
                await verifier.authenticate(f"Bearer {issuer.token()}")
    assert sent <= 2 * MAX_JWKS_BYTES


def new_token_without_kid(issuer: Issuer) -> str:
    return jwt.encode({"alg": "ES256"}, good_claims(issuer), issuer.keys["ES256"])
