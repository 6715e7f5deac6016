"""The process that furnishes new brands: it follows their creation and sends the commands of their template.

Every id is derived from the brand, so that a process that ends in the middle and begins again sends the same
commands to the same things, and each exists once.
"""

from libs.shared.domain import DomainError
from libs.shared.follower import Follower
from libs.shared.insisting import Insisting, Send
from libs.shared.logs import logger
from libs.shared.recorded import Recorded
from libs.shared.service import App
from services.members import brand
from services.members.brand import BrandCreated
from services.members.templates import Step, plan

_log = logger(__name__)


class Furnishing:
    """Furnishes one brand after the other."""

    def __init__(self, send: Send) -> None:
        self._insisting = Insisting(send)

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
        answer = await self._insisting.send(step.to, step.command_id, recorded.brand, recorded.time, step.fields)
        if isinstance(answer, DomainError):
            _log.warning("furniture left out", brand=recorded.brand, step=step.to, code=answer.code)
            return False
        return True


def _completed(recorded: Recorded[BrandCreated], left_out: list[str]) -> Step:
    fields = {"brand_id": recorded.brand, "left_out": left_out}
    return Step("members.brand.complete_furnishing", recorded.id, fields)
