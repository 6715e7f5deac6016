"""What every service answers when a member is erased: it records it, and says how far all its views are."""

import asyncio
from typing import ClassVar

from msgspec import Struct

from libs.access import erasure
from libs.shared.app import App
from libs.shared.domain import SYSTEM, Forbidden, Query


class ViewsShown(Query, frozen=True, kw_only=True):
    """Wait until all views of the service have passed `at_least`, whatever their streams; STALE_VIEW if they do not.

    For the platform only.
    """

    wire_name: ClassVar[str] = "views_shown"


class Shown(Struct, frozen=True, kw_only=True):
    """The views that have passed it."""

    views: list[str]


def compose_erasing(app: App) -> None:
    """Let a service take part in erasures."""
    app.aggregate(erasure.DECIDER)

    async def platform_only(query: ViewsShown) -> None:
        if query.viewer != SYSTEM:
            raise Forbidden("only the platform asks this")

    async def shown(query: ViewsShown) -> Shown:
        views = list(app.views.values())
        await asyncio.gather(*(app.positions.wait(view, query.at_least, app.settings.stale_seconds) for view in views))
        return Shown(views=sorted(view.name for view in views))

    app.query(ViewsShown, Shown, shown, view=None, allow=platform_only)
