"""What several services permit with the same things, and what is told when one of them does not answer."""

from typing import Any

import pytest

from libs.shared.domain import DomainError, Unavailable
from services.gateway.context import Context, Scope
from services.gateway.schema.permissions import Permission, permissions
from services.gateway.tests.world import FakeBus


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus(
        {
            "discussions.viewer_can": lambda asked: [["lock_thread"] for _ in asked["ids"]],
            "members.viewer_can": lambda asked: [["follow", "of a newer release"] for _ in asked["ids"]],
        }
    )


async def ask(bus: FakeBus, *services: str, ids: str = "t1", identity: str | None = None) -> list[Any]:
    scope = Scope(Context(bus, b"k" * 32), "b1", "alice", {})
    return await permissions("post", ((scope, one) for one in ids.split()), *services, identity=identity)


def failing(failure: Exception) -> Any:
    def answer(_: Any) -> Any:
        raise failure

    return answer


async def test_each_service_is_asked_once_about_all(bus: FakeBus) -> None:
    both = [Permission.LOCK_THREAD, Permission.FOLLOW]
    assert await ask(bus, "discussions", "members", ids="t1 t2 t1") == [both, both, both]
    assert [(name, asked["kind"], asked["ids"]) for name, asked in bus.asked] == [
        ("discussions.viewer_can", "post", ["t1", "t2"]),
        ("members.viewer_can", "post", ["t1", "t2"]),
    ]


async def test_the_members_service_alone_learns_the_identity(bus: FakeBus) -> None:
    await ask(bus, "discussions", "members", identity="i1")
    assert {name: asked.get("identity") for name, asked in bus.asked} == {
        "discussions.viewer_can": None,
        "members.viewer_can": "i1",
    }


async def test_a_service_that_is_away_permits_nothing(bus: FakeBus) -> None:
    bus.answers["members.viewer_can"] = failing(Unavailable())
    assert await ask(bus, "discussions", "members") == [[Permission.LOCK_THREAD]]
    (alone,) = await ask(bus, "members")
    assert isinstance(alone, Unavailable), "when none answers, nothing is known"


async def test_what_cannot_be_known_is_not_told(bus: FakeBus) -> None:
    bus.answers["members.viewer_can"] = failing(DomainError("STALE_VIEW", "later"))
    (told,) = await ask(bus, "discussions", "members")
    assert getattr(told, "code", "") == "STALE_VIEW"
