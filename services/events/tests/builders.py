"""Commands as the tests of this service send them: one event `e1` of the brand `b1`, at a clock given in hours."""

from datetime import UTC, datetime, timedelta
from itertools import count

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.domain import SYSTEM
from services.events.decisions import CancelEvent, CancelRsvp, CheckIn, Rsvp, ScheduleEvent
from services.events.event import Format, Mode
from services.events.inviting import ChangeEventAudience, InviteToEvent, ReleaseAttendee, WithdrawEventInvitations

START = datetime(2026, 3, 28, 18, tzinfo=UTC)
END = START + timedelta(hours=2)
LONG_BEFORE = START - timedelta(days=30)

MEMBER = frozenset({Role.MEMBER.value})
MODERATOR = MEMBER | {Role.MODERATOR.value}
LEADER = MEMBER | {Role.BUILDER.value}
STRANGER: frozenset[str] = frozenset()

_ids = count(1)


def schedule(
    *,
    brand: str = "b1",
    event_id: str = "e1",
    form: Format = Format.HYBRID,
    in_person_seats: int | None = None,
    online_seats: int | None = None,
    starts_at: datetime = START,
    ends_at: datetime = END,
    time_zone: str = "Europe/Paris",
    audience: Audience | None = None,
    actor: str = "leader",
    roles: frozenset[str] = LEADER,
) -> ScheduleEvent:
    return ScheduleEvent(
        command_id=f"c{next(_ids)}",
        brand=brand,
        actor=actor,
        now=LONG_BEFORE,
        roles=roles,
        event_id=event_id,
        title="Spring meeting",
        format=form,
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=time_zone,
        in_person_seats=in_person_seats,
        online_seats=online_seats,
        audience=audience,
    )


def rsvp(
    member: str,
    mode: Mode = Mode.IN_PERSON,
    *,
    brand: str = "b1",
    event_id: str = "e1",
    now: datetime = LONG_BEFORE,
    roles: frozenset[str] = MEMBER,
) -> Rsvp:
    return Rsvp(
        command_id=f"c{next(_ids)}", brand=brand, actor=member, now=now, roles=roles, event_id=event_id, mode=mode
    )


def cancel_rsvp(
    member: str, *, brand: str = "b1", now: datetime = LONG_BEFORE, roles: frozenset[str] = MEMBER
) -> CancelRsvp:
    return CancelRsvp(command_id=f"c{next(_ids)}", brand=brand, actor=member, now=now, roles=roles, event_id="e1")


def check_in(
    actor: str, member: str, *, brand: str = "b1", now: datetime = START, roles: frozenset[str] = MEMBER
) -> CheckIn:
    return CheckIn(
        command_id=f"c{next(_ids)}", brand=brand, actor=actor, now=now, roles=roles, event_id="e1", member_id=member
    )


def cancel_event(
    *, actor: str = "leader", brand: str = "b1", now: datetime = LONG_BEFORE, roles: frozenset[str] = LEADER
) -> CancelEvent:
    return CancelEvent(command_id=f"c{next(_ids)}", brand=brand, actor=actor, now=now, roles=roles, event_id="e1")


def change_audience(
    audience: Audience | None, *, brand: str = "b1", event_id: str = "e1", roles: frozenset[str] = LEADER
) -> ChangeEventAudience:
    return ChangeEventAudience(
        command_id=f"c{next(_ids)}", brand=brand, actor="leader", now=LONG_BEFORE, roles=roles, event_id=event_id,
        audience=audience,
    )  # fmt: skip


def invite(
    *members: str,
    brand: str = "b1",
    event_id: str = "e1",
    now: datetime = LONG_BEFORE,
    actor: str = "leader",
    roles: frozenset[str] = LEADER,
) -> InviteToEvent:
    return InviteToEvent(
        command_id=f"c{next(_ids)}", brand=brand, actor=actor, now=now, roles=roles, event_id=event_id,
        member_ids=members,
    )  # fmt: skip


def withdraw(
    *members: str,
    brand: str = "b1",
    event_id: str = "e1",
    now: datetime = LONG_BEFORE,
    actor: str = "leader",
    roles: frozenset[str] = LEADER,
) -> WithdrawEventInvitations:
    return WithdrawEventInvitations(
        command_id=f"c{next(_ids)}", brand=brand, actor=actor, now=now, roles=roles, event_id=event_id,
        member_ids=members,
    )  # fmt: skip


def release(
    member: str, *, left_brand: bool = True, now: datetime = LONG_BEFORE, actor: str = SYSTEM
) -> ReleaseAttendee:
    return ReleaseAttendee(
        command_id=f"c{next(_ids)}", brand="b1", actor=actor, now=now, roles=LEADER, event_id="e1", member_id=member,
        left_brand=left_brand,
    )  # fmt: skip
