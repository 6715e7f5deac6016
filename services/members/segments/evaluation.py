"""Holds members against the rules of segments, and lets them enter and leave: exactly, whoever else does so meanwhile.

Of each part of a segment it reads first how often the part has changed and then all that it needs to know; its command
names that number, and is refused when somebody else moved members of that part in between.  So nobody enters twice.
Whoever moves somebody looks at them again once that shows, until there is nothing to move.  So what was worked out on
an older state of a member, of a rule or on the day before does not stay: either who changed that found the movement and
corrects it, or who moved finds the change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from libs.access.roles import ALL_ROLES
from libs.shared.clock import Clock
from libs.shared.domain import SYSTEM, Accepted, DomainError
from libs.shared.ids import uuid7
from libs.shared.positions import Positions
from libs.shared.projection import View
from services.members.profiles.fields import Value
from services.members.profiles.views.profiles import ProfilesView
from services.members.segments.membership import STALE, MoveMembers, part, part_id
from services.members.segments.rules import Act, Did, Facts, Rule, Subject, conditions, fields, matches, subjects
from services.members.segments.views.acts import ActsView, day_of
from services.members.segments.views.people import PeopleView, Person
from services.members.segments.views.segments import Definition, SegmentsView

#: So many members are looked at at once.
AT_ONCE = 500

_WAIT_SECONDS = 30.0
#: Until what somebody else did shows.
_MEANWHILE_SECONDS = 0.02

#: Appends a movement; raises `DomainError`, with the code STALE_EVALUATION when the part has gone on.
Move = Callable[[MoveMembers], Awaitable[Accepted]]

#: Members, and what is new of each of them.
Touched = Mapping[str, Collection[Subject]]

#: Everything may be new of a member.
ANYTHING: frozenset[Subject] = frozenset({"profile", "fields", *Act})


class Views(NamedTuple):
    """What the evaluation reads."""

    segments: SegmentsView
    people: PeopleView
    profiles: ProfilesView
    acts: Sequence[ActsView]

    @property
    def all(self) -> list[View]:
        """All of them."""
        return [self.segments, self.people, self.profiles, *self.acts]


class Evaluation:
    """Keeps the members of segments what their rules say."""

    def __init__(self, views: Views, positions: Positions, move: Move, clock: Clock) -> None:
        self._views = views
        self._positions = positions
        self._move = move
        self._clock = clock

    @property
    def today(self) -> int:
        """The day in UTC, counted from 1970."""
        return day_of(self._clock.now())

    async def touched(self, brand: str, touched: Touched) -> None:
        """Hold members against the segments of their brand that ask about what is new of them."""
        for some in _portions(sorted(touched)):
            await self._settle(brand, {member: touched[member] for member in some}, None)

    async def one_segment(self, brand: str, segment_id: str, members: Collection[str]) -> None:
        """Hold members against one segment."""
        for some in _portions(sorted(members)):
            await self._settle(brand, dict.fromkeys(some, ANYTHING), segment_id)

    async def matching(self, rule: Rule, brand: str, members: Collection[str]) -> list[str]:
        """Those of the members for whom a rule holds today."""
        known = await self._facts(brand, members, [rule], self.today)
        return [member for member in sorted(known) if matches(rule, known[member], self.today)]

    async def _settle(self, brand: str, touched: Touched, only: str | None) -> None:
        while await self._move_those(await self._concerned(brand, touched, only), touched):
            pass

    async def _concerned(self, brand: str, touched: Touched, only: str | None) -> list[Definition]:
        """The segments that what is new of the members can matter to."""
        new = frozenset(subject for subjects in touched.values() for subject in subjects)
        return [one for one in await self._definitions(brand, only) if _concerns(one, new)]

    async def _definitions(self, brand: str, only: str | None) -> list[Definition]:
        if only is None:
            return await self._views.segments.definitions(brand)
        one = await self._views.segments.definition(brand, only)
        return [] if one is None else [one]

    async def _move_those(self, concerned: Sequence[Definition], touched: Touched) -> bool:
        """Let those move who have to; False when there is nobody."""
        if not concerned:
            return False
        brand, today, numbers = concerned[0].brand, self.today, {part(member) for member in touched}
        changes = await self._views.segments.changes(
            brand, [part_id(one.id, number) for one in concerned for number in numbers]
        )
        memberships = await self._views.segments.memberships(brand, touched)
        rules = [one.rule for one in concerned if one.rule is not None and not one.deleted]
        facts = await self._facts(brand, touched, rules, today)
        moves: list[MoveMembers] = []
        for one in concerned:
            inside = {member for segment, member in memberships if segment == one.id}
            belong = {member for member in touched if _belongs(one, member in inside, facts.get(member), today)}
            moves += self._moves(one, belong - inside, inside - belong, changes)
        await self._carry_out(moves)
        return bool(moves)

    def _moves(
        self, one: Definition, enter: Collection[str], leave: Collection[str], changes: Mapping[str, int]
    ) -> Iterable[MoveMembers]:
        for number in sorted({part(member) for member in (*enter, *leave)}):
            yield MoveMembers(
                command_id=uuid7(),
                brand=one.brand,
                actor=SYSTEM,
                now=self._clock.now(),
                roles=ALL_ROLES,
                segment_id=one.id,
                part=number,
                edition=one.edition,
                based_on=changes.get(part_id(one.id, number), 0),
                entered=tuple(member for member in enter if part(member) == number),
                left=tuple(member for member in leave if part(member) == number),
            )

    async def _carry_out(self, moves: Sequence[MoveMembers]) -> None:
        """Move them and return when that shows; a part that has gone on meanwhile is left for the next look."""
        position: dict[str, int] = {}
        for outcome in await asyncio.gather(*map(self._move, moves), return_exceptions=True):
            if isinstance(outcome, DomainError) and outcome.code == STALE:
                await asyncio.sleep(_MEANWHILE_SECONDS)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                for stream, sequence in outcome.position.items():
                    position[stream] = max(sequence, position.get(stream, 0))
        await self._positions.wait(self._views.segments, position, _WAIT_SECONDS)

    async def _facts(self, brand: str, members: Collection[str], rules: Sequence[Rule], today: int) -> dict[str, Facts]:
        """What is known of those of the members who are in the brand, as far as the rules ask."""
        people = await self._views.people.get_many(brand, members)
        asked = [one for rule in rules for one in conditions(rule)]
        counts: dict[str, dict[Act, int]] = {}
        days: dict[str, dict[Act, dict[int, int]]] = {}
        here = [person.member for person in people]
        for view in self._views.acts if here else ():
            mine = [one for one in asked if isinstance(one, Did) and one.act in view.acts]
            if any(one.within_days is None for one in mine):
                for member, counted in (await view.counts(brand, here)).items():
                    counts.setdefault(member, {}).update({act: counted.get(act.value, 0) for act in view.acts})
            if back := max((one.within_days or 0 for one in mine), default=0):
                for document in await view.days(brand, here, today - back + 1, today):
                    of = days.setdefault(document["member"], {})
                    for act in view.acts:
                        if times := document.get(act.value, 0):
                            of.setdefault(act, {})[document["day"]] = times
        keys = frozenset(key for rule in rules for key in fields(rule))
        values = await self._views.profiles.told_to_leaders(brand, here, keys) if keys else {}
        return {
            id_: _known(person, counts.get(id_, {}), days.get(id_, {}), values.get(id_, {}))
            for person, id_ in zip(people, here, strict=True)
        }


def _known(
    person: Person,
    counts: Mapping[Act, int],
    days: Mapping[Act, Mapping[int, int]],
    values: Mapping[str, Value],
) -> Facts:
    return Facts(
        roles=person.roles,
        joined_day=person.joined_day,
        source=person.source,
        referrer=person.referrer,
        counts=counts,
        days=days,
        values=values,
    )


def _concerns(one: Definition, new: frozenset[Subject]) -> bool:
    """Whether what is new of members can change whether they are in the segment."""
    if "profile" in new or one.deleted:  # who leaves the brand leaves every segment, lists too
        return True
    return one.rule is not None and not subjects(one.rule).isdisjoint(new)


def _belongs(one: Definition, inside: bool, facts: Facts | None, today: int) -> bool:
    """Whether a member is to be in the segment; `facts` is None for who is not in the brand."""
    if facts is None or one.deleted:
        return False
    return inside if one.rule is None else matches(one.rule, facts, today)


def _portions(members: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(members), AT_ONCE):
        yield members[start : start + AT_ONCE]
