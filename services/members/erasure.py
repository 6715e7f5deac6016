"""Carries out erasures: destroys the key, has every service record it and scrub its views, and certifies that.

Every step is safe to repeat, so a process that is killed anywhere, or runs beside another, only does one again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from libs.access.erasing import Shown, ViewsShown
from libs.access.erasure import SERVICES, RecordErasure
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, Accepted, DomainError
from libs.shared.ids import derived_id
from libs.shared.logs import logger
from libs.shared.privacy import KeyId
from libs.shared.service import App
from libs.shared.vault import Vault
from services.members.member import CertifyErasure, Member, MemberCommand, MemberEvent, ScrubbedService
from services.members.views.erasures import ErasuresView

_AT_ONCE = 8
_LOOK_SECONDS = 1.0

_log = logger(__name__)


class Erasures:
    """The process behind `erase_member`; its memory is the view of erasures.

    `forget` let go of what this service keeps of a member (brand, member) in no view.
    """

    def __init__(
        self,
        app: App,
        view: ErasuresView,
        members: CommandHandler[Member, MemberCommand, MemberEvent],
        vault: Vault,
        forget: Sequence[Callable[[str, str], Awaitable[None]]] = (),
    ) -> None:
        self._bus = app.bus
        self._clock = app.clock
        self._view = view
        self._members = members
        self._vault = vault
        self._forget = forget

    async def run(self) -> None:
        """Look for erasures and carry them out, for ever; one that cannot go on now is tried again."""
        while True:
            try:
                await asyncio.gather(*(self._try(owner) for owner in await self._view.pending(_AT_ONCE)))
            except DomainError as problem:  # the view is not ready yet
                _log.info("erasures wait", reason=problem.message)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _try(self, owner: KeyId) -> None:
        try:
            await self._carry_out(owner)
        except DomainError as problem:
            _log.warning("erasure not finished yet", member=owner.member, code=problem.code, reason=problem.message)

    async def _carry_out(self, owner: KeyId) -> None:
        destroyed_at = await self._vault.destroy(owner, self._clock.now())
        record = RecordErasure(
            command_id=derived_id("record_erasure", *owner),
            brand=owner.brand,
            actor=SYSTEM,
            now=destroyed_at,
            member_id=owner.member,
            key_destroyed_at=destroyed_at,
        )
        positions: dict[str, int] = {}
        for service in SERVICES:
            accepted = await self._bus.command(service, "erasure", record.wire_name, record)
            positions |= accepted.position
        scrubbed = await asyncio.gather(*(self._scrubbed(owner, service, positions) for service in SERVICES))
        for forget in self._forget:
            await forget(*owner)
        await self._certify(owner, record, scrubbed)
        _log.info("erasure certified", member=owner.member)

    async def _scrubbed(self, owner: KeyId, service: str, positions: dict[str, int]) -> ScrubbedService:
        question = ViewsShown(brand=owner.brand, viewer=SYSTEM, at_least=positions)
        shown = await self._bus.query(service, question.wire_name, question, Shown)
        return ScrubbedService(service=service, sequence=positions[service.upper()], views=tuple(shown.views))

    async def _certify(self, owner: KeyId, record: RecordErasure, services: list[ScrubbedService]) -> Accepted:
        return await self._members.handle(
            CertifyErasure(
                command_id=derived_id("certify_erasure", *owner),
                brand=owner.brand,
                actor=SYSTEM,
                now=self._clock.now(),
                member_id=owner.member,
                key_destroyed_at=record.key_destroyed_at,
                services=tuple(services),
            )
        )
