"""What clients are told without asking."""

import inspect
from collections.abc import AsyncGenerator, Callable
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from libs.shared.domain import Forbidden, NotFound
from services.gateway import replies
from services.gateway.context import Context, Info, Scope
from services.gateway.feed import STREAM, Written
from services.gateway.schema.common import unless_missing
from services.gateway.schema.discussions import Contribution, Post, Reply, load_post, load_reply
from services.gateway.schema.members import load_member
from services.gateway.schema.notifications import Notification, load_notification


def subscription(resolver: Callable[..., Any]) -> StrawberryField:
    """A subscription; its docstring describes it in the schema."""
    made: StrawberryField = strawberry.subscription(resolver, description=inspect.getdoc(resolver))
    return made


@strawberry.type
class Subscription:
    """Subscriptions."""

    @subscription
    async def brand_activity(self, info: Info, brand_slug: str) -> AsyncGenerator[Contribution, None]:
        """New posts and replies of a brand, as they are published.  Members only."""
        context = info.context
        brand = await _brand_of_member(context, brand_slug)
        written = context.feed.written(brand, context.identity())
        try:
            async for one in written:
                context.forget()
                found = await _load(context.inside(brand, {STREAM: one.position}), one)
                if found is not None:
                    yield found
        finally:
            await written.aclose()

    @subscription
    async def viewer_notified(self, info: Info, brand_slug: str) -> AsyncGenerator[Notification, None]:
        """The sender's notifications, each whenever it is new or more has happened to it.  Members only.

        What happened while nobody listened is in `Brand.viewerNotifications`.
        """
        context = info.context
        brand = await _brand_of_member(context, brand_slug)
        notified = context.feed.notified(brand, context.member(brand), context.identity())
        try:
            async for key in notified:
                context.forget()
                found = await load_notification(context.inside(brand), key)
                if found is not None:
                    yield found
        finally:
            await notified.aclose()


async def _brand_of_member(context: Context, slug: str) -> str:
    """The brand's id; raises `NotFound`, and `Forbidden` unless the sender is a member now."""
    context.identity()
    asked = context.everywhere().ask("members", "brand_by_slug", replies.BrandReply, slug=slug)
    row = await unless_missing(asked)
    if row is None:
        raise NotFound("there is no such brand", ("brandSlug",))
    scope = context.inside(row.id)
    member = await load_member(scope, scope.viewer)
    if member is None or member.left_at is not None:
        raise Forbidden
    return row.id


async def _load(scope: Scope, one: Written) -> Post | Reply | None:
    return await (load_reply(scope, one.reply) if one.reply else load_post(scope, one.post))
