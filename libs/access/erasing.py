"""What every service answers when a member is erased: it records it, and says when its views show nothing any more."""

import asyncio
from typing import ClassVar

from msgspec import Struct

from libs.access import erasure
from libs.shared.app import App
from libs.shared.domain import SYSTEM, Forbidden, Query


class ErasureShown(Query, frozen=True, kw_only=True):
    """Wait until all views have passed `at_least`, the places where an erasure is recorded; STALE_VIEW if they do not.

    For the platform only.
    """

    wire_name: ClassVar[str] = "erasure_shown"


class Scrubbed(Struct, frozen=True, kw_only=True):
    """The views that have passed it."""

    views: list[str]


def compose_erasing(app: App) -> None:
    """Let a service take part in erasures."""
    app.aggregate(erasure.DECIDER)

    async def platform_only(query: ErasureShown) -> None:
        if query.viewer != SYSTEM:
            raise Forbidden("only the platform asks this")

    async def shown(query: ErasureShown) -> Scrubbed:
        views = list(app.views.values())
        await asyncio.gather(*(app.positions.wait(view, query.at_least, app.settings.stale_seconds) for view in views))
        return Scrubbed(views=sorted(view.name for view in views))

    app.query(ErasureShown, Scrubbed, shown, view=None, allow=platform_only)
