"""Views as new as their streams: what was accepted before is seen by who asks after."""

from libs.shared.app import App
from libs.shared.projection import View
from libs.shared.pull import head


async def catch_up(app: App, *views: View) -> None:
    """Return when these views show all that their streams hold now; raises `DomainError` STALE_VIEW."""
    js = app.nats.jetstream()
    ends = {stream: await head(js, stream) for stream in {view.stream for view in views}}
    for view in views:
        await app.positions.wait(view, ends)
