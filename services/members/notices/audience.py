"""Whom a fact is told to: who follows, who takes part, minus who may not, must not or does not want to hear of it."""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from libs.access.audience import Viewer
from libs.access.audiences import MembershipsView
from libs.access.scopes import is_account
from libs.access.view import AccessView, Rights
from libs.shared.app import App
from libs.shared.domain import SYSTEM
from libs.shared.times import to_ms
from services.members.notices.facts import Fact, Reason
from services.members.notices.follow import Target, TargetKind
from services.members.notices.fresh import catch_up
from services.members.notices.kinds import Choice
from services.members.notices.places import Slice, place, slices_for
from services.members.notices.views.choices import ChoicesView
from services.members.notices.views.follows import FollowsView, Said
from services.members.notices.views.people import EventPeopleView, IdeaPeopleView, PeopleView, ThreadPeopleView
from services.members.notices.views.spaces import ExclusiveSpacesView


class Receiver(NamedTuple):
    """Somebody who is told, why, and on which channels."""

    member: str
    reason: Reason
    choice: Choice


class Audience:
    """Finds receivers in views of this service, each as new as the newest word that was accepted before it is asked."""

    def __init__(self, app: App, access: AccessView, follows: FollowsView, choices: ChoicesView) -> None:
        self._app = app
        self._access = access
        self._spaces = app.view(ExclusiveSpacesView())
        self._memberships = app.view(MembershipsView())
        self._follows = follows
        self._choices = choices
        self.threads = app.view(ThreadPeopleView())
        self._events = app.view(EventPeopleView())
        self._people: dict[str, PeopleView] = {
            "thread": self.threads,
            "event": self._events,
            "idea": app.view(IdeaPeopleView()),
        }

    def people_view(self, kind: str) -> PeopleView | None:
        """Who takes part in things of a kind (a `TargetKind`); None where nobody does."""
        return self._people.get(kind)

    async def size(self, fact: Fact) -> int:
        """Into how many slices the fact's audience is cut."""
        counts = [self._follows.how_many(fact.brand, reason.target) for reason in fact.reasons if reason.target]
        if fact.people is not None:
            counts.append(self._people[fact.people].how_many(fact.brand, fact.reasons[0].subject))
        return slices_for(sum(await asyncio.gather(*counts)))

    async def receivers(self, fact: Fact, within: Slice) -> list[Receiver]:
        """Who of a slice is told.  Raises `DomainError` STALE_VIEW when that cannot be known now."""
        await catch_up(self._app, self._access, self._memberships, self._follows, self._choices)
        if fact.people is not None:
            await catch_up(self._app, self._people[fact.people])
        where = _where(fact)
        if where is not None:
            await catch_up(self._app, self._events if where.kind is TargetKind.EVENT else self._spaces)
        reasons = await self._reasons(fact, within)
        for concern in fact.concerns:
            words = await self._follows.words_on(fact.brand, concern, within, fact.at_ms)
            for member, said in words.items():
                if said is Said.MUTED:
                    reasons.pop(member, None)
        if fact.by_a_person:
            for member in await self._follows.kept_apart(fact.brand, fact.actor, within):
                reasons.pop(member, None)
        candidates = reasons.keys() - {fact.actor, SYSTEM}
        if where is None:
            members = sorted(await self._people_among(fact.brand, candidates))
        else:
            members = sorted((await self._let_in(fact.brand, [where], candidates))[where])
        choices = await self._choices.of_many(fact.brand, members)
        return [Receiver(member, reasons[member], choices[member].of(reasons[member].kind)) for member in members]

    async def hidden(self, brand: str, member: str, targets: Collection[Target]) -> set[Target]:
        """Which of these are spaces or events, or stand in spaces, that a member is not let into.

        So is a thread of which nobody knows where it stands.  Raises as `receivers`.
        """
        threads = [target.id for target in targets if target.kind is TargetKind.THREAD]
        places = {target: target for target in targets if target.kind in {TargetKind.SPACE, TargetKind.EVENT}}
        if not threads and not places:
            return set()
        await catch_up(self._app, self._access, self._memberships, self._spaces, self.threads, self._events)
        spaces = await self.threads.spaces(brand, threads)
        places |= {Target(TargetKind.THREAD, id_): Target(TargetKind.SPACE, space) for id_, space in spaces.items()}
        let_in = await self._let_in(brand, set(places.values()), [member])
        shown = {target for target, where in places.items() if member in let_in[where]}
        return {Target(TargetKind.THREAD, id_) for id_ in threads}.union(places) - shown

    async def _reasons(self, fact: Fact, within: Slice) -> dict[str, Reason]:
        """Why each of a slice would hear of it."""
        found: dict[str, Reason] = dict.fromkeys(
            (member for member in fact.members if within.low <= place(member) < within.high), fact.reasons[0]
        )
        if fact.people is not None:
            people = await self._people[fact.people].people_of(fact.brand, fact.reasons[0].subject, within)
            found |= dict.fromkeys(people, fact.reasons[0])
        for reason in fact.reasons:
            if reason.target is None:
                continue
            words = await self._follows.words_on(fact.brand, reason.target, within, fact.at_ms)
            for member, said in words.items():
                if said is Said.FOLLOWED:
                    found.setdefault(member, reason)
                elif said is Said.UNFOLLOWED and found.get(member) is reason:
                    del found[member]
        return found

    async def _let_in(
        self, brand: str, places: Collection[Target], candidates: Collection[str]
    ) -> dict[Target, set[str]]:
        """Who of these is in the brand now, a person, and let into each of these spaces and events."""
        rights = await self._people_among(brand, candidates)
        spaces = {place.id for place in places if place.kind is TargetKind.SPACE}
        events = {place.id for place in places if place.kind is TargetKind.EVENT}
        audiences = {
            **{
                Target(TargetKind.SPACE, id_): one for id_, one in (await self._spaces.audiences(brand, spaces)).items()
            },
            **{
                Target(TargetKind.EVENT, id_): one for id_, one in (await self._events.audiences(brand, events)).items()
            },
        }
        if not audiences:
            return {place: set(rights) for place in places}
        exclusive = {place.id for place in audiences if place.kind is TargetKind.EVENT}
        invited = await self._events.invited(brand, exclusive, rights)
        segments = await self._memberships.segments_of_many(brand, rights)
        now_ms = to_ms(self._app.clock.now())
        viewers = {member: Viewer(has.roles(now_ms), segments[member]) for member, has in rights.items()}

        def lets_in(place: Target, member: str) -> bool:
            if place not in audiences or (place.kind is TargetKind.EVENT and (place.id, member) in invited):
                return True
            viewer = viewers[member]
            return audiences[place].admits(viewer.in_space(place.id if place.kind is TargetKind.SPACE else ""))

        return {place: {member for member in rights if lets_in(place, member)} for place in places}

    async def _people_among(self, brand: str, candidates: Collection[str]) -> dict[str, Rights]:
        """Who of these is in the brand now and a person, and what they have there."""
        return await self._access.rights_of_many(brand, [one for one in candidates if not is_account(one)])


def _where(fact: Fact) -> Target | None:
    """In which space or at which event it happened."""
    if event := fact.refs.get("event"):
        return Target(TargetKind.EVENT, event)
    space = fact.refs.get("space")
    return Target(TargetKind.SPACE, space) if space else None
