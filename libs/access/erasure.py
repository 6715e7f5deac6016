"""An erasure as every service records it: an aggregate `erasure` a member, after which its views show nothing of them.

It stands in the service's own log, so that each view passes it in order: whatever it takes in before is scrubbed there,
whatever comes after is unreadable, and a rebuilt view comes to the same.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from libs.shared.domain import SYSTEM, Command, Decider, Event, Forbidden, Id

#: The services that hold something about members and so record it; the stream of the first is read by the others too.
SERVICES: Final = ("members", "discussions", "events", "feedback")

# Events


class ErasureRecorded(Event, frozen=True, kw_only=True):
    """The member (the aggregate's id) was erased: their key was destroyed before this was recorded."""

    wire_name: ClassVar[str] = "erasure_recorded"

    key_destroyed_at: datetime


# State


class Erasure(Struct, frozen=True, kw_only=True):
    """Whether it was recorded."""

    recorded: bool = False


def evolve(_state: Erasure, _event: ErasureRecorded) -> Erasure:
    """The erasure after `event`: there is no way back."""
    return Erasure(recorded=True)


# Commands


class RecordErasure(Command, frozen=True, kw_only=True):
    """Record that a member was erased.  Only the members service sends it, as the platform, once the key is gone."""

    wire_name: ClassVar[str] = "record_erasure"

    member_id: Id
    key_destroyed_at: Annotated[datetime, Meta(tz=True)]


# Decisions


def decide(state: Erasure, command: RecordErasure) -> list[ErasureRecorded]:
    """The fact that `command` makes true.  Raises FORBIDDEN."""
    if command.actor != SYSTEM:
        raise Forbidden("only the platform records an erasure")
    return [] if state.recorded else [ErasureRecorded(key_destroyed_at=command.key_destroyed_at)]


DECIDER: Decider[Erasure, RecordErasure, ErasureRecorded] = Decider(
    aggregate="erasure",
    initial=Erasure(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.member_id,
    commands=(RecordErasure,),
    events=(ErasureRecorded,),
)
