import asyncio
from dataclasses import replace

import pytest

from libs.shared.commands import CommandHandler
from libs.shared.domain import Accepted, DomainError, Unavailable
from libs.shared.event_store import CommitTooLarge, Snapshot, Subject
from libs.shared.plan import Limits
from libs.shared.tests.hall import (
    HALL,
    SeatTaken,
    open_hall,
    take_seat,
)
from libs.shared.tests.recording import Halls, Recording, history


class TestGroupCommit:
    async def test_what_arrives_during_an_append_leaves_as_one_commit(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 3))
        store.gate.clear()
        tasks = [asyncio.ensure_future(halls.handle(take_seat("h1", f"m{n}"))) for n in range(1)]
        await asyncio.sleep(0.01)
        tasks += [asyncio.ensure_future(halls.handle(take_seat("h1", f"m{n}"))) for n in range(1, 6)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        store.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        positions = [result.position["HALLS"] if isinstance(result, Accepted) else result for result in results]
        assert positions[:3] == [2, 3, 3]
        assert [str(result) for result in results[3:]] == ["all seats are taken"] * 3
        assert len(store.messages) == 3

    async def test_nobody_is_answered_before_the_ack(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 1))
        store.gate.clear()
        calls = [take_seat("h1", "m1"), take_seat("h1", "m1"), take_seat("h1", "m2")]
        tasks = [asyncio.ensure_future(halls.handle(call)) for call in calls]
        done, _ = await asyncio.wait(tasks, timeout=0.02)
        assert not done
        store.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[0] == results[1] == Accepted(id="h1", position={"HALLS": 2})
        assert isinstance(results[2], DomainError)

    @pytest.mark.parametrize("limits", [Limits(events=10), Limits(size_bytes=5_000)])
    async def test_a_commit_is_bounded(self, store: Recording, limits: Limits) -> None:
        halls = CommandHandler(HALL, store, "halls", limits=limits)
        await halls.handle(open_hall("h1", 100))
        await asyncio.gather(*(halls.handle(take_seat("h1", f"m{n}")) for n in range(50)))
        sizes = [len(store.codec.decode(message)) for message in store.messages[1:]]
        assert sum(sizes) == 50
        assert 5 <= max(sizes) <= 14
        if limits.events == 10:
            assert sizes == [10] * 5
        else:
            assert max(len(message.data) for message in store.messages) <= 5_000
        assert [event.number for event in await history(store) if isinstance(event, SeatTaken)] == [*range(1, 51)]

    async def test_one_that_is_too_large_is_refused_alone(self) -> None:
        store = Recording(limit_bytes=4_000)
        halls = CommandHandler(HALL, store, "halls")
        await halls.handle(open_hall("h1", 100))
        calls = [take_seat("h1", f"m{n}", note="x" * 5_000 if n in {0, 7} else "") for n in range(20)]
        results = await asyncio.gather(*(halls.handle(call) for call in calls), return_exceptions=True)
        refused = [n for n, result in enumerate(results) if isinstance(result, CommitTooLarge)]
        assert refused == [0, 7]
        assert all(isinstance(result, Accepted | CommitTooLarge) for result in results)
        assert len((await halls.state("b1", "h1")).taken) == 18

    async def test_a_failure_is_told_to_all_who_wait_and_forgotten(self, store: Recording, halls: Halls) -> None:
        await halls.handle(open_hall("h1", 9))
        store.failures.append(Unavailable())
        calls = [halls.handle(take_seat("h1", f"m{n}")) for n in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)
        assert (await halls.handle(take_seat("h1", "m9"))).position == {"HALLS": 2}


class TestSnapshots:
    async def test_a_state_is_restored_and_only_the_tail_is_read(self, store: Recording) -> None:
        halls = CommandHandler(HALL, store, "halls", snapshot_every=5)
        await halls.handle(open_hall("h1", 100))
        for n in range(12):
            await halls.handle(take_seat("h1", f"m{n}", command_id=f"c{n}"))
        await halls.settle()
        snapshot = await store.load_snapshot(Subject("halls", "b1", "hall", "h1"))
        assert snapshot is not None
        assert snapshot.sequence == 10
        store.messages[:10] = [message._replace(data=b"not read") for message in store.messages[:10]]
        again = CommandHandler(HALL, store, "halls")
        assert await again.state("b1", "h1") == await halls.state("b1", "h1")
        assert (await again.handle(take_seat("h1", "m3", command_id="c3"))).repeated

    @pytest.mark.parametrize("data", [b"", b"\xc1", b"{}", b"\x93\xa1r\x80\xc0"])
    async def test_a_snapshot_that_cannot_be_read_is_ignored(self, store: Recording, halls: Halls, data: bytes) -> None:
        await halls.handle(open_hall("h1", 7))
        await store.save_snapshot(Subject("halls", "b1", "hall", "h1"), Snapshot(1, data))
        assert (await CommandHandler(HALL, store, "halls").state("b1", "h1")).seats == 7

    async def test_a_snapshot_of_other_rules_is_ignored(
        self, store: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        halls = CommandHandler(HALL, store, "halls", snapshot_every=1)
        await halls.handle(open_hall("h1", 7))
        await halls.settle()
        monkeypatch.setattr("libs.shared.states._source_of", lambda _: "other")
        assert (await CommandHandler(HALL, store, "halls").state("b1", "h1")).seats == 7
        assert store.calls["load"] == 1
        store.messages[0] = store.messages[0]._replace(data=b"read")
        with pytest.raises(Exception, match="HALLS 1"):
            await CommandHandler(HALL, store, "halls").state("b1", "h1")

    async def test_a_state_with_personal_fields_is_never_saved(self, store: Recording) -> None:
        halls = CommandHandler(replace(HALL, snapshots=False), store, "halls", snapshot_every=1)
        await halls.handle(open_hall("h1", 7))
        await halls.settle()
        assert await store.load_snapshot(Subject("halls", "b1", "hall", "h1")) is None

    async def test_the_cache_is_bounded(self, store: Recording) -> None:
        halls = CommandHandler(HALL, store, "halls", cache_size=3)
        for n in range(10):
            await halls.handle(open_hall(f"h{n}", n))
        before = store.calls["load"]
        states = [await halls.state("b1", f"h{n}") for n in range(10)]
        assert [state.seats for state in states] == list(range(10))
        assert store.calls["load"] - before >= 7
