"""Following things of all services: that a thing exists is proven by its last event; who takes part is told anyway.

A tag has no event of its own: it is there for who may read a post that has it, and that is asked of discussions.
"""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from msgspec import Meta
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from libs.shared.app import App
from libs.shared.domain import Id, NotFound, Query, Unavailable
from libs.shared.event_store import Subject
from libs.shared.rounds import Rounds
from services.members.notices import follow
from services.members.notices.audience import Audience
from services.members.notices.follow import Follow, FollowCommand, Mute, Target, TargetKind, Unfollow
from services.members.notices.views.follows import FollowsView, Said

#: Where things stand: the service whose stream has them, and the name of their aggregate.
_AGGREGATES: Final[dict[TargetKind, tuple[str, str]]] = {
    TargetKind.THREAD: ("discussions", "thread"),
    TargetKind.SPACE: ("discussions", "space"),
    TargetKind.MEMBER: ("members", "member"),
    TargetKind.EVENT: ("events", "event"),
    TargetKind.BOARD: ("feedback", "board"),
    TargetKind.IDEA: ("feedback", "idea"),
}

_TAGS_AT_ONCE: Final = 100


class FollowState(StrEnum):
    """How a member stands to a thing.

    TAKES_PART: they wrote, asked for a seat, are invited or voted, and so hear of it.
    """

    NOTHING = "nothing"
    TAKES_PART = "takes_part"
    FOLLOWED = "followed"
    MUTED = "muted"


class FollowStates(Query, frozen=True, kw_only=True):
    """How the viewer stands to things of one kind, in the order of `ids`."""

    wire_name: ClassVar[str] = "follow_states"

    kind: TargetKind
    ids: Annotated[list[Id], Meta(max_length=100)]


class _Asked(NamedTuple):
    """Whether something is there for somebody."""

    brand: str
    member: str
    target: Target


class Following:
    """Registers and answers what concerns following."""

    def __init__(self, app: App, follows: FollowsView, audience: Audience) -> None:
        self._app = app
        self._js = app.nats.jetstream()
        self._follows = follows
        self._audience = audience
        #: Whoever asks about many things, or what they may do with them, asks one question.
        self._there = Rounds(self._are_there)
        guards = {Follow: self._must_exist, Mute: self._must_exist, Unfollow: self._must_be_known}
        app.aggregate(follow.DECIDER, guards=guards, open_set=True)

    async def follow_states(self, query: FollowStates) -> list[FollowState]:
        """How the viewer stands to `ids`, in that order."""
        targets = [Target(query.kind, id_) for id_ in query.ids]
        words, taking_part = await asyncio.gather(
            self._follows.words_of(query.brand, query.viewer, targets), self._taking_part(query)
        )
        return [_state(said, takes_part=part) for said, part in zip(words, taking_part, strict=True)]

    async def _taking_part(self, query: FollowStates) -> Sequence[bool]:
        view = self._audience.people_view(query.kind)
        if view is None:
            return [False] * len(query.ids)
        await self._app.positions.wait(view, query.at_least, self._app.settings.stale_seconds)
        return await view.taking_part(query.brand, query.ids, query.viewer)

    async def _must_be_known(self, command: FollowCommand) -> None:
        """Refuse what is not there for the actor, unless they follow it, or have muted it, from when it was."""
        target = Target(command.kind, command.target_id)
        [said] = await self._follows.words_of(command.brand, command.actor, [target])
        if said is None:
            await self._must_exist(command)

    async def _must_exist(self, command: FollowCommand) -> None:
        """Refuse what is not there for the actor.  Who is no member is refused first, and learns nothing."""
        follow.decide(None, command)
        asked = _Asked(command.brand, command.actor, Target(command.kind, command.target_id))
        if not await self._there.ask(asked):
            raise NotFound(f"there is no such {command.kind}", ("target_id",))

    async def _are_there(self, asked: Sequence[_Asked]) -> list[bool]:
        """Whether things are there for who asks."""
        targets: dict[tuple[str, str], list[Target]] = {}
        for one in asked:
            targets.setdefault((one.brand, one.member), []).append(one.target)
        answers = await asyncio.gather(*(self._there_for(*whose, those) for whose, those in targets.items()))
        there = dict(zip(targets, answers, strict=True))
        return [one.target in there[one.brand, one.member] for one in asked]

    async def _there_for(self, brand: str, member: str, targets: Sequence[Target]) -> set[Target]:
        """What of these is there for one member."""
        things = [target for target in targets if target.kind is not TargetKind.TAG]
        exist = await asyncio.gather(*(self._exists(brand, target) for target in things))
        found = {target for target, exists in zip(things, exist, strict=True) if exists}
        found -= await self._audience.hidden(brand, member, found)
        return found | await self._on_posts(brand, member, [one for one in targets if one.kind is TargetKind.TAG])

    async def _on_posts(self, brand: str, member: str, tags: Sequence[Target]) -> set[Target]:
        """Which tags stand on a post that the member may see."""
        there: set[Target] = set()
        for start in range(0, len(tags), _TAGS_AT_ONCE):
            those = tags[start : start + _TAGS_AT_ONCE]
            asked = {"brand": brand, "viewer": member, "ids": [tag.id for tag in those]}
            found = await self._app.bus.query("discussions", "tags_get_many", asked, list[dict[str, Any] | None])
            there |= {tag for tag, one in zip(those, found, strict=True) if one is not None}
        return there

    async def _exists(self, brand: str, target: Target) -> bool:
        service, aggregate = _AGGREGATES[target.kind]
        subject = Subject(service, brand, aggregate, target.id)
        try:
            await self._js.get_msg(subject.stream, subject=str(subject))
        except NotFoundError:
            return False
        except (NatsError, OSError) as error:
            raise Unavailable("the stream that has it does not answer") from error
        return True


def _state(said: Said | None, *, takes_part: bool) -> FollowState:
    match said:
        case Said.FOLLOWED:
            return FollowState.FOLLOWED
        case Said.MUTED:
            return FollowState.MUTED
        case None if takes_part:
            return FollowState.TAKES_PART
        case _:
            return FollowState.NOTHING
