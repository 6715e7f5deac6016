"""One command of each part of the members service for the storm: each changes something whenever it is accepted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared.domain import SYSTEM, Command
from libs.shared.ids import uuid7
from services.members.charter import CharterPart, PublishCharter
from services.members.consents.purposes import ConsentText, PublishConsentPurpose
from services.members.home import SetDomain
from services.members.invitations.invitation import InviteMember
from services.members.journeys.journey import Completer, PublishJourney, Step, StepKind, Wording
from services.members.mail.address import OptOutOfMail
from services.members.member import GrantRole
from services.members.networking.networking import ChooseNetworking
from services.members.notices.follow import Follow, TargetKind
from services.members.profiles.profile import ChooseAvatar
from services.members.provisioning.group import ProvisionGroup
from services.members.recognition.spotlight import SpotlightMember
from services.members.segments.segment import ChangeSegment, CreateSegment
from services.members.service_account import CreateServiceAccount


class Sent(NamedTuple):
    """A command without its envelope, who sends it, and the event that it leaves."""

    route: str
    command: type[Command]
    actor: str
    fields: dict[str, Any]
    event: str


#: What a part makes of a brand, one of its members, one of its threads, and a text that was never used.
_Part = Callable[[str, str, str, str], Sent]


def _platform(route: str, command: type[Command], event: str, **fields: Any) -> Sent:
    return Sent(route, command, SYSTEM, fields, event)


def _journey(brand: str, new: str) -> Sent:
    wording = Wording(locale="en", title=new)
    step = Step(id="hello", kind=StepKind.CUSTOM, after_hours=1, wordings=(wording,), completed_by=Completer.MEMBER)
    return _platform("members.journey", PublishJourney, "journey_published", brand_id=brand, steps=(step,))


def _spotlight(member: str, new: str) -> Sent:
    until = datetime.now(UTC) + timedelta(days=1)
    light = {"member_id": member, "spotlight_id": new, "text": "Look", "until": until}
    return _platform("members.spotlight", SpotlightMember, "member_spotlighted", **light)


PARTS: Final[tuple[_Part, ...]] = (
    lambda brand, member, thread, new: _platform(
        "members.charter", PublishCharter, "manifesto_published",
        brand_id=brand, part=CharterPart.MANIFESTO, text=new,
    ),
    # Batches over several subjects are acknowledged at their last event.
    lambda brand, member, thread, new: _platform(
        "members.home", SetDomain, "name_claimed", brand_id=brand, domain=f"{new}.example.org"
    ),
    lambda brand, member, thread, new: _platform(
        "members.service_account", CreateServiceAccount, "service_account_created",
        account_id=f"sa_{new}", name=new, scopes=[Scope.MEMBERS_READ],
    ),
    lambda brand, member, thread, new: _platform(
        "members.member", GrantRole, "role_granted", member_id=member, role=Role.AMBASSADOR, space_id=new
    ),
    lambda brand, member, thread, new: Sent(
        "members.member", ChooseAvatar, member,
        {"member_id": member, "url": f"https://example.org/{new}.png", "alt": "Me"}, "avatar_chosen",
    ),
    lambda brand, member, thread, new: _platform(
        "members.consent_purposes", PublishConsentPurpose, "consent_purpose_published",
        brand_id=brand, purpose="calls", texts=[ConsentText(language="en", text=new)],
    ),
    lambda brand, member, thread, new: _platform(
        "members.provisioned_group", ProvisionGroup, "name_claimed", group_id=new, display_name=new
    ),
    lambda brand, member, thread, new: _platform(
        "members.mail_address", OptOutOfMail, "mail_opted_out", address_id=new
    ),
    lambda brand, member, thread, new: _platform(
        "members.invitation", InviteMember, "member_invited", address=f"{new}@example.org"
    ),
    lambda brand, member, thread, new: _journey(brand, new),
    lambda brand, member, thread, new: _spotlight(member, new),
    lambda brand, member, thread, new: _platform(
        "members.segment", ChangeSegment, "segment_renamed", segment_id=brand, name=new
    ),
    lambda brand, member, thread, new: Sent(
        "members.networking", ChooseNetworking, member, {"member_id": member, "interests": (new,)}, "networking_chosen"
    ),
    lambda brand, member, thread, new: Sent(
        "members.follow", Follow, member, {"kind": TargetKind.THREAD, "target_id": thread}, "target_followed"
    ),
)  # fmt: skip


def begin(brand: str) -> Sent:
    """What there must be in a brand before the parts have their turns."""
    return _platform("members.segment", CreateSegment, "segment_created", segment_id=brand, name="Segment")


def of_a_part(number: int, brand: str, member: str, thread: str) -> Sent:
    """The command of the part whose turn it is."""
    return PARTS[number % len(PARTS)](brand, member, thread, uuid7())
