"""The operations of this client and the types of what they answer."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from archipel_client import Data, Operation, Payload

T = TypeVar("T", bound=Data)


class Nodes(Data, Generic[T], frozen=True):
    """The objects of a page."""

    nodes: list[T]


class FoundBrand(Data, frozen=True):
    """A brand as everybody sees it."""

    id: str
    name: str
    member_count: int


class Find(Data, frozen=True):
    """What anybody may know of a brand."""

    brand: FoundBrand | None


class Person(Data, frozen=True):
    """A member by name."""

    id: str
    display_name: str


class JoinPayload(Payload, frozen=True):
    """What joining answers."""

    member: Person | None


class Join(Data, frozen=True):
    """The sender joins a brand."""

    join_brand: JoinPayload


class WrittenPost(Data, frozen=True):
    """A post that was just written."""

    id: str
    title: str
    published_at: datetime


class PublishPayload(Payload, frozen=True):
    """What publishing answers."""

    post: WrittenPost | None


class Publish(Data, frozen=True):
    """The sender publishes a post."""

    publish_post: PublishPayload


class Name(Data, frozen=True):
    """A thing of which the name is enough."""

    name: str


class NamedBrand(Data, frozen=True):
    """A brand that the sender has joined."""

    slug: str
    name: str


class Membership(Data, frozen=True):
    """The sender in one brand."""

    brand: NamedBrand


class Me(Data, frozen=True):
    """The sender."""

    memberships: list[Membership]


class Viewer(Data, frozen=True):
    """The sender as a member of the brand."""

    display_name: str
    roles: list[Literal["OWNER", "BUILDER", "MODERATOR", "AMBASSADOR", "MEMBER"]]


class Step(Data, frozen=True):
    """What a newcomer is to do."""

    step_id: str
    title: str
    text: str


class CurrentStep(Data, frozen=True):
    """What the sender is to do next."""

    due_at: datetime
    step: Step


class Journey(Data, frozen=True):
    """How far the sender has come on the journey of the brand."""

    state: Literal["UNDER_WAY", "PAUSED", "FINISHED"]
    current_step: CurrentStep | None


class Space(Data, frozen=True):
    """A room of the brand."""

    id: str
    slug: str
    name: str
    kind: Literal["DISCUSSION", "QUESTIONS", "BROADCAST", "RESOURCES"]
    post_count: int


class Reaction(Data, frozen=True):
    """How many reacted with one emoji."""

    emoji: str
    count: int
    viewer_reacted: bool


class Post(Data, frozen=True):
    """A post of the feed."""

    id: str
    title: str
    body: str
    published_at: datetime
    reply_count: int
    space: Name | None
    author: Person | None
    reactions: list[Reaction]


class PageInfo(Data, frozen=True):
    """Where the next page begins."""

    has_next_page: bool
    end_cursor: str | None


class Posts(Nodes[Post], frozen=True):
    """A page of posts, newest first."""

    page_info: PageInfo


class Rsvp(Data, frozen=True):
    """The sender's seat."""

    mode: Literal["IN_PERSON", "ONLINE"]
    status: Literal["CONFIRMED", "WAITLISTED"]


class Event(Data, frozen=True):
    """An event to come."""

    id: str
    title: str
    format: Literal["IN_PERSON", "ONLINE", "HYBRID"]
    starts_at: datetime
    time_zone: str
    going_count: int
    viewer_rsvp: Rsvp | None


class Idea(Data, frozen=True):
    """An idea and whether the sender voted for it."""

    id: str
    title: str
    status: Literal["SUBMITTED", "UNDER_REVIEW", "PLANNED", "IN_PROGRESS", "SHIPPED", "DECLINED"]
    vote_count: int
    viewer_voted: bool


class HomeBrand(Data, frozen=True):
    """The home page of one brand; what is inside is null for who is no member."""

    name: str
    member_count: int
    viewer: Viewer | None
    viewer_journey: Journey | None
    spaces: Nodes[Space] | None
    posts: Posts | None
    events: Nodes[Event] | None
    ideas: Nodes[Idea] | None


class Home(Data, frozen=True):
    """The whole home page of a member."""

    me: Me | None
    brand: HomeBrand | None


FIND = Operation("find", Find)
HOME = Operation("home", Home)
JOIN = Operation("join", Join)
PUBLISH = Operation("publish", Publish)
