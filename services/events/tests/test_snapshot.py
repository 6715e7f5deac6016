"""An event of many attendees is read back from its snapshot as it was."""

from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler
from libs.shared.event_store import Subject
from libs.shared.testing.memory import MemoryEventStore
from services.events.decisions import DECIDER
from services.events.event import Mode
from services.events.tests.builders import cancel_rsvp, rsvp, schedule


async def test_a_snapshot_holds_seats_queue_and_numbers() -> None:
    store = MemoryEventStore(Codec("events"))
    before = CommandHandler(DECIDER, store, "events", snapshot_every=5)
    await before.handle(schedule(in_person_seats=3))
    for n in range(10):
        await before.handle(rsvp(f"m{n}"))
    await before.handle(cancel_rsvp("m5"))
    await before.settle()
    assert await store.load_snapshot(Subject("events", "b1", "event", "e1")) is not None

    after = CommandHandler(DECIDER, store, "events", snapshot_every=5)
    assert await after.state("b1", "e1") == await before.state("b1", "e1", fresh=True)
    await after.handle(cancel_rsvp("m0"))
    seats = (await after.state("b1", "e1")).seating.seats[Mode.IN_PERSON]
    assert (seats.taken, seats.next_in_queue) == (3, "m4")
