"""What a viewer may do with things right now: the service rehearses the commands that are for them.

No rule stands here.  A service says which commands there are for a kind of thing, each with examples of what it could
say; a command is permitted when its own rules would accept one of them and it would change something.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeVar

from msgspec import Meta

from libs.shared.app import App
from libs.shared.domain import Command, Id, Query
from libs.shared.projection import View

#: The id of a thing; behind that of what holds it, for a thing that is found through another: `<thread>:<reply>`.
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,64})?\Z")]

#: The id of things that are not there yet, in examples.
NEW: Final = "new"

C = TypeVar("C", bound=Command)


class ViewerCan(Query, frozen=True, kw_only=True):
    """What the viewer may do with each of `ids`, things of one kind: names of commands, sorted.

    Answers everybody: strangers, and whoever asks about what is not there, may nothing with it.  `identity` is that of
    the viewer, for what identities do.
    """

    wire_name: ClassVar[str] = "viewer_can"

    kind: str
    ids: Annotated[list[Key], Meta(max_length=100)]
    identity: Id | None = None


class Asked(NamedTuple):
    """One thing about which is asked: its `id`, that of what `holder` it is found through, and who asks when."""

    brand: str
    viewer: str
    identity: str
    id: str
    holder: str
    now: datetime

    def example(self, command: type[C], **fields: Any) -> C:
        """A command as the viewer could send it."""
        return command(command_id=NEW, brand=self.brand, actor=self.viewer, now=self.now, **fields)


class Example(NamedTuple):
    """Something that a viewer could send, and under which name it is permitted: that of the command, most often."""

    name: str
    command: Command


#: The examples of the commands on a thing; it may look at the thing to find ones that could be accepted.
Examples = Callable[[Asked], Awaitable[list[Example]]]


def named(*commands: Command) -> list[Example]:
    """Examples under the names of their commands."""
    return [Example(command.wire_name, command) for command in commands]


def compose_permissions(app: App, access: View, *parts: Mapping[str, Examples]) -> None:
    """Answer `viewer_can` for the kinds of things of all parts of a service.

    The answer rests on `access` as far as the query asks.
    """

    async def viewer_can(query: ViewerCan) -> list[list[str]]:
        kinds = [part[query.kind] for part in parts if query.kind in part]

        async def examples(asked: Asked) -> list[Example]:
            return [example for found in kinds for example in await found(asked)]

        things = await asyncio.gather(*(examples(_asked(app, query, key)) for key in query.ids))
        answers = iter(await app.rehearse([example.command for thing in things for example in thing]))
        return [sorted({example.name for example in thing if next(answers)}) for thing in things]

    app.query(ViewerCan, list[list[str]], viewer_can, view=access)


def _asked(app: App, query: ViewerCan, key: str) -> Asked:
    holder, _, id_ = key.rpartition(":")
    return Asked(
        brand=query.brand,
        viewer=query.viewer,
        identity=query.identity or query.viewer,
        id=id_,
        holder=holder,
        now=app.clock.now(),
    )
