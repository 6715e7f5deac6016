"""An invitation: a leader asks somebody, by e-mail, to join the brand.

One aggregate for an address in a brand, so that nobody is invited twice; its id is a keyed hash of both.  The address
is the invitee's own: encrypted with a key of the invitation, which is destroyed when it is not needed any more.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import Role
from libs.shared.domain import Command, Event, Id, Owner
from libs.shared.text import Name
from services.members.locale import Locale
from services.members.mail.address import Token
from services.members.member import Edition, Email

#: How long an invitation holds when nobody says.
VALID_DAYS: Final = 14
MAX_VALID_DAYS: Final = 90
#: Mails that one invitation may cause, and how long lies between two of them.
MAX_MAILS: Final = 5
BETWEEN_MAILS: Final = timedelta(days=1)
#: How long after its end the address of an invitation is still known to those who invited.
REMEMBERED: Final = timedelta(days=30)

#: A personal message: plain text of at most 1,000 characters.
Message = Annotated[
    str, Meta(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")
]
Days = Annotated[int, Meta(ge=1, le=MAX_VALID_DAYS)]


# Events


class MemberInvited(Event, frozen=True, kw_only=True):
    """The event's actor invited whoever reads the mails of an address; `edition` counts from 1.

    Of the token in the mail only a hash is kept (SHA-256).  `salt` is not secret: with the platform's key it gives the
    token again for each mail of this edition.
    """

    wire_name: ClassVar[str] = "member_invited"
    personal: ClassVar[frozenset[str]] = frozenset({"address", "name"})

    edition: int
    address: str
    name: str | None
    role: Role
    language: str | None
    invited_at: datetime
    expires_at: datetime
    valid_days: int
    salt: str
    token_hash: str


class InvitationWorded(Event, frozen=True, kw_only=True):
    """The event's actor added words of their own to what they have just sent."""

    wire_name: ClassVar[str] = "invitation_worded"
    personal: ClassVar[frozenset[str]] = frozenset({"message"})
    owner: ClassVar[Owner] = Owner.ACTOR

    message: str


class InvitationResent(Event, frozen=True, kw_only=True):
    """The event's actor had the mail sent once more; `mail` counts from 2, and the time begins anew."""

    wire_name: ClassVar[str] = "invitation_resent"

    mail: int
    resent_at: datetime
    expires_at: datetime


class InvitationRevoked(Event, frozen=True, kw_only=True):
    """The event's actor took it back."""

    wire_name: ClassVar[str] = "invitation_revoked"


class InvitationAccepted(Event, frozen=True, kw_only=True):
    """The event's actor, `member_id`, accepted it, and so joined."""

    wire_name: ClassVar[str] = "invitation_accepted"

    member_id: str


class InvitationExpired(Event, frozen=True, kw_only=True):
    """Its time ran out."""

    wire_name: ClassVar[str] = "invitation_expired"


class InvitationForgotten(Event, frozen=True, kw_only=True):
    """Whom it was for is not known any more; right after this the key is destroyed."""

    wire_name: ClassVar[str] = "invitation_forgotten"


InvitationEvent = (
    MemberInvited
    | InvitationWorded
    | InvitationResent
    | InvitationRevoked
    | InvitationAccepted
    | InvitationExpired
    | InvitationForgotten
)

# State


class Status(StrEnum):
    """How far an invitation is."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Invitation(Struct, frozen=True, kw_only=True):
    """What an invitation must remember to decide; nothing of whom it is for.  `edition` 0: nobody was invited yet."""

    edition: int = 0
    status: Status = Status.PENDING
    role: Role = Role.MEMBER
    valid_days: int = VALID_DAYS
    expires_at: datetime | None = None
    mails: int = 0
    mailed_at: datetime | None = None
    salt: str = ""
    token_hash: str = ""
    accepted_by: str | None = None
    forgotten: bool = False

    def holds(self, now: datetime) -> bool:
        """Whether it can be accepted."""
        return self.status is Status.PENDING and self.expires_at is not None and now < self.expires_at


def evolve(state: Invitation, event: InvitationEvent) -> Invitation:
    """The invitation after `event`."""
    match event:
        case MemberInvited():
            return Invitation(
                edition=event.edition,
                role=event.role,
                valid_days=event.valid_days,
                expires_at=event.expires_at,
                mails=1,
                mailed_at=event.invited_at,
                salt=event.salt,
                token_hash=event.token_hash,
            )
        case InvitationWorded():
            return state
        case InvitationResent():
            again = {"mails": event.mail, "mailed_at": event.resent_at, "expires_at": event.expires_at}
            return structs.replace(state, status=Status.PENDING, **again)
        case InvitationRevoked():
            return structs.replace(state, status=Status.REVOKED)
        case InvitationAccepted():
            return structs.replace(state, status=Status.ACCEPTED, accepted_by=event.member_id)
        case InvitationExpired():
            return structs.replace(state, status=Status.EXPIRED)
        case InvitationForgotten():
            return structs.replace(state, forgotten=True)
        case _:
            assert_never(event)


# Commands


class InviteMember(Command, frozen=True, kw_only=True):
    """Invite somebody.  Owners and builders; owners only for a role beside member.

    Whoever is invited already, or has accepted and is a member, is not invited again, which is no refusal.
    """

    wire_name: ClassVar[str] = "invite_member"

    address: Email
    name: Name | None = None
    role: Role = Role.MEMBER
    language: Locale | None = None
    message: Message | None = None
    valid_days: Days = VALID_DAYS


class InviteAddress(InviteMember, frozen=True, kw_only=True):
    """The same with what the service makes of it: the invitation that the address has, and a token."""

    invitation_id: Id
    salt: str
    token_hash: str


class ResendInvitation(Command, frozen=True, kw_only=True):
    """Send the mail once more, and let its time begin anew.  Who may do it is as for `InviteMember`."""

    wire_name: ClassVar[str] = "resend_invitation"

    invitation_id: Id


class RevokeInvitation(Command, frozen=True, kw_only=True):
    """Take an invitation back.  Owners and builders."""

    wire_name: ClassVar[str] = "revoke_invitation"

    invitation_id: Id


class AcceptInvitation(Command, frozen=True, kw_only=True):
    """Accept an invitation and join.  Whoever has the token, as the member that they will be (see `join_brand`)."""

    wire_name: ClassVar[str] = "accept_invitation"

    token: Token
    member_id: Id
    identity: Id
    display_name: Name
    email: Email | None = None
    accepted_rules: Edition | None = None


class AcceptToken(Command, frozen=True, kw_only=True):
    """What accepting is to the invitation itself; the service makes it."""

    wire_name: ClassVar[str] = "accept_token"

    invitation_id: Id
    member_id: Id
    token_hash: str


class ExpireInvitation(Command, frozen=True, kw_only=True):
    """Record that its time ran out; the service does."""

    wire_name: ClassVar[str] = "expire_invitation"

    invitation_id: Id


class ForgetInvitation(Command, frozen=True, kw_only=True):
    """Record that nobody needs to know any more whom it was for; the service does."""

    wire_name: ClassVar[str] = "forget_invitation"

    invitation_id: Id


InvitationCommand = (
    InviteAddress | ResendInvitation | RevokeInvitation | AcceptToken | ExpireInvitation | ForgetInvitation
)
