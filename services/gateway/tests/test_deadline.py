"""The deadline of an operation: what it leaves to each question, and that a slow service fails its fields alone."""

import asyncio
from typing import Any

import pytest

from libs.shared.bus import Timeout
from libs.shared.domain import Accepted
from libs.shared.testing.issuer import Issuer
from services.gateway.deadline import COMMAND_SECONDS, QUERY_SECONDS, Deadline
from services.gateway.tests.world import FakeBus, world


class Noting(FakeBus):
    """Notes how much time each question had."""

    given: list[float]

    async def command(self, *args: Any, timeout_seconds: float = 0) -> Accepted:
        self.given.append(timeout_seconds)
        return Accepted(id="x", position={})

    async def query(self, *args: Any, timeout_seconds: float = 0) -> Any:
        self.given.append(timeout_seconds)


async def test_a_question_has_what_is_left_but_no_more_than_its_kind() -> None:
    bus = Noting()
    bus.given = []
    short, long = Deadline(bus, 1.0), Deadline(bus, 60.0)
    for deadline in (short, long):
        await deadline.query("members", "brand_by_slug", {}, dict)
        await deadline.command("members", "member", "join_brand", {})
    assert 0 < bus.given[1] <= bus.given[0] <= 1.0
    assert bus.given[2:] == [QUERY_SECONDS, COMMAND_SECONDS]


async def test_when_the_time_is_up_nothing_is_asked() -> None:
    bus = Noting()
    bus.given = []
    deadline = Deadline(bus, 0)
    with pytest.raises(Timeout):
        await deadline.query("members", "brand_by_slug", {}, dict)
    with pytest.raises(Timeout):
        await deadline.command("members", "member", "join_brand", {})
    assert not bus.given


async def test_the_fields_of_a_slow_service_fail_and_the_rest_comes(issuer: Issuer) -> None:
    async with world(issuer, operation_seconds=0.3) as gateway:
        answering = gateway.bus.query

        async def slow(service: str, name: str, *args: Any, timeout_seconds: float = 0) -> Any:
            if service == "events":
                await asyncio.sleep(timeout_seconds)
                raise Timeout
            return await answering(service, name, *args, timeout_seconds=timeout_seconds)

        gateway.bus.query = slow  # type: ignore[method-assign, assignment]
        answer = await gateway.graphql('{ brand(slug: "acme") { name events { nodes { id } } } }')
    assert answer["data"] == {"brand": {"name": "Acme", "events": None}}
    assert [(error["path"], error["extensions"]) for error in answer["errors"]] == [
        (["brand", "events"], {"code": "TIMEOUT"})
    ]
