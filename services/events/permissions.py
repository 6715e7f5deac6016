"""What a viewer could send about brands and events here: examples to rehearse, no rules."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from libs.access.audience import Audience
from libs.access.permissions import NEW, Asked, Example, Examples, named
from libs.shared.commands import CommandHandler
from services.events.decisions import CancelEvent, CancelRsvp, CheckIn, EventCommand, Rsvp, ScheduleEvent
from services.events.event import CommunityEvent, EventEvent, Format, Mode, RsvpStatus
from services.events.inviting import ChangeEventAudience, InviteToEvent, WithdrawEventInvitations

_A_DAY: Final = timedelta(days=1)


def examples(events: CommandHandler[CommunityEvent, EventCommand, EventEvent]) -> Mapping[str, Examples]:
    """The examples for each kind of thing."""

    async def brand(asked: Asked) -> list[Example]:
        ahead = {"starts_at": asked.now + _A_DAY, "ends_at": asked.now + _A_DAY, "time_zone": "UTC"}
        return named(asked.example(ScheduleEvent, event_id=NEW, title=NEW, format=Format.ONLINE, **ahead))

    async def event(asked: Asked) -> list[Example]:
        one = {"event_id": asked.id}
        known = await events.state(asked.brand, asked.id, fresh=True)
        awaited = (
            member
            for member, attendance in known.seating.attendances.items()
            if attendance.status is RsvpStatus.CONFIRMED and not attendance.checked_in
        )
        return named(
            *(asked.example(Rsvp, **one, mode=mode) for mode in Mode),
            asked.example(CancelRsvp, **one),
            asked.example(CancelEvent, **one),
            *(asked.example(ChangeEventAudience, **one, audience=audience) for audience in (None, Audience())),
            asked.example(InviteToEvent, **one, member_ids=(NEW,)),
            asked.example(WithdrawEventInvitations, **one, member_ids=(next(iter(known.guests.invited), NEW),)),
            *(
                asked.example(CheckIn, **one, member_id=member)
                for member in {asked.viewer, next(awaited, asked.viewer)}
            ),
        )

    return {"brand": brand, "event": event}
