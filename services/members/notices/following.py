"""Following things of all services: that a thing exists is proven by its last event; who takes part is told anyway."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple

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
        guards = {Follow: self._must_exist, Mute: self._must_exist, Unfollow: self._must_exist}
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

    async def _must_exist(self, command: FollowCommand) -> None:
        """Refuse what is not there for the actor.  Who is no member is refused first, and learns nothing."""
        follow.decide(None, command)
        asked = _Asked(command.brand, command.actor, Target(command.kind, command.target_id))
        if not await self._there.ask(asked):
            raise NotFound(f"there is no such {command.kind}", ("target_id",))

    async def _are_there(self, asked: Sequence[_Asked]) -> list[bool]:
        """Whether things are there for who asks."""
        exist = await asyncio.gather(*(self._exists(one.brand, one.target) for one in asked))
        targets: dict[tuple[str, str], list[Target]] = {}
        for one, exists in zip(asked, exist, strict=True):
            if exists:
                targets.setdefault((one.brand, one.member), []).append(one.target)
        answers = await asyncio.gather(*(self._audience.hidden(*whose, those) for whose, those in targets.items()))
        hidden = dict(zip(targets, answers, strict=True))
        return [
            exists and one.target not in hidden[one.brand, one.member] for one, exists in zip(asked, exist, strict=True)
        ]

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
