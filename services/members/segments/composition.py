"""Composes segments: their commands and queries, and what keeps their members what the rules say."""

from dataclasses import replace

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.roles import LEADERS
from libs.shared.app import App, Guards
from libs.shared.domain import Command, DomainError, Query
from services.members.profiles.composition import Forms
from services.members.profiles.views.profiles import ProfilesView
from services.members.segments import membership, segment
from services.members.segments.ageing import Ageing
from services.members.segments.evaluation import Evaluation, Views
from services.members.segments.listing import AddToSegment, Handlers, Lists, Members, TakeFromSegment
from services.members.segments.passes import Passes, SegmentProgress
from services.members.segments.preview import Preview, SegmentPreview, SegmentPreviewView
from services.members.segments.segment import ChangeSegment, ChangeSegmentBy, CreateSegment, CreateSegmentBy
from services.members.segments.triggers import follow, follow_forms
from services.members.segments.views.acts import DiscussionActsView, EventActsView, FeedbackActsView
from services.members.segments.views.people import PeopleView
from services.members.segments.views.segments import (
    SegmentMembers,
    SegmentMembersResult,
    SegmentPage,
    SegmentPageResult,
    SegmentsGetMany,
    SegmentsOfMembers,
    SegmentsView,
    SegmentView,
)

#: What is done for each event grows with the segments of its brand.
MAX_SEGMENTS = 100


def compose_segments(
    app: App, authorizer: Authorizer, members: Members, forms: Forms, profiles: ProfilesView
) -> list[Source]:
    """Register everything about segments; returns what a member's export has of it."""
    views = Views(
        app.view(SegmentsView()),
        app.view(PeopleView()),
        profiles,
        [app.view(DiscussionActsView()), app.view(EventActsView()), app.view(FeedbackActsView())],
    )

    async def guard_create(command: CreateSegment) -> Command | None:
        await guard_number(command)
        return await with_form(command)

    async def with_form(command: CreateSegment | ChangeSegment) -> Command | None:
        if command.rule is None:
            return None
        form = await forms.state(command.brand, command.brand, fresh=True)
        kind = CreateSegmentBy if isinstance(command, CreateSegment) else ChangeSegmentBy
        return kind(**structs.asdict(command), form=form)

    async def guard_number(command: CreateSegment) -> None:
        # How many there are is as old as the view: a moment's haste may make some more.
        if await views.segments.count(command.brand) < MAX_SEGMENTS:
            return
        if not (await segments.state(command.brand, command.segment_id, fresh=True)).edition:
            raise DomainError("TOO_MANY", f"a brand has at most {MAX_SEGMENTS} segments")

    guards: Guards = {CreateSegment: guard_create, ChangeSegment: with_form}
    segments = app.aggregate(segment.DECIDER, guards=guards, upcasters=segment.UPCASTERS)
    parts = app.aggregate(replace(membership.DECIDER, commands=()))
    evaluation = Evaluation(views, app.positions, parts.handle, app.clock)
    lists = Lists(Handlers(members, segments, parts), views, app.positions, evaluation)
    app.command("segment", AddToSegment, lists.add, rehearse=lists.takes)
    app.command("segment", TakeFromSegment, lists.take, rehearse=lists.takes)
    passes = Passes(app, views, evaluation, Ageing(app, views, evaluation), segments)
    app.background("segment_passes", passes.run)
    follow(app, views, evaluation)
    follow_forms(app, views, evaluation)
    _queries(app, authorizer, views, passes, Preview(views.people, evaluation, forms))
    return _sources(views)


def _queries(app: App, authorizer: Authorizer, views: Views, passes: Passes, preview: Preview) -> None:
    async def leaders(query: Query) -> None:
        await authorizer.people_with(query, *LEADERS)

    view = views.segments
    app.query(SegmentPage, SegmentPageResult, view.segment_page, view=view, allow=leaders)
    app.query(SegmentsGetMany, list[SegmentView | None], view.segments_get_many, view=view, allow=leaders)
    app.query(SegmentMembers, list[SegmentMembersResult], view.segment_members, view=view, allow=leaders)
    app.query(SegmentsOfMembers, list[list[SegmentView]], view.segments_of_members, view=view, allow=leaders)
    app.query(SegmentProgress, list[float], passes.segment_progress, view=view, allow=leaders)
    app.query(SegmentPreview, SegmentPreviewView, preview.segment_preview, view=views.people, allow=leaders)


def _sources(views: Views) -> list[Source]:
    found = [
        Source("segment", views.segments, "members", lambda brand, member: {"who": f"{brand}:{member}"}),
        Source("segment facts", views.people, "people", lambda brand, member: {"_id": f"{brand}:{member}"}),
    ]
    for view in views.acts:
        found += [
            Source("act counts", view, "counts", lambda brand, member: {"_id": f"{brand}:{member}"}),
            Source("acts of a day", view, "days", lambda brand, member: {"who": f"{brand}:{member}"}),
        ]
    return found
