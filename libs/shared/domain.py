"""The words every domain module speaks: events, commands, queries, refusals and the decider.

Everything here is pure: no I/O, no clock, no randomness.  The shapes follow the decider of Jérémie Chassaing
(https://thinkbeforecoding.com/post/2021/12/17/functional-event-sourcing-decider).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Generic, NewType, TypeVar

from msgspec import Meta, Struct

BrandId = NewType("BrandId", str)
MemberId = NewType("MemberId", str)

#: What may stand as one token of a NATS subject, and so as the id of anything.
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z", description="1–64 characters of A–Z a–z 0–9 _ -")]

#: The brand token of what stands above brands: networks and the claims of brand slugs.
NO_BRAND = BrandId("_")

#: The platform itself as an actor: imports, reactions, schedules.  No client can send it: the gateway derives
#: the actor from the token.
SYSTEM = MemberId("system")

#: What a personal field reads as once its member was erased; a field that may be None is None instead.
ERASED = "[erased]"

#: Where something stands in each stream: stream name → sequence.
Position = Mapping[str, int]


class Owner(StrEnum):
    """Whose the personal fields of an event are: the member that is its aggregate, or the member who acted."""

    AGGREGATE = "aggregate"
    ACTOR = "actor"


class Event(Struct, frozen=True, kw_only=True):
    """A fact in the past tense.  `wire_name` is never renamed and never reused; `version` grows with its shape.

    `personal` names its fields about a person, of type `str` or `str | None`, and `owner` says about whom: the log
    holds them encrypted with a key of that member's own.  What SYSTEM owns is nobody's and stays plain.
    """

    wire_name: ClassVar[str]
    version: ClassVar[int] = 1
    personal: ClassVar[frozenset[str]] = frozenset()
    owner: ClassVar[Owner] = Owner.AGGREGATE


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request to change one aggregate, in the imperative.

    `command_id` makes a repeat safe; it is scoped to brand, actor and command by whoever creates it.
    `now` is when it happens: an import gives the original time.  `roles` never travel: the service that decides
    overwrites them from its own view of the brand's members.
    """

    wire_name: ClassVar[str]

    command_id: Id
    brand: Id
    actor: Id
    now: Annotated[datetime, Meta(tz=True)]
    roles: frozenset[str] = frozenset()


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question to one read model.  `viewer` asks; the answer waits until the view has reached `at_least`."""

    wire_name: ClassVar[str]

    brand: Id
    viewer: Id
    at_least: dict[str, int] = {}


class Accepted(Struct, frozen=True, kw_only=True):
    """What an accepted command returns: the aggregate it changed, and the position at which a view shows it."""

    id: str
    position: dict[str, int]
    repeated: bool = False


class DomainError(Exception):
    """A refusal with a stable `code`, a message for people, and the `path` of the field it is about, if any."""

    def __init__(self, code: str, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r}, {self.path!r})"


class NotFound(DomainError):
    """The thing does not exist for this actor; a foreign brand's things do not exist either."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__("NOT_FOUND", message, path)


class Forbidden(DomainError):
    """The actor may not do this."""

    def __init__(self, message: str = "you may not do this", path: tuple[str | int, ...] = ()) -> None:
        super().__init__("FORBIDDEN", message, path)


class Invalid(DomainError):
    """The input does not have the documented shape."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__("INVALID", message, path)


class Erased(DomainError):
    """Nothing about this member is kept any more, and nothing new is: they were erased."""

    def __init__(self, member: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__("ERASED", "this member was erased", path)
        self.member = member


class Unavailable(DomainError):
    """Something the answer needs did not answer in time; the same request may be sent again."""

    def __init__(self, message: str = "try again", path: tuple[str | int, ...] = ()) -> None:
        super().__init__("UNAVAILABLE", message, path)


S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider(Generic[S, C, E]):
    """One kind of aggregate: what it is at first, what it decides, and how a fact changes it.

    `decide` returns the events of an accepted command, `[]` when it is already true, and raises `DomainError` when
    it is refused.  `evolve` never refuses.  `identify` names the aggregate that a command is for.
    `snapshots=False` keeps a state with personal fields out of snapshots.
    """

    aggregate: str
    initial: S
    decide: Callable[[S, C], list[E]]
    evolve: Callable[[S, E], S]
    identify: Callable[[C], str]
    commands: tuple[type[C], ...]
    events: tuple[type[E], ...]
    snapshots: bool = True
