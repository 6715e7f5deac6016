"""Quotas of cost: in one process to the unit, over several within the bound that is promised, without NATS alone."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from libs.shared.connection import Connection
from libs.shared.testing.issuer import Issuer
from libs.shared.testing.servers import NatsServer
from libs.shared.testing.tasks import end
from services.gateway.api_keys import new_key
from services.gateway.feed import PostPublished
from services.gateway.rates import REFUSED_COST, WINDOW_SECONDS, RateLimited, Rates, exchange
from services.gateway.security import Principal
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.test_websocket import listening, opened, receive, send, subscribe
from services.gateway.tests.world import BRAND, World, world

SECRET = b"s" * 32
ADA = Principal(identity="ada", email=None, expires_at=9e12)
BOB = Principal(identity="bob", email=None, expires_at=9e12)
BOT = Principal(identity="sa_bot", email=None, expires_at=9e12, brand="b1")


class Timer:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer() -> Timer:
    return Timer()


def rates(timer: Callable[[], float], **quotas: int) -> Rates:
    return Rates(**{"principal": 600, "anonymous": 60, "brand": 0, **quotas}, secret=SECRET, timer=timer)


def spend(held: Rates, principal: Principal | None, cost: int, address: str = "192.0.2.1") -> bool:
    try:
        held.of(principal, address).spend(cost)
    except RateLimited:
        return False
    return True


def test_a_quota_is_spent_to_the_unit_and_comes_back_with_time(timer: Timer) -> None:
    held = rates(timer)
    assert [spend(held, ADA, 100) for _ in range(7)] == [True] * 6 + [False]
    timer.now += 9.9
    assert not spend(held, ADA, 100)
    timer.now += 0.2
    assert spend(held, ADA, 100)
    assert not spend(held, ADA, 100)
    timer.now += 10 * WINDOW_SECONDS
    assert [spend(held, ADA, 100) for _ in range(7)] == [True] * 6 + [False]


def test_what_is_refused_takes_nothing(timer: Timer) -> None:
    held = rates(timer)
    assert spend(held, ADA, 590)
    assert [spend(held, ADA, 11) for _ in range(5)] == [False] * 5
    assert spend(held, ADA, 10)


def test_everybody_has_a_quota_of_their_own(timer: Timer) -> None:
    held = rates(timer)
    assert spend(held, ADA, 600)
    assert spend(held, BOB, 600)
    assert spend(held, None, 60)
    assert not spend(held, None, 60)
    assert spend(held, None, 60, "192.0.2.2")


def test_what_costs_more_than_a_quota_runs_at_a_full_bucket_and_is_paid_back(timer: Timer) -> None:
    held = rates(timer)
    assert spend(held, ADA, 900)
    timer.now += 30
    assert not spend(held, ADA, 1)
    timer.now += 1
    assert spend(held, ADA, 1)


def test_without_a_quota_there_is_no_limit_and_nothing_is_said(timer: Timer) -> None:
    held = rates(timer, principal=0)
    assert all(spend(held, ADA, 10**6) for _ in range(10))
    assert held.of(ADA, "").headers() == {}
    assert list(held.untold()) == []


def test_programs_of_a_brand_share_its_quota_and_are_refused_before_they_begin(timer: Timer) -> None:
    held = rates(timer, brand=1_000)
    other = Principal(identity="sa_other", email=None, expires_at=9e12, brand="b1")
    assert spend(held, BOT, 600)
    assert not spend(held, BOT, 1)
    assert not spend(held, other, 500)
    assert spend(held, other, 400)
    assert spend(held, Principal(identity="sa_third", email=None, expires_at=9e12, brand="b2"), 600)


def test_a_person_draws_on_a_brand_when_they_enter_it_and_once_an_operation(timer: Timer) -> None:
    held = rates(timer, brand=100)
    allowance = held.of(ADA, "")
    allowance.spend(60)
    allowance.join("b1")
    allowance.join("b1")
    allowance.join("b2")
    second = held.of(BOB, "")
    second.spend(60)
    with pytest.raises(RateLimited):
        second.join("b1")
    with pytest.raises(RateLimited):
        second.join("b1")
    third = held.of(BOB, "")
    third.spend(40)
    third.join("b1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "", True),
        ("unix", "socket", False),
    ],
)
def test_the_unknown_are_known_by_their_network(timer: Timer, one: str, other: str, same: bool) -> None:
    held = rates(timer)
    assert spend(held, None, 60, one)
    assert spend(held, None, 60, other) is not same


def test_no_address_is_told_to_anybody(timer: Timer) -> None:
    held = rates(timer)
    spend(held, None, 1, "192.0.2.77")
    assert "192.0.2.77" not in repr(list(held.untold()))


def test_headers_say_the_policy_what_is_left_and_when_to_come_back(timer: Timer) -> None:
    held = rates(timer, brand=5_000)
    allowance = held.of(BOT, "")
    allowance.spend(500)
    assert allowance.headers() == {
        "RateLimit-Policy": '"principal";q=600;w=60, "brand";q=5000;w=60',
        "RateLimit": '"principal";r=100;t=60, "brand";r=4500;t=60',
    }
    with pytest.raises(RateLimited) as refused:
        held.of(BOT, "").spend(200)
    assert refused.value.code == "RATE_LIMITED"
    assert refused.value.headers["Retry-After"] == "10"
    assert refused.value.headers["RateLimit"] == '"principal";r=100;t=10, "brand";r=4500;t=10'
    timer.now += 10
    held.of(BOT, "").spend(200)


def test_what_others_spent_becomes_debt(timer: Timer) -> None:
    held, other = rates(timer), rates(timer)
    assert spend(held, ADA, 600) and spend(other, ADA, 600)
    for units in other.untold():
        held.told(units)
    timer.now += WINDOW_SECONDS
    assert not spend(held, ADA, 1)
    timer.now += 1
    assert spend(held, ADA, 1)
    assert list(other.untold()) == []


def test_messages_have_a_bounded_size(timer: Timer) -> None:
    held = rates(timer)
    for number in range(12_000):
        spend(held, Principal(identity=f"i{number}", email=None, expires_at=0), 1)
    assert [len(units) for units in held.untold()] == [5_000, 5_000, 2_000]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as started:
        yield started


@asynccontextmanager
async def exchanging(server: NatsServer, held: Rates) -> AsyncIterator[Connection]:
    """A gateway as far as quotas go."""
    nats = Connection("test")
    await nats.open(server.url)
    task = asyncio.create_task(exchange(nats, held))
    try:
        yield nats
    finally:
        await end(task)
        await nats.close()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def left(held: Rates, principal: Principal) -> int:
    found = re.search(r'"principal";r=(\d+)', held.of(principal, "").headers()["RateLimit"])
    assert found is not None
    return int(found[1])


async def test_gateways_hold_to_one_quota_together(server: NatsServer, timer: Timer) -> None:
    first, second = rates(timer), rates(timer)
    async with exchanging(server, first), exchanging(server, second):
        assert spend(first, ADA, 500)
        await until(lambda: left(second, ADA) == 100)
        assert not spend(second, ADA, 200)
        assert spend(second, ADA, 100)
        await until(lambda: left(first, ADA) == 0)
        assert left(first, BOB) == left(second, BOB) == 600


async def test_without_nats_each_gateway_goes_on_alone_and_tells_later(server: NatsServer, timer: Timer) -> None:
    first, second = rates(timer), rates(timer)
    async with exchanging(server, first) as nats, exchanging(server, second) as other:
        server.kill()
        await until(lambda: not nats.is_connected and not other.is_connected)
        assert spend(first, ADA, 500) and spend(second, ADA, 500)
        assert not spend(first, ADA, 500)
        server.start()
        await until(lambda: left(first, ADA) == left(second, ADA) == 0)


PAGE = (
    """query($slug: String!) { brand(slug: $slug) { posts(first: 20) { nodes { title author { displayName } } } } }"""
)
FIELDS = {"query": PAGE, "variables": {"slug": "acme"}}


@asynccontextmanager
async def limited(issuer: Issuer, **quotas: int) -> AsyncIterator[World]:
    held = rates(time.monotonic, **{"principal": 0, "anonymous": 0, **quotas})
    async with world(issuer, rates=held) as started:
        yield started


async def page(gateway: World, headers: dict[str, str]) -> httpx.Response:
    return await gateway.client.post("/graphql", json=FIELDS, headers=headers)


async def test_over_http_a_spent_quota_is_429_with_the_standard_headers(issuer: Issuer) -> None:
    async with limited(issuer, principal=100) as gateway:
        first, second = [await page(gateway, gateway.headers()) for _ in range(2)]
        assert (first.status_code, second.status_code) == (200, 429)
        assert first.headers["ratelimit-policy"] == '"principal";q=100;w=60'
        assert re.fullmatch(r'"principal";r=\d+;t=60', first.headers["ratelimit"])
        assert second.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED"}
        assert "data" not in second.json()
        after = int(second.headers["retry-after"])
        assert 1 <= after <= 60
        assert second.headers["ratelimit"].endswith(f";t={after}")
        other = await gateway.client.post("/graphql", json=FIELDS, headers=gateway.headers("bob"))
        assert other.status_code == 200


async def test_a_subscription_pays_for_what_it_is_told(issuer: Issuer) -> None:
    """Else who subscribes to much pays once, and every post makes the services work for nothing."""
    async with limited(issuer, principal=40) as gateway, opened(gateway, "alice") as socket:
        await subscribe(socket)
        await listening(gateway)
        gateway.gateway.feed.offer([recorded(PostPublished(), sequence=number) for number in range(1, 41)])
        answers = [await receive(socket)]
        while answers[-1]["type"] == "next":
            answers.append(await receive(socket))
        assert 1 < len(answers) < 40
        assert answers[-1]["type"] == "error"
        assert [error["extensions"]["code"] for error in answers[-1]["payload"]] == ["RATE_LIMITED"]


async def test_a_brand_that_spent_its_quota_refuses_its_fields_and_the_rest_comes(issuer: Issuer) -> None:
    async with limited(issuer, brand=100) as gateway:
        asked = {**FIELDS, "query": PAGE.replace("{ posts", "{ name posts")}
        first, second = [await gateway.client.post("/graphql", json=asked, headers=gateway.headers()) for _ in range(2)]
        assert "errors" not in first.json()
        assert second.status_code == 200
        assert second.json()["data"]["brand"] == {"name": "Acme", "posts": None}
        assert [error["extensions"]["code"] for error in second.json()["errors"]] == ["RATE_LIMITED"]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_documents_that_cannot_run_are_paid_for(issuer: Issuer, accept: str) -> None:
    headers = {"Accept": accept}
    bad: list[dict[str, str]] = [*({"query": f"{{ nonsense{number} }}"} for number in range(3)), {"documentId": "x"}]
    async with limited(issuer, anonymous=4 * REFUSED_COST) as gateway:
        for body in bad:
            assert "errors" in (await gateway.client.post("/graphql", json=body, headers=headers)).text
        last = await gateway.client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        assert last.status_code == 429


async def test_documents_that_cannot_run_are_paid_for_over_websocket(issuer: Issuer) -> None:
    bad: list[dict[str, str]] = [*({"query": f"{{ nonsense{number} }}"} for number in range(3)), {"documentId": "x"}]
    async with limited(issuer, anonymous=4 * REFUSED_COST) as gateway, opened(gateway) as socket:
        for number, payload in enumerate(bad):
            await send(socket, type="subscribe", id=str(number), payload=payload)
            assert (await receive(socket))["type"] == "error"
        await subscribe(socket, "{ __typename }")
        [error] = (await receive(socket))["payload"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 1 <= error["extensions"]["retryAfterSeconds"] <= 60


async def test_a_stream_says_what_is_left(issuer: Issuer) -> None:
    async with limited(issuer, anonymous=100) as gateway:
        answer = await gateway.client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"Accept": "text/event-stream"}
        )
        assert answer.headers["ratelimit-policy"] == '"anonymous";q=100;w=60'
        assert answer.headers["ratelimit"].startswith('"anonymous";r=')


async def test_guesses_are_paid_for_by_the_address_and_refused_alike(issuer: Issuer) -> None:
    async with limited(issuer, anonymous=4 * REFUSED_COST) as gateway:
        guesses = [new_key("0" * 32).text, "nonsense", issuer.token(exp=1), new_key("1" * 32).text]
        answers = [
            await gateway.client.post("/graphql", json=FIELDS, headers={"Authorization": f"Bearer {guess}"})
            for guess in guesses
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.content for answer in answers}) == 1
        again = await gateway.client.post("/graphql", json=FIELDS, headers={"Authorization": "Bearer guess"})
        assert again.status_code == 429
        elsewhere = {"Authorization": "Bearer guess", "X-Forwarded-For": "198.51.100.7"}
        assert (await gateway.client.post("/graphql", json=FIELDS, headers=elsewhere)).status_code == 401


async def test_a_service_account_is_limited_with_its_brand(issuer: Issuer) -> None:
    async with limited(issuer, brand=100) as gateway:
        owner = {"brand": BRAND, "account_id": "sa_1", "expires_at": "2100-01-01T00:00:00Z"}
        gateway.bus.answers["members.owner_of_api_key"] = lambda _: owner
        headers = {"Authorization": f"Bearer {new_key('0' * 32).text}"}
        first, second = [await page(gateway, headers) for _ in range(2)]
        assert (first.status_code, second.status_code) == (200, 429)
        assert first.headers["ratelimit-policy"] == '"brand";q=100;w=60'
