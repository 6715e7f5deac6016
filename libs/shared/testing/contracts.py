"""What every event store must do.  An adapter's test class inherits it and gives the fixture `store`."""

import asyncio
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from libs.shared.domain import Event
from libs.shared.event_store import CommitTooLarge, EventStore, Pending, Snapshot, Subject, WrongExpectation
from libs.shared.ids import uuid7


class Noted(Event, frozen=True, kw_only=True):
    """The event that the suite writes."""

    wire_name: ClassVar[str] = "noted"

    text: str


def note(subject: Subject, text: str, id_: str | None = None) -> Pending:
    """Return an event for the subject."""
    return Pending(
        event=Noted(text=text),
        id=id_ or uuid7(),
        brand=subject.brand,
        aggregate=subject.aggregate,
        aggregate_id=subject.id,
        actor="m1",
        time=datetime(2026, 3, 1, 12, tzinfo=UTC),
        causation_id="c1",
        correlation_id="c1",
    )


async def texts(store: EventStore, subject: Subject, *, after: int = 0, leader: bool = False) -> list[str]:
    """Return the texts of the subject's events."""
    found = await store.load(subject, after=after, leader=leader)
    return [recorded.event.text for recorded in found if isinstance(recorded.event, Noted)]


class EventStoreContract:
    """Each test works in a brand of its own, so a store may be shared and need not be empty."""

    @pytest.fixture
    def subject(self, store: EventStore) -> Subject:
        """Give an aggregate that has no events."""
        store.codec.register([Noted])
        return Subject(store.codec.service, uuid7(), "page", "p1")

    @pytest.fixture
    def other(self, subject: Subject) -> Subject:
        """Give another one."""
        return subject._replace(id="p2")

    async def test_a_commit_is_read_back_whole(self, store: EventStore, subject: Subject) -> None:
        """All events of a commit come back in order, with what was recorded about them."""
        pending = [note(subject, "a"), note(subject, "é\n"), note(subject, "")]
        sequence = await store.append(subject, pending, expected=0)
        found = await store.load(subject)
        assert [recorded.event for recorded in found] == [one.event for one in pending]
        assert [recorded.id for recorded in found] == [one.id for one in pending]
        assert [recorded.index for recorded in found] == [0, 1, 2]
        assert {recorded.sequence for recorded in found} == {sequence}
        assert {(recorded.stream, recorded.brand) for recorded in found} == {(subject.stream, subject.brand)}
        assert {recorded.time for recorded in found} == {pending[0].time}
        assert all(abs((recorded.recorded_at - datetime.now(UTC)).total_seconds()) < 60 for recorded in found)

    async def test_sequences_rise_and_are_what_head_says(self, store: EventStore, subject: Subject) -> None:
        """Each append expects the one before."""
        assert await store.head(subject) == 0
        first = await store.append(subject, [note(subject, "a")], expected=0)
        second = await store.append(subject, [note(subject, "b")], expected=first)
        assert second > first > 0
        assert await store.head(subject) == second

    @pytest.mark.parametrize("leader", [False, True])
    async def test_the_tail_is_read_from_after_a_sequence(
        self, store: EventStore, subject: Subject, leader: bool
    ) -> None:
        """Nothing at or before the sequence comes, and nothing of other aggregates."""
        first = await store.append(subject, [note(subject, "a")], expected=0)
        await store.append(subject._replace(id="p10"), [note(subject._replace(id="p10"), "x")], expected=0)
        second = await store.append(subject, [note(subject, "b")], expected=first)
        assert await texts(store, subject, leader=leader) == ["a", "b"]
        assert await texts(store, subject, after=first, leader=leader) == ["b"]
        assert await texts(store, subject, after=second, leader=leader) == []
        assert await texts(store, subject._replace(id="p"), leader=leader) == []

    async def test_a_wrong_expectation_stores_nothing(self, store: EventStore, subject: Subject) -> None:
        """An expected sequence that is too low or too high is refused."""
        first = await store.append(subject, [note(subject, "a")], expected=0)
        for expected in (0, first + 1):
            with pytest.raises(WrongExpectation):
                await store.append(subject, [note(subject, "b")], expected=expected)
        assert await texts(store, subject) == ["a"]

    async def test_of_appends_that_race_one_wins(self, store: EventStore, subject: Subject) -> None:
        """With one expectation, one of many is stored."""
        appends = [store.append(subject, [note(subject, str(n))], expected=0) for n in range(20)]
        results = await asyncio.gather(*appends, return_exceptions=True)
        assert sum(isinstance(result, int) for result in results) == 1
        assert sum(isinstance(result, WrongExpectation) for result in results) == 19
        assert len(await texts(store, subject)) == 1

    async def test_without_an_expectation_all_are_stored_once(self, store: EventStore, subject: Subject) -> None:
        """The same id again returns the first place."""
        pending = note(subject, "a")
        first = await store.append(subject, [pending], expected=None)
        assert await store.append(subject, [note(subject, "b")], expected=None) > first
        assert await store.append(subject, [pending], expected=None) == first
        assert await texts(store, subject) == ["a", "b"]

    async def test_together_all_or_nothing(self, store: EventStore, subject: Subject, other: Subject) -> None:
        """A batch with one wrong expectation stores nothing at all."""
        sequences = await store.append_together(
            [(subject, [note(subject, "a")], 0), (other, [note(other, "b"), note(other, "c")], 0)]
        )
        assert sequences == [await store.head(subject), await store.head(other)]
        with pytest.raises(WrongExpectation):
            await store.append_together(
                [(subject, [note(subject, "d")], sequences[0]), (other, [note(other, "e")], sequences[1] + 7)]
            )
        assert await texts(store, subject) == ["a"]
        assert await texts(store, other) == ["b", "c"]

    async def test_a_batch_sent_again_is_stored_once(self, store: EventStore, subject: Subject, other: Subject) -> None:
        """The same ids return the same places."""
        batch = [(subject, [note(subject, "a")], 0), (other, [note(other, "b")], 0)]
        assert await store.append_together(batch) == await store.append_together(batch)
        assert await texts(store, subject) == ["a"]

    async def test_a_batch_of_one_is_an_append(self, store: EventStore, subject: Subject) -> None:
        """It has the same expectation."""
        [sequence] = await store.append_together([(subject, [note(subject, "a")], 0)])
        assert sequence == await store.head(subject)
        with pytest.raises(WrongExpectation):
            await store.append_together([(subject, [note(subject, "b")], 0)])

    async def test_a_commit_that_does_not_fit_is_refused(
        self, store: EventStore, subject: Subject, other: Subject
    ) -> None:
        """Nothing of it is stored, nor of its batch."""
        large = note(subject, "x" * 1_100_000)
        with pytest.raises(CommitTooLarge) as refused:
            await store.append(subject, [large], expected=0)
        assert refused.value.code == "COMMIT_TOO_LARGE"
        with pytest.raises(CommitTooLarge):
            await store.append_together([(other, [note(other, "a")], 0), (subject, [large], 0)])
        assert (await store.head(subject), await store.head(other)) == (0, 0)

    async def test_an_empty_commit_is_a_defect(self, store: EventStore, subject: Subject) -> None:
        """There is nothing to store."""
        with pytest.raises(ValueError, match="at least one event"):
            await store.append(subject, [], expected=0)

    async def test_a_long_history_is_read_whole(self, store: EventStore, subject: Subject) -> None:
        """More than a page of messages, and in order."""
        for n in range(1_100):
            await store.append(subject, [note(subject, str(n))], expected=None)
        assert await texts(store, subject) == [str(n) for n in range(1_100)]

    async def test_the_newest_snapshot_is_kept(self, store: EventStore, subject: Subject, other: Subject) -> None:
        """One a subject; bytes come back as they were."""
        assert await store.load_snapshot(subject) is None
        await store.save_snapshot(subject, Snapshot(3, b"old"))
        await store.save_snapshot(subject, Snapshot(5, bytes(range(256))))
        assert await store.load_snapshot(subject) == Snapshot(5, bytes(range(256)))
        assert await store.load_snapshot(other) is None

    async def test_a_snapshot_that_does_not_fit_is_not_kept(self, store: EventStore, subject: Subject) -> None:
        """The older one stays."""
        await store.save_snapshot(subject, Snapshot(3, b"small"))
        await store.save_snapshot(subject, Snapshot(9, b"x" * 1_100_000))
        assert await store.load_snapshot(subject) == Snapshot(3, b"small")
