"""Composes the discussions service: what it answers, and who may ask."""

from msgspec.structs import replace

from libs.access.audiences import Audiences, MembershipsView
from libs.access.authorizer import Authorizer
from libs.access.erasing import compose_erasing
from libs.access.export import Source, compose_export, within
from libs.access.gate import Module
from libs.access.permissions import compose_permissions
from libs.access.roles import ALL_ROLES
from libs.access.view import AccessView
from libs.shared.service import App, anybody
from services.discussions.commands import Commands
from services.discussions.permissions import EXAMPLES
from services.discussions.views.reactions import ReactionsGetMany, ReactionsView, TargetReactions
from services.discussions.views.spaces import (
    SpaceBySlug,
    SpacePage,
    SpacePageResult,
    SpacesGetMany,
    SpacesView,
    SpaceView,
)
from services.discussions.views.tags import TagByName, Tags, TagsGetMany, TagView, TopTags
from services.discussions.views.threads import (
    PostPage,
    PostPageResult,
    PostPages,
    PostsGetMany,
    PostView,
    RepliesGetMany,
    ReplyPage,
    ReplyPageResult,
    ReplyPages,
    ReplyView,
    TagPosts,
    ThreadsView,
)
from services.discussions.visibility import Visibility


def compose(app: App) -> None:
    """Register everything that the discussions service does."""
    access = app.view(AccessView("discussions"))
    authorizer = Authorizer(access, app.positions, app.nats, module=Module.DISCUSSIONS)
    app.authorise(authorizer.to_act, ALL_ROLES, authorizer.admit)
    audiences = Audiences(app.view(MembershipsView()), authorizer, app.positions)
    threads = app.view(ThreadsView())
    visible = Visibility(threads, audiences, app.positions, app.settings.stale_seconds)
    Commands(app, visible, threads)
    compose_permissions(app, access, EXAMPLES)
    compose_erasing(app)
    members = authorizer.member_only

    spaces = app.view(SpacesView())
    let_in = Visibility(spaces, audiences, app.positions, app.settings.stale_seconds).to(members)
    app.query(SpaceBySlug, SpaceView, spaces.space_by_slug, view=spaces, allow=let_in, same_for=anybody)
    app.query(
        SpacesGetMany, list[SpaceView | None], spaces.spaces_get_many, view=spaces, allow=let_in, same_for=anybody
    )
    app.query(SpacePage, SpacePageResult, spaces.space_page, view=spaces, allow=let_in, same_for=anybody)

    shown = visible.to(members)
    app.query(PostPage, PostPageResult, threads.post_page, view=threads, allow=shown, same_for=anybody)
    app.query(PostPages, list[PostPageResult], threads.post_pages, view=threads, allow=shown, same_for=anybody)
    app.query(TagPosts, list[PostPageResult], threads.tag_posts, view=threads, allow=shown, same_for=anybody)
    app.query(PostsGetMany, list[PostView | None], threads.posts_get_many, view=threads, allow=shown, same_for=anybody)
    app.query(ReplyPage, ReplyPageResult, threads.reply_page, view=threads, allow=shown, same_for=anybody)
    app.query(ReplyPages, list[ReplyPageResult], threads.reply_pages, view=threads, allow=shown, same_for=anybody)
    app.query(
        RepliesGetMany, list[ReplyView | None], threads.replies_get_many, view=threads, allow=shown, same_for=anybody
    )

    tags = Tags(threads)
    app.query(TagByName, TagView, tags.tag_by_name, view=threads, allow=shown, same_for=anybody)
    app.query(TagsGetMany, list[TagView | None], tags.tags_get_many, view=threads, allow=shown, same_for=anybody)
    app.query(TopTags, list[TagView], tags.top_tags, view=threads, allow=shown, same_for=anybody)

    async def of_what_is_seen(query: ReactionsGetMany) -> ReactionsGetMany:
        await members(query)
        hidden = await visible.hidden(query.brand, query.viewer, query.at_least)
        seen = await threads.targets(query.brand, query.target_ids, hidden) if hidden else query.target_ids
        return replace(query, hidden=tuple(target for target in query.target_ids if target not in seen))

    reactions = app.view(ReactionsView())
    app.query(
        ReactionsGetMany, list[TargetReactions], reactions.reactions_get_many, view=reactions, allow=of_what_is_seen
    )
    compose_export(
        app,
        [
            Source("post", threads, "posts", lambda brand, member: {"brand": brand, "author": member}),
            Source("reply", threads, "replies", lambda brand, member: {"brand": brand, "author": member}),
            Source("reaction", reactions, "reactions", lambda brand, member: {"whose": within(f"{brand}:{member}")}),
        ],
    )
