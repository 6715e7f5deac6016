"""What an import line becomes: ids derived from the brand and the line's ref, and the commands of the services.  Pure.

Everything is derived, so a second import sends the same commands to the same aggregates and changes nothing.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from libs.cli.import_lines import EventLine, IdeaLine, MemberLine, PostLine, ReplyLine, SessionItem
from libs.shared.domain import NO_BRAND, SYSTEM, BrandId, Command
from libs.shared.ids import derived_id, identity_id, member_id
from services.discussions.space import CreateSpace, SpaceKind
from services.discussions.thread import PublishPost, PublishReply
from services.events.decisions import ScheduleEvent
from services.events.programme import PlannedSession
from services.feedback.board import BoardKind, OpenBoard
from services.feedback.idea import ChangeIdeaStatus, SubmitIdea
from services.feedback.vote import CastVote
from services.members.brand import BrandKind, CreateBrand
from services.members.invitations.invitation import InviteMember
from services.members.member import GrantRole, JoinBrand
from services.members.network import CreateNetwork

#: Which service and aggregate decide a command.
ROUTES: dict[type[Command], tuple[str, str]] = {
    CreateNetwork: ("members", "network"),
    CreateBrand: ("members", "brand"),
    JoinBrand: ("members", "member"),
    InviteMember: ("members", "invitation"),  # of a list of addresses
    GrantRole: ("members", "member"),  # of the demo
    CreateSpace: ("discussions", "space"),
    PublishPost: ("discussions", "thread"),
    PublishReply: ("discussions", "thread"),
    ScheduleEvent: ("events", "event"),
    OpenBoard: ("feedback", "board"),
    SubmitIdea: ("feedback", "idea"),
    ChangeIdeaStatus: ("feedback", "idea"),
    CastVote: ("feedback", "vote"),
}

_SLUG_LENGTH = 63


def slug_of(name: str, fallback: str) -> str:
    """A slug (RFC 1123 label) for a name in any script; names that leave nothing get `fallback` and a hash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_LENGTH].strip("-")
    if len(slug) >= 2:
        return slug
    return f"{fallback}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def network_command(slug: str, now: datetime) -> CreateNetwork:
    """Opens the network that an import creates brands in."""
    network = derived_id("import network", slug)
    return CreateNetwork(
        command_id=derived_id("import", "create_network", slug),
        brand=NO_BRAND,
        actor=SYSTEM,
        now=now,
        network_id=network,
        name=_title(slug),
        slug=slug,
    )


def brand_command(network: str, slug: str, now: datetime) -> CreateBrand:
    """Opens a brand without a founder, so that its members are the imported ones."""
    brand = BrandId(derived_id("import brand", slug))
    return CreateBrand(
        command_id=derived_id("import", "create_brand", slug),
        brand=brand,
        actor=SYSTEM,
        now=now,
        brand_id=brand,
        network_id=network,
        slug=slug,
        name=_title(slug),
        kind=BrandKind.INTEREST,
        locale="en",
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """Derives ids and commands for one brand; `identity_key` is the platform's secret, `now` when the import runs."""

    brand: BrandId
    identity_key: bytes
    now: datetime

    def member(self, ref: str) -> str:
        """The member that a ref means; nobody can sign in as this identity."""
        return member_id(self.identity_key, self.brand, self._identity(ref))

    def post(self, ref: str) -> str:
        """The thread that a post's ref means."""
        return derived_id(self.brand, "post", ref)

    def idea(self, ref: str) -> str:
        """The idea that a ref means."""
        return derived_id(self.brand, "idea", ref)

    def join(self, line: MemberLine) -> JoinBrand:
        """The platform lets the member in: it was long ago, and nobody is there to accept today's rules."""
        member = self.member(line.ref)
        return JoinBrand(
            command_id=self._command(JoinBrand, line.ref),
            brand=self.brand,
            actor=SYSTEM,
            now=line.joined_at,
            member_id=member,
            identity=self._identity(line.ref),
            display_name=line.display_name,
            email=line.email,
        )

    def create_space(self, name: str, now: datetime) -> CreateSpace:
        """Opens a space for discussions under the slug of its name."""
        slug = slug_of(name, "space")
        return CreateSpace(
            command_id=self._command(CreateSpace, slug),
            brand=self.brand,
            actor=SYSTEM,
            now=now,
            space_id=derived_id(self.brand, "space", slug),
            slug=slug,
            name=name,
            kind=SpaceKind.DISCUSSION,
        )

    def publish_post(self, line: PostLine, space: str) -> PublishPost:
        """The author opens the thread in the space with that id."""
        return PublishPost(
            command_id=self._command(PublishPost, line.ref),
            brand=self.brand,
            actor=self.member(line.author),
            now=line.published_at,
            thread_id=self.post(line.ref),
            space_id=space,
            title=line.title,
            body=line.body,
            tags=line.tags,
        )

    def publish_reply(self, line: ReplyLine) -> PublishReply:
        """The author replies in the thread."""
        return PublishReply(
            command_id=self._command(PublishReply, line.post, line.ref),
            brand=self.brand,
            actor=self.member(line.author),
            now=line.published_at,
            thread_id=self.post(line.post),
            reply_id=derived_id(self.brand, "reply", line.post, line.ref),
            body=line.body,
        )

    def schedule_event(self, line: EventLine) -> ScheduleEvent:
        """The event takes whole days in UTC and ends with its last one.

        A file does not say when an event was announced: at the latest when it began.
        """
        starts_at = _midnight(line.starts_on)
        return ScheduleEvent(
            command_id=self._command(ScheduleEvent, line.ref),
            brand=self.brand,
            actor=SYSTEM,
            now=min(self.now, starts_at),
            event_id=derived_id(self.brand, "event", line.ref),
            title=line.title,
            description=line.description,
            format=line.format,
            starts_at=starts_at,
            ends_at=_midnight(line.ends_on or line.starts_on) + timedelta(days=1),
            all_day=True,
            time_zone="UTC",
            sessions=tuple(map(_session, line.sessions)),
        )

    def open_board(self, name: str, now: datetime) -> OpenBoard:
        """Opens a board about products under the slug of its name."""
        slug = slug_of(name, "board")
        return OpenBoard(
            command_id=self._command(OpenBoard, slug),
            brand=self.brand,
            actor=SYSTEM,
            now=now,
            board_id=derived_id(self.brand, "board", slug),
            slug=slug,
            name=name,
            kind=BoardKind.PRODUCT,
        )

    def submit_idea(self, line: IdeaLine, board: str) -> SubmitIdea:
        """The author proposes it on the board with that id."""
        return SubmitIdea(
            command_id=self._command(SubmitIdea, line.ref),
            brand=self.brand,
            actor=self.member(line.author),
            now=line.submitted_at,
            idea_id=self.idea(line.ref),
            board_id=board,
            title=line.title,
            body=line.body,
        )

    def cast_vote(self, line: IdeaLine, supporter: str) -> CastVote:
        """The platform records the supporter's vote, which it may do even when the idea is closed by now."""
        return CastVote(
            command_id=self._command(CastVote, line.ref, supporter),
            brand=self.brand,
            actor=SYSTEM,
            now=line.submitted_at,
            idea_id=self.idea(line.ref),
            member_id=self.member(supporter),
        )

    def change_status(self, line: IdeaLine) -> ChangeIdeaStatus:
        """Sets the status that the idea has where it comes from."""
        return ChangeIdeaStatus(
            command_id=self._command(ChangeIdeaStatus, line.ref, line.status),
            brand=self.brand,
            actor=SYSTEM,
            now=line.submitted_at,
            idea_id=self.idea(line.ref),
            status=line.status,
        )

    def _identity(self, ref: str) -> str:
        return identity_id(self.identity_key, f"urn:archipel:import:{self.brand}", ref)

    def _command(self, command: type[Command], *parts: str) -> str:
        return derived_id(self.brand, "import", command.wire_name, *parts)


def _session(item: SessionItem) -> PlannedSession:
    return PlannedSession(
        title=item.title,
        speakers=item.speakers,
        recorded_on=date.fromisoformat(item.recorded_on) if item.recorded_on else None,
        duration_seconds=None if item.duration_seconds is None else round(item.duration_seconds),
        language=item.language or None,
        url=item.url or None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _title(slug: str) -> str:
    return slug.replace("-", " ").capitalize()
