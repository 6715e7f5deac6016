"""Whom a fact is told to: who follows, who takes part, minus who may not, must not or does not want to hear of it."""

import asyncio
from collections.abc import Collection, Mapping
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
        self._people: dict[str, PeopleView] = {
            "thread": self.threads,
            "event": app.view(EventPeopleView()),
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
        space = fact.refs.get("space", "")
        if space:
            await catch_up(self._app, self._spaces)
        reasons = await self._reasons(fact, within)
        for concern in fact.concerns:
            words = await self._follows.words_on(fact.brand, concern, within)
            for member, said in words.items():
                if said is Said.MUTED:
                    reasons.pop(member, None)
        for member in await self._follows.who_blocks(fact.brand, fact.actor, within):
            reasons.pop(member, None)
        members = await self._let_in(fact.brand, space, reasons.keys() - {fact.actor, SYSTEM})
        choices = await self._choices.of_many(fact.brand, members)
        return [Receiver(member, reasons[member], choices[member].of(reasons[member].kind)) for member in members]

    async def hidden(self, brand: str, member: str, targets: Collection[Target]) -> set[Target]:
        """Which of these are spaces, or stand in ones, that a member is not let into.  Raises as `receivers`."""
        threads = [target.id for target in targets if target.kind is TargetKind.THREAD]
        places = {target: target.id for target in targets if target.kind is TargetKind.SPACE}
        if not threads and not places:
            return set()
        await catch_up(self._app, self._access, self._memberships, self._spaces, self.threads)
        of = await self.threads.spaces(brand, threads)
        places |= {Target(TargetKind.THREAD, thread): of.get(thread, "") for thread in threads}
        audiences = await self._spaces.audiences(brand, set(places.values()))
        viewer = (await self._viewers(brand, await self._people_among(brand, [member]))).get(member)
        return {
            target
            for target, space in places.items()
            if viewer is None or (space in audiences and not audiences[space].admits(viewer.in_space(space)))
        }

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
            for member, said in (await self._follows.words_on(fact.brand, reason.target, within)).items():
                if said is Said.FOLLOWED:
                    found.setdefault(member, reason)
                elif said is Said.UNFOLLOWED and found.get(member) is reason:
                    del found[member]
        return found

    async def _let_in(self, brand: str, space: str, candidates: Collection[str]) -> list[str]:
        """Who of these is in the brand now, a person, and let into the space (none: "")."""
        rights = await self._people_among(brand, candidates)
        audience = (await self._spaces.audiences(brand, [space])).get(space) if space else None
        if audience is None:
            return sorted(rights)
        viewers = await self._viewers(brand, rights)
        return sorted(member for member, viewer in viewers.items() if audience.admits(viewer.in_space(space)))

    async def _people_among(self, brand: str, candidates: Collection[str]) -> dict[str, Rights]:
        """Who of these is in the brand now and a person, and what they have there."""
        return await self._access.rights_of_many(brand, [one for one in candidates if not is_account(one)])

    async def _viewers(self, brand: str, rights: Mapping[str, Rights]) -> dict[str, Viewer]:
        """Those as audiences see them."""
        segments = await self._memberships.segments_of_many(brand, rights)
        now_ms = to_ms(self._app.clock.now())
        return {member: Viewer(has.roles(now_ms), segments[member]) for member, has in rights.items()}
