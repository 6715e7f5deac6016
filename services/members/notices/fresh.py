"""Views as new as their streams: what was accepted before is seen by who asks after."""

import asyncio

from libs.shared.app import App
from libs.shared.projection import View
from libs.shared.pull import head

#: Less than a command's deadline, so that who sent one hears why it was not done.
_CATCH_UP_SECONDS = 4.0


async def catch_up(app: App, *views: View) -> None:
    """Return when these views show all that their streams hold now; raises `DomainError` STALE_VIEW."""
    js = app.nats.jetstream()
    ends = {stream: await head(js, stream) for stream in {view.stream for view in views}}
    await asyncio.gather(*(app.positions.wait(view, ends, _CATCH_UP_SECONDS) for view in views))
