"""The process that furnishes new brands: it follows their creation and sends the commands of their template.

Every id is derived from the brand, so that a process that ends in the middle and begins again sends the same
commands to the same things, and each exists once.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from libs.shared.domain import SYSTEM, Accepted, DomainError
from libs.shared.follower import Follower
from libs.shared.logs import logger
from libs.shared.positions import STALE_VIEW
from libs.shared.recorded import Recorded
from libs.shared.service import App
from services.members import brand
from services.members.brand import BrandCreated
from services.members.templates import Step, plan

#: Sends a command: service, aggregate, name, message.
Send = Callable[[str, str, str, dict[str, object]], Awaitable[Accepted]]

#: Refusals that say nothing about the command: it is sent again.
_PASSING = frozenset({"UNAVAILABLE", "TIMEOUT", "CONFLICT", STALE_VIEW})
_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 5.0

_log = logger(__name__)


class Furnishing:
    """Furnishes one brand after the other."""

    def __init__(self, send: Send) -> None:
        self._send = send

    @classmethod
    def register(cls, app: App) -> None:
        """Let the service furnish what is created in it, for as long as it runs."""
        furnishing = cls(app.bus.command)
        subjects = ("evt.members.*.brand.*",)
        follower = Follower(
            "furnishing", "MEMBERS", subjects, (BrandCreated,), furnishing.handle, upcasters=brand.UPCASTERS
        )
        app.background(follower.name, lambda: follower.run(app.nats, app.db))

    async def handle(self, recorded: Recorded[BrandCreated]) -> bool:
        """Send the commands of the brand's template in their order; False for a brand that wants none.

        A step that is refused, as when somebody was quicker to use its slug, is left out.  While a service does
        not answer, the step is sent again.
        """
        steps = plan(recorded.brand, recorded.event)
        if not steps:
            return False
        left_out = [step.to for step in steps if not await self._do(recorded, step)]
        await self._do(recorded, _completed(recorded, left_out))
        return True

    async def _do(self, recorded: Recorded[BrandCreated], step: Step) -> bool:
        service, aggregate, name = step.to.split(".")
        envelope = {"command_id": step.command_id, "brand": recorded.brand, "actor": SYSTEM, "now": recorded.time}
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._send(service, aggregate, name, {**envelope, **step.fields})
            except DomainError as refusal:
                if refusal.code not in _PASSING:
                    _log.warning("furniture left out", brand=recorded.brand, step=step.to, code=refusal.code)
                    return False
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 – jitter
                pause = min(pause * 2, _LAST_PAUSE_SECONDS)
            else:
                return True


def _completed(recorded: Recorded[BrandCreated], left_out: list[str]) -> Step:
    fields = {"brand_id": recorded.brand, "left_out": left_out}
    return Step("members.brand.complete_furnishing", recorded.id, fields)
