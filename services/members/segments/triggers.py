"""Follows what members do and what becomes of them, and has them held against the rules that ask about it.

What leaders change of the brand's form can change whose values count: it has them held against the rules as well.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from libs.access.erasure import ErasureRecorded
from libs.access.view import MemberJoined, MemberLeft, RoleGranted, RoleRevoked
from libs.shared.app import App
from libs.shared.domain import Event
from libs.shared.follower import BatchFollower, Follower
from libs.shared.projection import View
from libs.shared.recorded import Recorded
from services.members.profiles.form import ProfileFieldDefined, ProfileFieldRestored, ProfileFieldRetired
from services.members.profiles.profile import ProfileFieldsHidden
from services.members.segments.evaluation import Evaluation, Views
from services.members.segments.rules import Subject, fields
from services.members.segments.views.acts import done

_WAIT_SECONDS = 30.0


class ProfileFieldsSet(Event, frozen=True, kw_only=True):
    """A member said something in fields of their profile."""

    wire_name: ClassVar[str] = "profile_fields_set"


_OF_FIELDS = (ProfileFieldsSet, ProfileFieldsHidden)
#: What becomes of members, without what is personal in it.
_OF_MEMBERS: Sequence[type[Event]] = (MemberJoined, MemberLeft, RoleGranted, RoleRevoked, *_OF_FIELDS)
_OF_FORMS = (ProfileFieldDefined, ProfileFieldRetired, ProfileFieldRestored)


def follow(app: App, views: Views, evaluation: Evaluation) -> None:
    """Let the service follow the streams behind the views, for as long as it runs."""
    followed: list[tuple[Sequence[View], Sequence[type[Event]]]] = [((views.people, views.profiles), _OF_MEMBERS)]
    followed += [((view,), [event for event in view.events if event is not ErasureRecorded]) for view in views.acts]
    for shown, events in followed:
        view, trigger = shown[0], _Trigger(app, shown, evaluation)
        name = f"segments_{view.stream.lower()}"
        follower = BatchFollower(name, view.stream, view.subjects, events, trigger.handle)
        app.background(name, partial(_run, app, follower))


def follow_forms(app: App, views: Views, evaluation: Evaluation) -> None:
    """Let the service follow what leaders change of forms: aside from `follow`, as it can be about many members."""

    async def handle(recorded: Recorded[ProfileFieldDefined | ProfileFieldRetired | ProfileFieldRestored]) -> bool:
        brand, event = recorded.brand, recorded.event
        key = event.field.key if isinstance(event, ProfileFieldDefined) else event.key
        # First this: a segment that is not among the definitions yet is then worked out by the new form.
        await app.positions.wait(views.profiles, {views.profiles.stream: recorded.sequence}, _WAIT_SECONDS)
        asking = [one for one in await views.segments.definitions(brand) if one.rule and key in fields(one.rule)]
        members = await views.profiles.with_value(brand, key) if asking else ()
        for one in asking:
            await evaluation.one_segment(brand, one.id, members)
        return bool(asking)

    subjects = ("evt.members.*.profile_form.>",)
    follower = Follower("segments_forms", views.profiles.stream, subjects, _OF_FORMS, handle)
    app.background(follower.name, partial(_run, app, follower))


async def _run(app: App, follower: BatchFollower | Follower) -> None:
    await app.ready()  # on views that are still being filled, nobody would belong anywhere
    await follower.run(app.nats, app.db)


class _Trigger:
    """Handles the events that these views of a stream show."""

    def __init__(self, app: App, views: Sequence[View], evaluation: Evaluation) -> None:
        self._positions = app.positions
        self._views = views
        self._evaluation = evaluation

    async def handle(self, events: Sequence[Recorded[Event]]) -> None:
        """Look at everybody of whom there is something new, once the views show it; each once a batch."""
        touched: dict[str, dict[str, set[Subject]]] = defaultdict(lambda: defaultdict(set))
        for recorded in events:
            one = done(recorded)
            who = one.member if one else recorded.aggregate_id
            others: Subject = "fields" if isinstance(recorded.event, _OF_FIELDS) else "profile"
            touched[recorded.brand][who].add(one.act if one else others)
        for view in self._views:
            await self._positions.wait(view, {view.stream: events[-1].sequence}, _WAIT_SECONDS)
        for brand, members in touched.items():
            await self._evaluation.touched(brand, members)
