"""What members want to be told of and how, and what a brand proposes: one aggregate a member, and one a brand."""

from functools import cache
from typing import ClassVar, Final, assert_never
from zoneinfo import available_timezones

from msgspec import Struct, structs

from libs.access.roles import LEADERS, Role, require
from libs.shared.domain import SYSTEM, Command, Decider, Event, Forbidden, Id, Invalid
from libs.shared.text import Line
from services.members.notices.kinds import Kind, Mail, Word

#: The time zone of digests for who chose none, in a brand that chose none.
DEFAULT_ZONE: Final = "UTC"

# Events


class NotificationsChosen(Event, frozen=True, kw_only=True):
    """The member's word on a kind is now this; None: they leave the channel to the brand."""

    wire_name: ClassVar[str] = "notifications_chosen"

    kind: Kind
    inbox: bool | None = None
    mail: Mail | None = None


class MailStopped(Event, frozen=True, kw_only=True):
    """The member wants no e-mail of notifications and no digests, until they say otherwise."""

    wire_name: ClassVar[str] = "notification_mail_stopped"


class MailResumed(Event, frozen=True, kw_only=True):
    """The member wants e-mail again, as they had chosen."""

    wire_name: ClassVar[str] = "notification_mail_resumed"


class DefaultsProposed(Event, frozen=True, kw_only=True):
    """The brand's word on a kind, for members who said nothing; None: it leaves the channel as it comes."""

    wire_name: ClassVar[str] = "notification_defaults_proposed"

    kind: Kind
    inbox: bool | None = None
    mail: Mail | None = None


class DigestZoneChosen(Event, frozen=True, kw_only=True):
    """Digests of members who chose no time zone (IANA) come by this one."""

    wire_name: ClassVar[str] = "digest_zone_chosen"

    time_zone: str


ChoiceEvent = NotificationsChosen | MailStopped | MailResumed

ProposalEvent = DefaultsProposed | DigestZoneChosen

# States


class Wishes(Struct, frozen=True, kw_only=True):
    """What a member said."""

    words: dict[str, Word] = {}
    mail_off: bool = False


class Proposal(Struct, frozen=True, kw_only=True):
    """What a brand said."""

    words: dict[str, Word] = {}
    time_zone: str = ""


def evolve(state: Wishes, event: ChoiceEvent) -> Wishes:
    """The member's wishes after `event`."""
    match event:
        case NotificationsChosen():
            word = Word(inbox=event.inbox, mail=event.mail)
            return structs.replace(state, words={**state.words, event.kind.value: word})
        case MailStopped():
            return structs.replace(state, mail_off=True)
        case MailResumed():
            return structs.replace(state, mail_off=False)
        case _:
            assert_never(event)


def evolve_proposal(state: Proposal, event: ProposalEvent) -> Proposal:
    """The brand's proposal after `event`."""
    match event:
        case DefaultsProposed():
            word = Word(inbox=event.inbox, mail=event.mail)
            return structs.replace(state, words={**state.words, event.kind.value: word})
        case DigestZoneChosen():
            return structs.replace(state, time_zone=event.time_zone)
        case _:
            assert_never(event)


# Commands


class ChooseNotifications(Command, frozen=True, kw_only=True):
    """Say how one wants to be told of a kind; None leaves a channel to the brand.  Members, for themselves."""

    wire_name: ClassVar[str] = "choose_notifications"

    kind: Kind
    inbox: bool | None = None
    mail: Mail | None = None


class SwitchMail(Command, frozen=True, kw_only=True):
    """Get no e-mail of notifications at all, or get it again as chosen.  Members, for themselves.

    Off may also be said by the platform for `member_id`, who opted out at an address that is not theirs any more.
    """

    wire_name: ClassVar[str] = "switch_mail"

    on: bool
    member_id: Id | None = None


class ProposeDefaults(Command, frozen=True, kw_only=True):
    """Say how members are told of a kind who said nothing themselves.  Leaders only."""

    wire_name: ClassVar[str] = "propose_defaults"

    kind: Kind
    inbox: bool | None = None
    mail: Mail | None = None


class ChooseDigestZone(Command, frozen=True, kw_only=True):
    """Say by which clock digests come to members who chose no time zone.  Leaders only."""

    wire_name: ClassVar[str] = "choose_digest_zone"

    time_zone: Line


ChoiceCommand = ChooseNotifications | SwitchMail

ProposalCommand = ProposeDefaults | ChooseDigestZone

# Decisions


def decide(state: Wishes, command: ChoiceCommand) -> list[ChoiceEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN."""
    require(command.roles, Role.MEMBER)
    if whose(command) == SYSTEM:
        raise Forbidden("the platform is told of nothing")
    match command:
        case ChooseNotifications():
            word = Word(inbox=command.inbox, mail=command.mail)
            if state.words.get(command.kind.value, Word()) == word:
                return []
            return [NotificationsChosen(kind=command.kind, inbox=command.inbox, mail=command.mail)]
        case SwitchMail():
            _may_switch(command)
            if state.mail_off is not command.on:
                return []
            return [MailResumed() if command.on else MailStopped()]
        case _:
            assert_never(command)


def decide_proposal(state: Proposal, command: ProposalCommand) -> list[ProposalEvent]:
    """The facts that `command` makes true.  Raises FORBIDDEN, INVALID."""
    require(command.roles, LEADERS)
    match command:
        case ProposeDefaults():
            word = Word(inbox=command.inbox, mail=command.mail)
            if state.words.get(command.kind.value, Word()) == word:
                return []
            return [DefaultsProposed(kind=command.kind, inbox=command.inbox, mail=command.mail)]
        case ChooseDigestZone():
            if command.time_zone not in _zones():
                raise Invalid("this is not a time zone of the IANA database", ("time_zone",))
            return [] if state.time_zone == command.time_zone else [DigestZoneChosen(time_zone=command.time_zone)]
        case _:
            assert_never(command)


def whose(command: ChoiceCommand) -> str:
    """Whose wishes a command is about."""
    named = command.member_id if isinstance(command, SwitchMail) else None
    return named or command.actor


def _may_switch(command: SwitchMail) -> None:
    if command.actor != SYSTEM and command.member_id not in (None, command.actor):
        raise Forbidden("nobody chooses for another", ("member_id",))
    if command.actor == SYSTEM and command.on:
        raise Forbidden("only members let e-mail come again", ("on",))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


CHOICES: Decider[Wishes, ChoiceCommand, ChoiceEvent] = Decider(
    aggregate="notification_choices",
    initial=Wishes(),
    decide=decide,
    evolve=evolve,
    identify=whose,
    commands=(ChooseNotifications, SwitchMail),
    events=(NotificationsChosen, MailStopped, MailResumed),
)

DEFAULTS: Decider[Proposal, ProposalCommand, ProposalEvent] = Decider(
    aggregate="notification_defaults",
    initial=Proposal(),
    decide=decide_proposal,
    evolve=evolve_proposal,
    identify=lambda command: command.brand,
    commands=(ProposeDefaults, ChooseDigestZone),
    events=(DefaultsProposed, DigestZoneChosen),
)
