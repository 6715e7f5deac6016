"""API keys: how they look, and whom they prove, for how long."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.shared.bus import Timeout
from libs.shared.domain import DomainError, NotFound, Unavailable
from libs.shared.ids import uuid7
from services.gateway.api_keys import KNOWN_SECONDS, ApiKeys, new_key, read_key
from services.gateway.security import Principal, Unauthenticated
from services.gateway.tests.world import FakeBus

EXPIRES = datetime(2026, 6, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = EXPIRES.timestamp() - 3600

    def __call__(self) -> float:
        return self.now


class Asked:
    """The members service: knows one key."""

    def __init__(self) -> None:
        self.key = new_key(uuid7())
        self.problem: DomainError | None = None
        self.bus = FakeBus(answers={"members.owner_of_api_key": self._answer})
        self.clock = Clock()
        self.keys = ApiKeys(self.bus, self.clock, self.clock)

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        if (asked["key_id"], asked["key_hash"]) != (self.key.key_id, self.key.key_hash):
            raise NotFound("no")
        return {"brand": "b1", "account_id": "sa_1", "expires_at": EXPIRES}


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_a_key_is_read_as_it_was_made_and_none_is_like_another() -> None:
    key = new_key(uuid7())
    proof = read_key(key.text)
    assert proof is not None
    assert (proof.key_id, proof.key_hash) == (key.key_id, key.key_hash)
    assert key.text.endswith(key.last_four)
    assert key.key_hash not in key.text
    assert len({new_key(key.key_id).text for _ in range(100)}) == 100


def test_a_mistyped_key_is_none() -> None:
    text = new_key(uuid7()).text
    for place in range(len(text)):
        other = "2" if text[place] != "2" else "3"
        assert read_key(text[:place] + other + text[place + 1 :]) is None, place
    for bad in ("", "ak_", text[:-1], text + "0", text.upper(), f" {text}", text + "\n", text.replace("_", "-")):
        assert read_key(bad) is None, bad


async def test_a_key_proves_its_account(asked: Asked) -> None:
    found = await asked.keys.authenticate(asked.key.text)
    assert found == Principal(
        identity="sa_1",
        email=None,
        expires_at=EXPIRES.timestamp(),
        brand="b1",
        key=read_key(asked.key.text),
    )


async def test_neither_the_key_nor_its_secret_leaves_the_process(asked: Asked) -> None:
    await asked.keys.authenticate(asked.key.text)
    assert asked.key.text.split("_")[2] not in repr(asked.bus.asked)


@pytest.mark.parametrize("bad", ["ak_", "ak_1_2", "nonsense"])
async def test_what_is_no_key_is_refused_without_a_question(asked: Asked, bad: str) -> None:
    with pytest.raises(Unauthenticated):
        await asked.keys.authenticate(bad)
    assert asked.bus.asked == []


async def test_another_secret_under_the_same_id_proves_nothing(asked: Asked) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await asked.keys.authenticate(new_key(asked.key.key_id).text)
    assert str(refused.value) == str(Unauthenticated())


async def test_a_key_is_asked_for_once_by_many_at_the_same_time_and_remembered_briefly(asked: Asked) -> None:
    await asyncio.gather(*(asked.keys.authenticate(asked.key.text) for _ in range(50)))
    assert len(asked.bus.asked) == 1
    asked.clock.now += KNOWN_SECONDS * 0.9
    await asked.keys.authenticate(asked.key.text)
    assert len(asked.bus.asked) == 1


async def test_a_revoked_key_counts_for_two_seconds_at_most(asked: Asked) -> None:
    await asked.keys.authenticate(asked.key.text)
    asked.problem = NotFound("revoked")
    asked.clock.now += KNOWN_SECONDS + 0.01
    with pytest.raises(Unauthenticated):
        await asked.keys.authenticate(asked.key.text)
    asked.problem = None
    with pytest.raises(Unauthenticated):
        await asked.keys.authenticate(asked.key.text)
    assert len(asked.bus.asked) == 2, "a refusal is remembered too"


async def test_a_key_ends_at_its_time_though_it_is_remembered(asked: Asked) -> None:
    asked.clock.now = EXPIRES.timestamp() - 0.5
    await asked.keys.authenticate(asked.key.text)
    asked.clock.now += 0.5
    with pytest.raises(Unauthenticated):
        await asked.keys.authenticate(asked.key.text)


@pytest.mark.parametrize("problem", [Unavailable(), Timeout(), DomainError("STALE_VIEW", "later")])
async def test_when_nobody_can_say_it_is_not_the_senders_fault_and_not_remembered(
    asked: Asked, problem: DomainError
) -> None:
    asked.problem = problem
    with pytest.raises(Unavailable):
        await asked.keys.authenticate(asked.key.text)
    asked.problem = None
    await asked.keys.authenticate(asked.key.text)


async def test_who_gives_up_does_not_take_the_answer_from_the_others(asked: Asked) -> None:
    first = asyncio.create_task(asked.keys.authenticate(asked.key.text))
    second = asyncio.create_task(asked.keys.authenticate(asked.key.text))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).identity == "sa_1"
