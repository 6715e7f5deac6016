"""What follows from invitations by itself: their mails, their end, and that they are forgotten.

Every step is safe to repeat: a mail has an id of its own, and the invitation itself knows whether it is over.
"""

from datetime import datetime
from typing import Any, ClassVar, Final

from libs.access.erasure import RecordErasure
from libs.shared.app import App
from libs.shared.commands import CommandHandler
from libs.shared.domain import ERASED, SYSTEM, Event
from libs.shared.event_store import Subject
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.privacy import KeyId
from libs.shared.recorded import Recorded
from libs.shared.schedules import Due
from services.members.front_door import front_door
from services.members.invitations.invitation import (
    REMEMBERED,
    ExpireInvitation,
    ForgetInvitation,
    Invitation,
    InvitationAccepted,
    InvitationCommand,
    InvitationEvent,
    InvitationExpired,
    InvitationResent,
    InvitationRevoked,
    InvitationWorded,
    MemberInvited,
)
from services.members.invitations.tokens import PATH, InvitationToken
from services.members.invitations.view import MAILS
from services.members.mail.mailer import Draft, Mailer
from services.members.member import Member, MemberCommand, MemberEvent
from services.members.views.brands import BrandsGetMany, BrandsView

_EXPIRY: Final = "invitation_expiry"
_FORGETTING: Final = "invitation_forgetting"


class _Invited(Event, frozen=True, kw_only=True):
    """`MemberInvited` as it is followed: nothing of whom it is for."""

    wire_name: ClassVar[str] = MemberInvited.wire_name

    edition: int
    expires_at: datetime


_FOLLOWED: Final = (_Invited, InvitationResent, InvitationRevoked, InvitationAccepted, InvitationExpired)


class Invitations:
    """The process behind invitations."""

    def __init__(
        self,
        app: App,
        invitations: CommandHandler[Invitation, InvitationCommand, InvitationEvent],
        members: CommandHandler[Member, MemberCommand, MemberEvent],
        brands: BrandsView,
        mailer: Mailer,
    ) -> None:
        self._app = app
        self._invitations = invitations
        self._members = members
        self._brands = brands
        self._mailer = mailer
        follower = Follower("invitations", "MEMBERS", ("evt.members.*.invitation.*",), _FOLLOWED, self._follow)
        app.background(follower.name, lambda: follower.run(app.nats, app.db))
        app.on_due(_EXPIRY, self._expire)
        app.on_due(_FORGETTING, self._forget)
        mailer.writes(MAILS, self._write)

    async def _follow(self, recorded: Recorded[Any]) -> bool:
        """Schedule what an event leads to.  All of it may be done again, so no event needs a checkpoint of its own."""
        brand, id_, timetable = recorded.brand, recorded.aggregate_id, self._app.timetable
        match recorded.event:
            case _Invited() as event:
                await self._mail(brand, id_, str(event.edition), "1")
                await timetable.reschedule(_EXPIRY, id_, event.expires_at, brand.encode())
            case InvitationResent() as event:
                await self._mail(brand, id_, event.resent_at.isoformat(), str(event.mail))
                await timetable.reschedule(_EXPIRY, id_, event.expires_at, brand.encode())
            case InvitationAccepted():
                # The member has told their own address, if they wanted to.
                await timetable.cancel(_EXPIRY, id_)
                await timetable.reschedule(_FORGETTING, id_, recorded.time, brand.encode())
            case InvitationRevoked() | InvitationExpired():
                await timetable.cancel(_EXPIRY, id_)
                await timetable.reschedule(_FORGETTING, id_, recorded.time + REMEMBERED, brand.encode())
        return False

    async def _mail(self, brand: str, invitation_id: str, *which: str) -> None:
        await self._mailer.send(derived_id(MAILS, brand, invitation_id, *which), brand, MAILS, invitation_id)

    async def _expire(self, due: Due) -> None:
        brand, now = due.data.decode(), self._app.clock.now()
        await self._carry_out(ExpireInvitation, brand, due.id, now)

    async def _forget(self, due: Due) -> None:
        """Record it, destroy the key, and let the views pass that: the same as when a member is erased."""
        brand, now = due.data.decode(), self._app.clock.now()
        await self._carry_out(ForgetInvitation, brand, due.id, now)
        state = await self._invitations.state(brand, due.id, fresh=True)
        if not state.forgotten or self._app.vault is None:
            return  # they were invited anew meanwhile
        destroyed_at = await self._app.vault.destroy(KeyId(brand, due.id), now)
        record = RecordErasure(
            command_id=derived_id("forget", brand, due.id),
            brand=brand,
            actor=SYSTEM,
            now=destroyed_at,
            member_id=due.id,
            key_destroyed_at=destroyed_at,
        )
        await self._app.bus.command("members", "erasure", record.wire_name, record)

    async def _carry_out(
        self, command: type[ExpireInvitation | ForgetInvitation], brand: str, id_: str, now: datetime
    ) -> None:
        command_id = derived_id(command.wire_name, brand, id_, now.isoformat())
        await self._invitations.handle(
            command(command_id=command_id, brand=brand, actor=SYSTEM, now=now, invitation_id=id_)
        )

    async def _write(self, brand: str, invitation_id: str) -> Draft | None:
        """The mail as things are now; None when there is nobody to write to, or nothing to accept any more."""
        subject = Subject("members", brand, "invitation", invitation_id)
        history = await self._app.store.load(subject, leader=True)
        state = await self._invitations.state(brand, invitation_id, fresh=True)
        invited = next((one for one in reversed(history) if isinstance(one.event, MemberInvited)), None)
        if invited is None or not state.holds(self._app.clock.now()) or state.expires_at is None:
            return None
        event = invited.event
        if not isinstance(event, MemberInvited) or event.address == ERASED:
            return None
        token = InvitationToken.make(self._app.settings.identity_secret, brand, invitation_id, state.salt)
        return Draft(
            to=event.address,
            template="invitation",
            language=event.language,
            values={
                "inviter": await self._name_of(brand, invited.actor),
                "name": event.name,
                "message": _words_after(history, invited),
                "url": f"{await self._home(brand)}{PATH}{token.text}",
                "days": state.valid_days,
                "expires_at": state.expires_at,
            },
        )

    async def _name_of(self, brand: str, actor: str) -> str | None:
        if actor == SYSTEM:
            return None
        member = await self._members.state(brand, actor)
        return member.display_name if member.joined else None

    async def _home(self, brand: str) -> str:
        """Where links of the brand lead: to its web pages, else to the gateway's."""
        settings = self._app.settings
        [shown] = await self._brands.brands_get_many(BrandsGetMany(brand=brand, viewer=SYSTEM, ids=[brand]))
        home = front_door(shown.slug, shown.domain, settings.client_url) if shown is not None else None
        return home or settings.public_url.rstrip("/")


def _words_after(history: list[Recorded[Event]], invited: Recorded[Event]) -> str | None:
    """The words that were added to an invitation, unless whoever wrote them was erased."""
    for one in history:
        if isinstance(one.event, InvitationWorded) and one.causation_id == invited.causation_id:
            return None if one.event.message == ERASED else one.event.message
    return None
