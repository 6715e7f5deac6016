"""A platform in memory for import tests: the services' own deciders behind the bus, with answers that can be lost."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from libs.access.roles import Role
from libs.shared.domain import SYSTEM, Accepted, Command, Decider, DomainError, Invalid, NotFound, Unavailable
from libs.shared.event_store import Subject
from services.discussions import space, thread
from services.events import decisions
from services.feedback import board, idea, vote
from services.members import brand, member_decisions, network

T = TypeVar("T")

_DECIDERS: dict[tuple[str, str], Decider[Any, Any, Any]] = {
    ("members", "network"): network.DECIDER,
    ("members", "brand"): brand.DECIDER,
    ("members", "member"): member_decisions.DECIDER,
    ("discussions", "space"): space.DECIDER,
    ("discussions", "thread"): thread.DECIDER,
    ("events", "event"): decisions.DECIDER,
    ("feedback", "board"): board.DECIDER,
    ("feedback", "idea"): idea.DECIDER,
    ("feedback", "vote"): vote.DECIDER,
}


class FakePlatform:
    """Decides commands as the services do, one at a time, and answers the few queries that an import asks.

    `lose_answers` makes that many of the next commands time out after they were decided; `slugs_taken` belong to
    somebody else.  An aggregate knows repeats of the last commands that it `remembers`.
    """

    def __init__(self) -> None:
        self.log: list[tuple[Subject, Command, Any]] = []
        self.lose_answers = 0
        self.down = False
        self.slugs_taken: dict[str, str] = {}
        self.remembers = 1_000
        self._states: dict[tuple[str, str, str, str], Any] = {}
        self._outcomes: dict[tuple[str, str, str, str], dict[str, Accepted]] = {}
        self._heads: dict[tuple[str, str, str, str], int] = {}

    def events(self, kind: type[T]) -> list[T]:
        """All events of a type, in the order of the log."""
        return [found for _, _, found in self.log if isinstance(found, kind)]

    def commands(self, kind: type[T]) -> list[T]:
        """The commands of a type that caused events, in the order of the log."""
        return [command for _, command, _ in self.log if isinstance(command, kind)]

    async def command(
        self, service: str, aggregate: str, name: str, payload: Struct, *, timeout_seconds: float = 10
    ) -> Accepted:
        """As over the bus: the payload is encoded, and decoded by the command's own type."""
        if self.down:
            raise Unavailable("nothing answers")
        decider = _DECIDERS[service, aggregate]
        types: dict[str, type[Command]] = {known.wire_name: known for known in decider.commands}
        try:
            command = msgspec.json.decode(msgspec.json.encode(payload), type=types[name])
        except msgspec.ValidationError as error:
            raise Invalid(str(error)) from error
        accepted = self._decide(service, decider, command)
        if self.lose_answers:
            self.lose_answers -= 1
            raise DomainError("TIMEOUT", "no answer in time")
        return accepted

    async def query(
        self, service: str, name: str, payload: Mapping[str, Any], reply: type[T], *, timeout_seconds: float = 5
    ) -> T:
        """As over the bus, decoded from what the services document."""
        if self.down:
            raise Unavailable("nothing answers")
        return msgspec.convert(self._answer(name, payload), reply)

    def _decide(self, service: str, decider: Decider[Any, Any, Any], command: Command) -> Accepted:
        id_ = decider.identify(command)
        key = (service, command.brand, decider.aggregate, id_)
        first = self._outcomes.get(key, {}).get(command.command_id)
        if first is not None:
            return structs.replace(first, repeated=True)
        command = structs.replace(command, roles=self._roles(command))
        self._admit(command)
        state = self._states.get(key, decider.initial)
        events = decider.decide(state, command)
        for decided in events:
            state = decider.evolve(state, decided)
            self.log.append((Subject(service, command.brand, decider.aggregate, id_), command, decided))
            self._heads[key] = len(self.log)
        self._states[key] = state
        accepted = Accepted(id=id_, position={service.upper(): self._heads.get(key, 0)})
        if events:
            remembered = self._outcomes.setdefault(key, {})
            remembered[command.command_id] = accepted
            while len(remembered) > self.remembers:
                del remembered[next(iter(remembered))]
        return accepted

    def _admit(self, command: Command) -> None:
        if isinstance(command, space.CreateSpace | board.OpenBoard) and command.slug in self.slugs_taken:
            raise DomainError("NAME_TAKEN", "taken", ("slug",))
        if isinstance(command, vote.CastVote):
            state = self._states.get(("feedback", command.brand, "idea", command.idea_id), idea.DECIDER.initial)
            vote.admit_vote(state, command)

    def _roles(self, command: Command) -> frozenset[str]:
        if command.actor == SYSTEM:
            return frozenset(Role)
        joined = self._states.get(
            ("members", command.brand, "member", command.actor), member_decisions.DECIDER.initial
        ).joined
        return frozenset({Role.MEMBER}) if joined else frozenset()

    def _answer(self, name: str, payload: Mapping[str, Any]) -> Any:
        match name:
            case "network_by_slug" | "brand_by_slug":
                found = self._by_slug(name.removesuffix("_by_slug"), payload["slug"])
                if found is None:
                    raise NotFound("nothing has this slug")
                return {"id": found}
            case "space_by_slug" | "board_by_slug":
                return {"id": self.slugs_taken[payload["slug"]]}
            case "members_get_many":
                return [self._member(payload["brand"], id_) for id_ in payload["ids"]]
            case "voter_page":
                return self._voters(payload)
            case _:
                return None

    def _by_slug(self, aggregate: str, slug: str) -> str | None:
        return next(
            (key[3] for key, state in self._states.items() if key[2] == aggregate and state.slug == slug),
            None,
        )

    def _member(self, brand_id: str, id_: str) -> dict[str, Any] | None:
        state = self._states.get(("members", brand_id, "member", id_))
        return {"id": id_, "display_name": state.display_name, "left_at": None} if state is not None else None

    def _voters(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Pages of two, whatever was asked for: an import must follow the cursor."""
        votes = [found for subject, _, found in self.log if subject.id == payload["idea_id"]]
        everyone = sorted({found.member_id for found in votes if isinstance(found, vote.VoteCast)})
        start = int(payload["page"].get("after", "0"))
        items = everyone[start : start + 2]
        return {
            "items": [{"member_id": voter, "voted_at": "2020-01-01T00:00:00Z"} for voter in items],
            "cursors": [str(start + at + 1) for at in range(len(items))],
            "has_next": start + 2 < len(everyone),
            "has_previous": start > 0,
            "total_count": len(everyone),
        }
