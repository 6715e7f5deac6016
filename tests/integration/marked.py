"""A member who leaves a mark of their own in everything that they write, and searches for those marks."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pymongo import MongoClient

from libs.access.erasing import Shown, ViewsShown
from libs.access.roles import Role
from libs.shared.bus import BusClient
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command, DomainError, Query
from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from services.discussions.reaction import AddReaction, Emoji
from services.discussions.space import CreateSpace, SpaceKind
from services.discussions.thread import PublishPost, PublishReply
from services.events.decisions import CheckIn, Rsvp, ScheduleEvent
from services.events.event import Format, Mode
from services.events.inviting import InviteToEvent
from services.feedback.board import BoardKind, OpenBoard
from services.feedback.idea import SubmitIdea
from services.feedback.vote import CastVote
from services.gateway import consistency
from services.members.brand import BrandKind, CreateBrand
from services.members.charter import CharterPart, PublishCharter
from services.members.consents.consent import GiveConsent
from services.members.invitations.invitation import InviteMember
from services.members.journeys.journey import Completer, PublishJourney, Step, StepKind, Wording
from services.members.member import ChangeProfile, EraseMember, GrantRole, JoinBrand
from services.members.network import CreateNetwork
from services.members.networking.block_list import BlockMember
from services.members.networking.networking import ChooseNetworking, DismissSuggestion
from services.members.notices.follow import Follow, TargetKind
from services.members.notices.kinds import Kind
from services.members.notices.preferences import ChooseNotifications
from services.members.profiles.audience import EVERYONE
from services.members.profiles.fields import FieldDefinition, FieldType, Label
from services.members.profiles.form import DefineProfileField
from services.members.profiles.profile import ChooseAvatar, FieldValue, SetExternalId, SetProfileFields
from services.members.provisioning.group import ProvisionGroup
from services.members.provisioning.profile import EmailAddress, PersonName, Profile, Work
from services.members.provisioning.user import ProvisionUser
from services.members.provisioning.views.groups import GroupsOfUsers, UserGroups
from services.members.provisioning.views.users import ProvisionedUsersGetMany, ProvisionedUserView
from services.members.recognition.score import AwardBadge
from services.members.recognition.spotlight import SpotlightMember
from services.members.segments.listing import AddToSegment
from services.members.segments.segment import CreateSegment
from services.members.standing.facts import ReinstateMember, SuspendMember
from services.members.views.erasures import ErasuresGetMany, ErasureView
from tests.integration.crash_clients import PASSING, envelope

#: What a member writes: each field gets a mark of its own.
FIELDS = (
    "name", "email", "newemail", "newname", "bio", "company", "avatar", "alt", "crm",
    "title", "body", "reply", "ideatitle", "ideabody", "interest", "skill",
    "honour", "light", "suspended", "sorry", "login", "legal", "given", "work", "words",
)  # fmt: skip
#: Stands in plain text in the log and in views, so that a search can prove that it would find something.
CONTROL = "plainsight"

#: The field that members of the brand are asked for.
FIELD = "company"
_COMPANY = FieldDefinition(
    key=FIELD, type=FieldType.TEXT, labels=[Label(language="en", text=CONTROL)], audience=EVERYONE
)

#: A step that nothing completes by itself, and of which nobody is reminded.
_STEP = Step(
    id="coffee", kind=StepKind.CUSTOM, after_hours=720, completed_by=Completer.MEMBER,
    wordings=(Wording(locale="en", title=CONTROL),),
)  # fmt: skip

_SECONDS = 90
T = TypeVar("T")


@dataclass
class Marked:
    """A member of a brand and what they made there."""

    brand: str
    identity: str
    member: str
    mark: str
    thread: str
    idea: str
    at: dict[str, int]

    @property
    def marks(self) -> list[bytes]:
        """The marks, as they stand in bytes that are not encrypted."""
        return [f"{self.mark}{field}".encode() for field in FIELDS]


class Marker:
    """Lets marked members, whose marks are their subjects, into a brand and sends for them."""

    def __init__(self, bus: BusClient, platform: Platform) -> None:
        self.bus = bus
        self.platform = platform
        self.slug = f"marked-{uuid7()[-12:]}"
        self.brand, self._space, self._board, self._event, self._segment = (uuid7() for _ in range(5))

    async def found(self) -> None:
        """Open the brand, with one of what its members write in."""
        network, tag = uuid7(), self.slug
        brand, space, board = self.brand, self._space, self._board
        await self.send("members.network", CreateNetwork, NO_BRAND, SYSTEM, network_id=network, name="N", slug=tag)
        await self.send(
            "members.brand", CreateBrand, brand, SYSTEM,
            brand_id=brand, network_id=network, slug=tag, name=CONTROL, kind=BrandKind.CLUB, locale="en",
        )  # fmt: skip
        await self.send("members.profile_form", DefineProfileField, brand, SYSTEM, brand_id=brand, field=_COMPANY)
        rules = {"part": CharterPart.RULES, "text": CONTROL}
        await self.send("members.charter", PublishCharter, brand, SYSTEM, brand_id=brand, **rules)
        await self.send("members.journey", PublishJourney, brand, SYSTEM, brand_id=brand, steps=(_STEP,))
        await self.send("members.segment", CreateSegment, brand, SYSTEM, segment_id=self._segment, name=CONTROL)
        friend = self.platform.member("friend", brand)
        await self.send(
            "members.member", JoinBrand, brand, friend,
            member_id=friend, identity=self.platform.identity("friend"), display_name="Friend", accepted_rules=1,
        )  # fmt: skip
        await self.send(
            "discussions.space", CreateSpace, brand, SYSTEM,
            space_id=space, slug="all", name=CONTROL, kind=SpaceKind.DISCUSSION,
        )  # fmt: skip
        await self.send(
            "feedback.board", OpenBoard, brand, SYSTEM,
            board_id=board, slug="all", name=CONTROL, kind=BoardKind.PRODUCT,
        )  # fmt: skip
        await self.send("events.event", ScheduleEvent, brand, SYSTEM, event_id=self._event, **_an_event())

    async def join(self) -> Marked:
        """A member who has written in every service that takes texts."""
        mark, brand = f"mark{uuid7()[-12:]}", self.brand
        identity, member = self.platform.identity(mark), self.platform.member(mark, brand)
        made = Marked(brand=brand, identity=identity, member=member, mark=mark, thread=uuid7(), idea=uuid7(), at={})
        one = {"member_id": member}
        steps: list[tuple[str, type[Command], dict[str, Any]]] = [
            (
                "members.member",
                JoinBrand,
                {
                    **one,
                    "identity": identity,
                    "display_name": f"{mark}name",
                    "email": f"{mark}email@example.org",
                    "accepted_rules": 1,
                },
            ),
            ("members.member", ChangeProfile, {**one, "display_name": f"{mark}newname", "bio": f"{mark}bio"}),
            ("members.member", SetProfileFields, {**one, "values": [FieldValue(key=FIELD, value=f"{mark}company")]}),
            (
                "members.member",
                ChooseAvatar,
                {**one, "url": f"https://example.org/{mark}avatar", "alt": f"{mark}alt"},
            ),
            ("members.member", GiveConsent, {**one, "purpose": "photos", "edition": 1}),
            (
                "members.networking",
                ChooseNetworking,
                {**one, "interests": (f"{mark}interest",), "skills": (f"{mark}skill",)},
            ),
            ("members.networking", DismissSuggestion, {**one, "dismissed_id": self.platform.member("friend", brand)}),
            ("members.block_list", BlockMember, {**one, "blocked_id": self.platform.member("friend", brand)}),
            ("members.notification_choices", ChooseNotifications, {"kind": Kind.NUDGE, "inbox": False}),
            (
                "discussions.thread",
                PublishPost,
                {"thread_id": made.thread, "space_id": self._space, "title": f"{mark}title", "body": f"{mark}body"},
            ),
            ("members.follow", Follow, {"kind": TargetKind.THREAD, "target_id": made.thread}),
            (
                "discussions.thread",
                PublishReply,
                {"thread_id": made.thread, "reply_id": uuid7(), "body": f"{mark}reply"},
            ),
            (
                "discussions.reaction",
                AddReaction,
                {"thread_id": made.thread, "target_id": made.thread, "emoji": Emoji.HEART},
            ),
            (
                "feedback.idea",
                SubmitIdea,
                {"idea_id": made.idea, "board_id": self._board, "title": f"{mark}ideatitle", "body": f"{mark}ideabody"},
            ),
            ("feedback.vote", CastVote, {"idea_id": made.idea}),
            ("events.event", Rsvp, {"event_id": self._event, "mode": Mode.ONLINE}),
        ]
        for route, command, fields in steps:
            made.at |= (await self.send(route, command, brand, member, **fields)).position
        for route, command, fields in self._said_of(member, mark):
            made.at |= (await self.send(route, command, brand, SYSTEM, **fields)).position
        crm = {"member_id": member, "external_id": f"{mark}crm"}
        made.at |= (await self.send("members.member", SetExternalId, brand, SYSTEM, **crm)).position
        await self._provision(made)
        again = {**one, "identity": identity, "display_name": mark, "email": f"{mark}newemail@example.org"}
        made.at |= (await self.send("members.member", JoinBrand, brand, member, **again)).position
        await self._lead(made)
        return made

    async def _lead(self, made: Marked) -> None:
        """Let the member run the brand, and do what is for those who do."""
        mark, brand, member, event = made.mark, made.brand, made.member, uuid7()
        leads = await self.send("members.member", GrantRole, brand, SYSTEM, member_id=member, role=Role.BUILDER)
        for service in ("members", "events"):
            await self.ask(service, ViewsShown(brand=brand, viewer=SYSTEM, at_least=leads.position), Shown)  # waits
        guest = {"address": f"guest-{mark}@example.org", "message": f"{mark}words"}
        steps: list[tuple[str, type[Command], dict[str, Any]]] = [
            ("members.invitation", InviteMember, guest),
            ("events.event", ScheduleEvent, {"event_id": event, **_an_event()}),
            ("events.event", Rsvp, {"event_id": event, "mode": Mode.ONLINE}),
            ("events.event", CheckIn, {"event_id": event, "member_id": member}),
        ]
        for route, command, fields in steps:
            made.at |= (await self.send(route, command, brand, member, **fields)).position

    async def _provision(self, made: Marked) -> None:
        """What the organisation's directory says of the member, whom it knows by the subject that they sign in with."""
        mark, brand = made.mark, made.brand
        said = Profile(
            name=PersonName(formatted=f"{mark}legal", given_name=f"{mark}given"),
            work=Work(department=f"{mark}work"),
            emails=[EmailAddress(value=f"{mark}email@example.org")],
        )
        user = {"user_name": f"{mark}login", "external_id": mark, "profile": said}
        accepted = await self.send("members.provisioned_user", ProvisionUser, brand, SYSTEM, **user)
        assert accepted.id == made.member
        group = {"group_id": uuid7(), "display_name": f"{CONTROL} {mark[-4:]}", "members": [made.member]}
        made.at |= (await self.send("members.provisioned_group", ProvisionGroup, brand, SYSTEM, **group)).position

    async def let_go(self, who: Marked) -> None:
        """Return once the directory's record of who is erased has ended, a moment after the membership."""
        deadline = time.monotonic() + _SECONDS
        query: dict[str, Any] = {"brand": who.brand, "viewer": SYSTEM}
        while True:
            [user] = await self.ask(
                "members", ProvisionedUsersGetMany(**query, ids=[who.member]), list[ProvisionedUserView | None]
            )
            [places] = await self.ask("members", GroupsOfUsers(**query, user_ids=[who.member]), list[UserGroups])
            if user is None and not places.groups:
                return
            assert time.monotonic() < deadline, "the directory still has who was erased"
            await asyncio.sleep(0.1)

    def _said_of(self, member: str, mark: str) -> list[tuple[str, type[Command], dict[str, Any]]]:
        """What others say about a member, and let them in to."""
        one, those = {"member_id": member}, {"member_ids": (member,)}
        until = datetime.now(UTC) + timedelta(days=1)
        light = {**one, "spotlight_id": uuid7(), "text": f"{mark}light", "until": until}
        return [
            ("members.score", AwardBadge, {**one, "badge": "thank-you", "reason": f"{mark}honour"}),
            ("members.spotlight", SpotlightMember, light),
            ("members.member", SuspendMember, {**one, "reason": f"{mark}suspended"}),
            ("members.member", ReinstateMember, {**one, "reason": f"{mark}sorry"}),
            ("members.segment", AddToSegment, {"segment_id": self._segment, **those}),
            ("events.event", InviteToEvent, {"event_id": self._event, **those}),
        ]

    async def erase(self, who: Marked) -> None:
        """Ask for an erasure; it goes on by itself."""
        who.at |= (await self.send("members.member", EraseMember, who.brand, who.member, member_id=who.member)).position

    async def certificate(self, who: Marked) -> ErasureView:
        """The certificate, once it is given."""
        deadline = time.monotonic() + _SECONDS
        while True:
            question = ErasuresGetMany(brand=who.brand, viewer=who.member, ids=[who.member], at_least=who.at)
            [found] = await self.ask("members", question, list[ErasureView | None])
            if found is not None and found.certified_at is not None:
                return found
            assert time.monotonic() < deadline, f"no certificate: {found}"
            await asyncio.sleep(0.1)

    async def send(self, route: str, command: type[Command], brand: str, actor: str, **fields: Any) -> Accepted:
        """Send a command until it is answered."""
        service, aggregate = route.split(".")
        made = command(**envelope(brand, actor), **fields)
        accepted: Accepted = await self._insist(lambda: self.bus.command(service, aggregate, command.wire_name, made))
        return accepted

    async def ask(self, service: str, query: Query, reply: type[T]) -> T:
        """Ask a query until it is answered."""
        answer: T = await self._insist(lambda: self.bus.query(service, query.wire_name, query, reply))
        return answer

    async def graphql(self, who: Marked, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Run an operation as a member, of a mutation with one field too, until it is answered; returns `data`."""
        token, seen = self.platform.token(who.mark), consistency.encode(who.at)

        async def attempt() -> dict[str, Any]:
            answer = await self.platform.graphql(query, variables, token, consistency_token=seen)
            for problem in answer.get("errors", ()):
                raise DomainError(problem["extensions"]["code"], problem["message"])
            data: dict[str, Any] = answer["data"]
            for payload in data.values():
                for refusal in payload.get("errors", ()):
                    raise DomainError(refusal["code"], refusal.get("message", ""))
            return data

        found: dict[str, Any] = await self._insist(attempt)
        return found

    async def _insist(self, attempt: Any) -> Any:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                return await attempt()
            except DomainError as refusal:
                if refusal.code not in PASSING or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.1)


def _an_event() -> dict[str, Any]:
    """An event to which members can be checked in already."""
    starts_at = datetime.now(UTC) + timedelta(hours=1)
    return {
        "title": CONTROL, "format": Format.ONLINE, "starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1),
        "time_zone": "UTC",
    }  # fmt: skip


def in_files(folder: Path, marks: list[bytes]) -> dict[str, list[str]]:
    """Which marks stand in the raw bytes of which files below a folder."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if here := [mark.decode() for mark in marks if mark in content]:
                found[str(path.relative_to(folder))] = here
    return found


def in_documents(url: str, marks: list[bytes]) -> dict[str, list[str]]:
    """Which marks stand in the documents of which collections of a database server, its log of changes left out."""
    found: dict[str, list[str]] = {}
    with MongoClient[dict[str, Any]](url) as client:
        for name in client.list_database_names():
            if name == "local":
                continue
            for collection in client[name].list_collection_names():
                content = repr(list(client[name][collection].find())).encode()
                if here := [mark.decode() for mark in marks if mark in content]:
                    found[f"{name}.{collection}"] = here
    return found
