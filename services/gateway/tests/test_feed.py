import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.shared.domain import BrandId, DomainError, Event, Unavailable
from libs.shared.recorded import Recorded
from services.gateway.feed import MAX_OF_ONE, Changed, Feed, PostPublished, ReplyPublished, Written
from services.gateway.listeners import QUEUE_LENGTH, TooSlow


async def end(*listening: asyncio.Future[Any]) -> None:
    for one in listening:
        one.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    await asyncio.sleep(0)


def recorded(event: Event, brand: str = "b1", sequence: int = 1) -> Recorded[Event]:
    now = datetime.now(UTC)
    return Recorded(
        event=event, id="e1", brand=BrandId(brand), aggregate="thread", aggregate_id="t1", actor="m1", time=now,
        recorded_at=now, causation_id="c1", correlation_id="c1", stream="DISCUSSIONS", sequence=sequence,
    )  # fmt: skip


async def test_subscribers_hear_of_their_own_brand_only() -> None:
    feed = Feed()
    heard = feed.written("b1", "ada")
    first = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    feed.offer([recorded(PostPublished(), brand="b2"), recorded(ReplyPublished(reply_id="r1"), sequence=5)])
    assert await first == Written("b1", "t1", "r1", 5)
    await heard.aclose()
    assert feed.subscribers == 0


async def test_who_does_not_read_is_dropped_after_what_was_queued() -> None:
    feed = Feed()
    heard = feed.written("b1", "ada")
    first = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    feed.offer([recorded(PostPublished(), sequence=number) for number in range(QUEUE_LENGTH * 3)])
    assert feed.subscribers == 0
    assert (await first).position == 0
    read = [one.position for _ in range(QUEUE_LENGTH - 1) if (one := await anext(heard))]
    assert read == list(range(1, QUEUE_LENGTH))
    with pytest.raises(TooSlow):
        await anext(heard)


async def test_a_cancelled_subscriber_leaves_nothing_behind() -> None:
    feed = Feed()

    async def listen() -> None:
        async for _ in feed.written("b1", "ada"):
            pass

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    assert feed.subscribers == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert feed.subscribers == 0


async def test_members_hear_of_their_own_inbox_only() -> None:
    feed = Feed()
    heard = feed.notified("b1", "m1", "ada")
    first = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    feed.offer_notices(Changed("b2", {"m1": "elsewhere"}))
    feed.offer_notices(Changed("b1", {"m2": "another's", "m1": "mine"}))
    assert await first == "mine"
    assert feed.subscribers == 1
    await heard.aclose()
    assert feed.subscribers == 0


async def test_one_identity_does_not_take_all_places() -> None:
    feed = Feed()
    held = [feed.written(f"b{number}", "ada") for number in range(MAX_OF_ONE)]
    first = [asyncio.ensure_future(anext(heard)) for heard in held]
    await asyncio.sleep(0)
    with pytest.raises(DomainError, match="already") as refused:
        await anext(feed.notified("b1", "m1", "ada"))
    assert refused.value.code == "TOO_MANY_OPERATIONS"
    other = asyncio.ensure_future(anext(feed.written("b1", "bob")))
    await asyncio.sleep(0)
    assert feed.subscribers == MAX_OF_ONE + 1
    await end(first[0], other)
    again = asyncio.ensure_future(anext(feed.written("b1", "ada")))
    await asyncio.sleep(0)
    assert not again.done()
    await end(again, *first)
    assert feed.subscribers == 0


async def test_a_process_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.feed.MAX_SUBSCRIBERS", 1)
    feed = Feed()
    first = asyncio.ensure_future(anext(feed.written("b1", "ada")))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await anext(feed.written("b1", "bob"))
    await end(first)
