"""What the gateway reads of the services' replies: only the fields that the schema shows."""

from datetime import date, datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class PageReply(Struct, Generic[T], frozen=True):
    """A page: `cursors` stand beside `items`; `total_count` is of everything, not of the page."""

    items: list[T]
    cursors: list[str]
    has_next: bool
    has_previous: bool
    total_count: int | None = None


class NetworkReply(Struct, frozen=True):
    """An organisation with many brands."""

    id: str
    slug: str
    name: str
    created_at: datetime
    brand_count: int


class NetworkAdminReply(Struct, frozen=True):
    """Somebody who runs a network, by identity."""

    identity: str
    since: datetime
    appointed_by: str


class ThemeReply(Struct, frozen=True):
    """The colours of a home, `#rrggbb`."""

    background: str
    text: str
    accent: str
    accent_text: str
    logo_url: str | None = None


class BrandReply(Struct, frozen=True):
    """What anybody may know of a brand."""

    id: str
    network_id: str
    slug: str
    name: str
    kind: str
    locale: str
    created_at: datetime
    member_count: int
    stage: str = "open"
    type: str | None = None
    description: str = ""
    modules_off: list[str] = []
    theme: ThemeReply | None = None
    domain: str | None = None
    furnished_at: datetime | None = None


class CharterTextReply(Struct, frozen=True):
    """An edition of the manifesto or of the rules."""

    part: str
    edition: int
    text: str
    published_at: datetime


class CharterReply(Struct, frozen=True):
    """What holds in a brand."""

    manifesto: CharterTextReply | None = None
    rules: CharterTextReply | None = None


class AcceptedReply(Struct, frozen=True):
    """An edition of the rules, and when a member accepted it."""

    edition: int
    accepted_at: datetime


class AcceptanceReply(Struct, frozen=True):
    """A member and the rules."""

    must_accept: bool
    accepted: AcceptedReply | None = None


class SimilarBrandReply(Struct, frozen=True):
    """A brand that is like another one; `score` is 80–100."""

    id: str
    slug: str
    name: str
    score: int


class SourceReply(Struct, frozen=True):
    """How many joined by a source."""

    source: str
    joins: int


class ReferrerReply(Struct, frozen=True):
    """How many a member brought."""

    member_id: str
    joins: int


class JoinReportReply(Struct, frozen=True):
    """How people came into a brand."""

    joins: int
    referred: int
    sources: list[SourceReply]
    other_sources: int
    referrers: list[ReferrerReply]
    other_referrers: int


class AwardReply(Struct, frozen=True):
    """Points for a fact."""

    fact: str
    points: int
    daily_cap: int | None = None


class ConditionReply(Struct, frozen=True):
    """What earns a badge: facts of a kind, points without one."""

    at_least: int
    fact: str | None = None


class BadgeRuleReply(Struct, frozen=True):
    """A badge of the rules."""

    badge: str
    name: str
    description: str
    condition: ConditionReply | None = None


class LevelReply(Struct, frozen=True):
    """A level and where it begins."""

    name: str
    points: int


class RulesReply(Struct, frozen=True):
    """What an edition of the rules of recognition says."""

    awards: list[AwardReply] = []
    badges: list[BadgeRuleReply] = []
    levels: list[LevelReply] = []


class RulesEditionReply(Struct, frozen=True):
    """An edition of the rules of recognition."""

    edition: int
    rules: RulesReply
    holds_from: date | None = None
    published_at: datetime | None = None


class RecognitionRulesReply(Struct, frozen=True):
    """The rules of recognition that hold, and those that will."""

    current: RulesEditionReply
    coming: RulesEditionReply | None = None


class ScoreReply(Struct, frozen=True):
    """A member's points and levels."""

    points: int
    opted_out: bool
    level: LevelReply | None = None
    next_level: LevelReply | None = None


class StandingReply(Struct, frozen=True):
    """A place on a leaderboard."""

    member_id: str
    score: int
    rank: int | None = None


class EntryReply(Struct, frozen=True):
    """A fact of a score."""

    number: int
    fact: str
    about: list[str]
    happened_at: datetime
    points: int
    edition: int
    source_id: str


class EvidenceReply(Struct, frozen=True):
    """What earned a badge."""

    reached: int
    through: int
    fact: str | None = None


class BadgeReply(Struct, frozen=True):
    """A badge that a member has."""

    badge: str
    name: str
    awarded_at: datetime
    edition: int
    evidence: EvidenceReply | None = None
    awarded_by: str | None = None
    reason: str | None = None


class SpotlightReply(Struct, frozen=True):
    """A member in the light."""

    member_id: str
    text: str
    since: datetime
    until: datetime
    by: str | None = None


class MemberReply(Struct, frozen=True):
    """A member of a brand."""

    id: str
    display_name: str
    roles: list[str]
    joined_at: datetime
    left_at: datetime | None = None


class GrantReply(Struct, frozen=True):
    """A role beside member, in one space or in the whole brand."""

    role: str
    granted_at: datetime
    space_id: str | None = None
    expires_at: datetime | None = None


class ExclusionReply(Struct, frozen=True):
    """A suspension or a ban."""

    banned: bool
    reason: str
    since: datetime
    until: datetime | None = None


class MemberStandingReply(Struct, frozen=True):
    """How a member stands; the `exclusion` is only given to who may know of it."""

    verified: bool
    grants: list[GrantReply]
    exclusion: ExclusionReply | None = None


class StandingActionReply(Struct, frozen=True):
    """What was done about a member's standing."""

    action: str
    member_id: str
    by: str
    at: datetime
    reason: str | None = None
    until: datetime | None = None


class RoleChangeReply(Struct, frozen=True):
    """What became of a role."""

    change: str
    role: str
    by: str
    at: datetime
    space_id: str | None = None
    expires_at: datetime | None = None


class NetworkingReply(Struct, frozen=True):
    """What the viewer shows to be found."""

    open: bool
    interests: list[str]
    skills: list[str]


class SuggestionReply(Struct, frozen=True):
    """Somebody to meet, and why."""

    member_id: str
    score: int
    shared_interests: list[str]
    shared_skills: list[str]


class OfferedTagsReply(Struct, frozen=True):
    """The tags that a brand offers."""

    tags: list[str]
    only_these: bool


class BlockReply(Struct, frozen=True):
    """Somebody whom the viewer blocks."""

    member_id: str
    blocked_at: datetime


class SegmentReply(Struct, frozen=True):
    """A segment; `rule` as its service keeps it, None for a list."""

    id: str
    name: str
    rule: dict[str, Any] | None
    created_at: datetime
    created_by: str
    settled_at: datetime | None
    member_count: int


class InSegmentReply(Struct, frozen=True):
    """A member who is in a segment."""

    member_id: str
    entered_at: datetime


class SegmentPreviewReply(Struct, frozen=True):
    """What a rule would come to."""

    count: int
    exact: bool
    sample_ids: list[str]


class MembershipReply(Struct, frozen=True):
    """One brand that an identity has joined."""

    brand_id: str
    member_id: str


class MembershipsReply(Struct, frozen=True):
    """The brands that an identity has joined, oldest first."""

    items: list[MembershipReply]


class ApiKeyReply(Struct, frozen=True):
    """A key of a service account, without the key."""

    id: str
    last_four: str
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None = None


class ServiceAccountReply(Struct, frozen=True):
    """A program that a brand has let in; all of its keys, the oldest first."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    created_by: str
    keys: list[ApiKeyReply]
    closed_at: datetime | None = None


class InvitationReply(Struct, frozen=True):
    """An invitation; `address`, `name` and `message` are forgotten in time."""

    id: str
    status: str
    role: str
    mails: int
    invited_by: str
    invited_at: datetime
    expires_at: datetime
    language: str | None = None
    address: str | None = None
    name: str | None = None
    message: str | None = None
    accepted_by: str | None = None


class InvitationOfferReply(Struct, frozen=True):
    """What whoever has the token of an invitation may know."""

    brand_id: str
    role: str
    status: str
    url: str | None = None


class DirectoryReply(Struct, frozen=True):
    """How a brand's directory is read."""

    subject: str
    shown_name: str


class ProvisionedGroupReply(Struct, frozen=True):
    """A group of a brand's directory."""

    id: str
    display_name: str
    member_count: int
    created_at: datetime
    role: str | None = None


class AudienceReply(Struct, frozen=True):
    """Who is let into something that is not for every member."""

    roles: list[str]
    segments: list[str]


class SpaceReply(Struct, frozen=True):
    """A room of a brand."""

    id: str
    slug: str
    name: str
    kind: str
    created_at: datetime
    post_count: int
    audience: AudienceReply | None = None


class TagNameReply(Struct, frozen=True):
    """A tag as a post has it."""

    id: str
    name: str


class TagReply(TagNameReply, frozen=True):
    """A tag, and how many posts have it."""

    post_count: int


class PostReply(Struct, frozen=True):
    """A thread with its opening post."""

    id: str
    space_id: str
    author_id: str
    title: str
    body: str
    published_at: datetime
    locked: bool
    reply_count: int
    last_activity_at: datetime
    official: bool = False
    tags: list[TagNameReply] = []


class ReplyReply(Struct, frozen=True):
    """A reply in a thread; `number` counts from 1."""

    id: str
    thread_id: str
    author_id: str
    body: str
    number: int
    published_at: datetime
    reply_to: str | None = None
    official: bool = False


class EmojiCount(Struct, frozen=True):
    """How many members reacted with an emoji."""

    emoji: str
    count: int


class ReactionsReply(Struct, frozen=True):
    """The reactions to one post or reply; `mine` are the viewer's."""

    target_id: str
    counts: list[EmojiCount]
    mine: list[str]


class EventReply(Struct, frozen=True):
    """A scheduled event with its counts."""

    id: str
    title: str
    description: str
    format: str
    starts_at: datetime
    ends_at: datetime
    all_day: bool
    time_zone: str
    in_person_seats: int | None
    online_seats: int | None
    session_count: int
    scheduled_at: datetime
    scheduled_by: str
    cancelled_at: datetime | None
    going_in_person: int
    going_online: int
    waitlisted_in_person: int
    waitlisted_online: int
    checked_in: int
    audience: AudienceReply | None = None


class SessionReply(Struct, frozen=True):
    """One session of an event's agenda."""

    title: str
    speakers: list[str] = []
    recorded_on: date | None = None
    duration_seconds: int | None = None
    language: str | None = None
    url: str | None = None


class AttendeeReply(Struct, frozen=True):
    """A member's RSVP; `number` is the order of asking, from 1."""

    event_id: str
    member_id: str
    mode: str
    status: str
    number: int
    asked_at: datetime
    checked_in_at: datetime | None = None


class InviteeReply(Struct, frozen=True):
    """A member on a guest list, and what they have at the event."""

    member_id: str
    invited_at: datetime
    invited_by: str
    rsvp: AttendeeReply | None = None


class BoardReply(Struct, frozen=True):
    """A feedback board."""

    id: str
    slug: str
    name: str
    kind: str
    opened_at: datetime
    idea_count: int


class IdeaReply(Struct, frozen=True):
    """An idea on a board."""

    id: str
    board_id: str
    title: str
    body: str
    status: str
    submitted_at: datetime
    submitted_by: str
    vote_count: int
    status_note: str | None = None
    status_changed_at: datetime | None = None


class VoterReply(Struct, frozen=True):
    """A member who voted for an idea."""

    member_id: str
    voted_at: datetime


class NoticeReply(Struct, frozen=True):
    """A notification; `people` are the newest first, `people_count` of them at most 100."""

    id: str
    kind: str
    subject: str
    unread: bool
    facts: int
    people: list[str]
    people_count: int
    since: datetime
    at: datetime
    refs: dict[str, str] = {}


class NoticePageReply(PageReply[NoticeReply], frozen=True, kw_only=True):
    """A page of an inbox."""

    unread_count: int


class FollowReply(Struct, frozen=True):
    """A thing that a member follows or has muted."""

    kind: str
    target_id: str
    since: datetime


class ChoiceReply(Struct, frozen=True):
    """How somebody is told of a kind, and whether they said so themselves."""

    kind: str
    inbox: bool
    mail: str
    inbox_said: bool
    mail_said: bool


class ChoicesReply(Struct, frozen=True):
    """How somebody is told of every kind."""

    kinds: list[ChoiceReply]
    mail_off: bool
    time_zone: str


class WordingReply(Struct, frozen=True):
    """A step in one language."""

    locale: str
    title: str
    text: str = ""


class StepReply(Struct, frozen=True):
    """A step of a journey."""

    id: str
    kind: str
    after_hours: int
    wordings: list[WordingReply]
    space_id: str | None = None
    completed_by: str | None = None


class JourneyReply(Struct, frozen=True):
    """The newest edition of a journey."""

    edition: int
    steps: list[StepReply]
    published_at: datetime


class JourneyOfBrandReply(Struct, frozen=True):
    """The journey of a brand, if it has one."""

    journey: JourneyReply | None = None


class MemberStepReply(Struct, frozen=True):
    """What became of a step of a member."""

    step: StepReply
    due_at: datetime
    reminded_at: datetime | None = None
    completed_at: datetime | None = None
    skipped_at: datetime | None = None


class MemberJourneyReply(Struct, frozen=True):
    """A member's journey."""

    member_id: str
    edition: int
    state: str
    started_at: datetime
    steps: list[MemberStepReply]
    finished_at: datetime | None = None


class JourneyOfMemberReply(Struct, frozen=True):
    """The journey of a member, if they ever set out."""

    journey: MemberJourneyReply | None = None


class StepReportReply(Struct, frozen=True):
    """What became of a step of all members."""

    step: StepReply
    completed: int
    skipped: int
    reminded: int
    median_hours: int | None = None


class JourneyReportReply(Struct, frozen=True):
    """How far members come."""

    started: int
    under_way: int
    paused: int
    finished: int
    steps: list[StepReportReply]


class NudgeRuleReply(Struct, frozen=True):
    """After how many days of silence a brand nudges; None for never."""

    after_days: int | None = None


class MemberNudgesReply(Struct, frozen=True):
    """A member's nudges."""

    on: bool
    last_at: datetime | None = None


class ScrubbedReply(Struct, frozen=True):
    """A service in which nothing is left."""

    service: str
    views: list[str]


class ErasureReply(Struct, frozen=True):
    """How far an erasure is."""

    requested_at: datetime
    key_destroyed_at: datetime | None
    certified_at: datetime | None
    services: list[ScrubbedReply]
