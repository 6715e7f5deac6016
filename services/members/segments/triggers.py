"""Follows what members do and what becomes of them, and has them held against the rules that ask about it."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from libs.access.erasure import ErasureRecorded
from libs.access.view import MemberJoined, MemberLeft, RoleGranted, RoleRevoked
from libs.shared.app import App
from libs.shared.domain import Event
from libs.shared.follower import BatchFollower
from libs.shared.projection import View
from libs.shared.recorded import Recorded
from services.members.segments.evaluation import Evaluation, Views
from services.members.segments.rules import Subject
from services.members.segments.views.acts import done

_WAIT_SECONDS = 30.0

#: What becomes of members, without what is personal in it.
_OF_MEMBERS: Sequence[type[Event]] = (MemberJoined, MemberLeft, RoleGranted, RoleRevoked)


def follow(app: App, views: Views, evaluation: Evaluation) -> None:
    """Let the service follow the streams behind the views, for as long as it runs."""
    followed: list[tuple[View, Sequence[type[Event]]]] = [(views.people, _OF_MEMBERS)]
    followed += [(view, [event for event in view.events if event is not ErasureRecorded]) for view in views.acts]
    for view, events in followed:
        trigger = _Trigger(app, view, evaluation)
        name = f"segments_{view.stream.lower()}"
        follower = BatchFollower(name, view.stream, view.subjects, events, trigger.handle)
        app.background(name, partial(_run, app, follower))


async def _run(app: App, follower: BatchFollower) -> None:
    await app.ready()  # on views that are still being filled, nobody would belong anywhere
    await follower.run(app.nats, app.db)


class _Trigger:
    """Handles the events that one view shows."""

    def __init__(self, app: App, view: View, evaluation: Evaluation) -> None:
        self._positions = app.positions
        self._view = view
        self._evaluation = evaluation

    async def handle(self, events: Sequence[Recorded[Event]]) -> None:
        """Look at everybody of whom there is something new, once the view shows it; each once a batch."""
        touched: dict[str, dict[str, set[Subject]]] = defaultdict(lambda: defaultdict(set))
        for recorded in events:
            one = done(recorded)
            who = one.member if one else recorded.aggregate_id
            touched[recorded.brand][who].add(one.act if one else "profile")
        await self._positions.wait(self._view, {self._view.stream: events[-1].sequence}, _WAIT_SECONDS)
        for brand, members in touched.items():
            await self._evaluation.touched(brand, members)
