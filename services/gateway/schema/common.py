"""What every part of the schema is made of: nodes, connections, payloads and refusals."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Final, Generic, TypeVar, get_type_hints

import strawberry
from strawberry import ID
from strawberry.types.field import StrawberryField

from libs.shared.domain import DomainError, Invalid
from services.gateway import consistency
from services.gateway.context import Done, Info, PageArguments, Scope
from services.gateway.limits import DEFAULT_PAGE, MAX_PAGE
from services.gateway.replies import PageReply

N = TypeVar("N")
R = TypeVar("R")
I = TypeVar("I")  # noqa: E741 - an input

CommandId = Annotated[
    str | None,
    strawberry.argument(description="Makes a repeat safe: the same id by the same sender is carried out once."),
]

First = Annotated[int | None, strawberry.argument(description=f"This many from the start: 1–{MAX_PAGE}.")]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Last = Annotated[int | None, strawberry.argument(description=f"This many from the end: 1–{MAX_PAGE}.")]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor.")]

#: The code of what nobody foresaw; it is masked where errors are written.
INTERNAL: Final = "INTERNAL"

#: Wire names of command fields whose GraphQL name is another one.
_FIELD_NAMES: Final = {
    "thread_id": "postId",
    "target_id": "targetId",
    "reply_to": "replyToId",
    "referrer": "referrerId",
    "edition": "version",
    "account_id": "serviceAccountId",
    "blocked_id": "memberId",
    "dismissed_id": "memberId",
}


def field(resolver: Callable[..., Any]) -> StrawberryField:
    """A field with a resolver; its docstring describes it in the schema."""
    return strawberry.field(resolver, description=inspect.getdoc(resolver))


@strawberry.interface(description="Anything that can be fetched again by its id.")
class Node:
    """A Relay node (https://relay.dev/graphql/objectidentification.htm)."""

    id: ID


@strawberry.type(description="Where a page stands among its neighbours.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One object of a page and its cursor.")
class Edge(Generic[N]):
    """An edge of a connection."""

    cursor: str
    node: N


@strawberry.type(description="A page of objects, in a documented order.")
class Connection(Generic[N]):
    """A Relay connection (https://relay.dev/graphql/connections.htm) over one page of a service."""

    edges: list[Edge[N]]
    page_info: PageInfo
    total_count: int | None = strawberry.field(description="How many there are in all; null where nobody counts them.")

    @field
    def nodes(self) -> list[N]:
        """The objects of the page without their cursors."""
        return [edge.node for edge in self.edges]


@strawberry.type
class BrandPart:
    """What the parts of the type Brand share: the brand's own id, and how fresh its answers must be."""

    key: strawberry.Private[str]
    at_least: strawberry.Private[dict[str, int]]

    def inside(self, info: Info) -> Scope:
        """The brand with the sender's member as viewer; raises `Unauthenticated` for an anonymous sender."""
        return info.context.inside(self.key, self.at_least)


def connection(page: PageReply[R], node: Callable[[R], N]) -> Connection[N]:
    """A service's page as a connection; `node` makes an object of a row."""
    return Connection(
        edges=[Edge(cursor=cursor, node=node(row)) for cursor, row in zip(page.cursors, page.items, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        total_count=page.total_count,
    )


def page_arguments(first: int | None, after: str | None, last: int | None, before: str | None) -> PageArguments:
    """A page request with the default size filled in; raises `Invalid` when it contradicts itself."""
    if first is not None and last is not None:
        raise Invalid("first and last exclude each other", ("first",))
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 1 <= value <= MAX_PAGE:
            raise Invalid(f"{name} must be between 1 and {MAX_PAGE}", (name,))
    if last is None:
        return PageArguments(first=first or DEFAULT_PAGE, after=after, before=before)
    return PageArguments(last=last, after=after, before=before)


@strawberry.type(description="Why a command was refused.")
class Refusal:
    """A domain refusal: a stable code, a message for people and the input field it is about."""

    code: str = strawberry.field(description="Stable, in SCREAMING_SNAKE.")
    message: str = strawberry.field(description="For people; may change.")
    path: list[str] = strawberry.field(description="The input field it is about, from the top; empty for the whole.")


@strawberry.interface(description="What a mutation answers: the changed object, or why it was refused.")
class Payload:
    """The outcome of a command; `done` is None when it was refused."""

    done: strawberry.Private[Done | None] = None
    errors: list[Refusal] = strawberry.field(
        default_factory=list, description="Why it was refused; empty when it was carried out."
    )

    @field
    def consistency_token(self) -> str | None:
        """Carry it into a query to read no less than what this mutation changed."""
        return consistency.encode(self.done.position) if self.done else None


def refusal_of(refusal: DomainError) -> Refusal:
    """A service's refusal as clients read it."""
    path = [_camel(str(step)) for step in refusal.path]
    return Refusal(code=refusal.code, message=refusal.message, path=path)


def command(mutate: Callable[[Any, Info, I], Awaitable[R]]) -> StrawberryField:
    """A mutation; its docstring describes it in the schema.

    A refusal is answered in its payload.  A sender without identity is an error of the request instead.
    """

    @functools.wraps(mutate)
    async def settled(self: Any, info: Info, input: I) -> R:  # noqa: A002 - the argument's name in the schema
        info.context.identity()
        try:
            return await mutate(self, info, input)
        except DomainError as refusal:
            if refusal.code == INTERNAL:
                raise
            payload: type[R] = get_type_hints(mutate)["return"]
            return payload(errors=[refusal_of(refusal)])  # type: ignore[call-arg]

    mutation: StrawberryField = strawberry.mutation(settled, description=inspect.getdoc(mutate))
    return mutation


def _camel(name: str) -> str:
    head, *rest = _FIELD_NAMES.get(name, name).split("_")
    return head + "".join(word.title() for word in rest)


async def unless_missing(answer: Awaitable[R]) -> R | None:
    """The answer, or None when there is nothing for this viewer: what is foreign does not exist."""
    try:
        return await answer
    except DomainError as error:
        if is_missing(error):
            return None
        raise


def is_missing(answer: object) -> bool:
    """Whether an answer says that there is nothing for this viewer."""
    return isinstance(answer, DomainError) and answer.code in {"NOT_FOUND", "FORBIDDEN"}


def optional(**fields: Any) -> dict[str, Any]:
    """The fields that were given: what a client leaves out takes the command's own default."""
    return {name: value for name, value in fields.items() if value is not None}


def known(values: Iterable[str], kind: type[N]) -> list[N]:
    """The values that an enum of the schema has a name for; a service may already know more."""
    members: dict[str, N] = kind._value2member_map_  # type: ignore[attr-defined]
    return [members[value] for value in values if value in members]
