"""E-mail addresses of members that change: who opted out of mails at the one before gets none at the next one."""

from dataclasses import replace
from typing import Any, TypeAlias

from libs.access.roles import ALL_ROLES
from libs.shared.app import App
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM, Command
from libs.shared.ids import address_id
from services.members.mail import address
from services.members.member import ChangeAddress, JoinBrand, Member, MemberCommand, MemberEvent
from services.members.notices import preferences
from services.members.notices.preferences import SwitchMail

_Step: TypeAlias = tuple[CommandHandler[Any, Any, Any], Command]


class Addresses:
    """Says what goes with another address of a member.

    Opting out belongs to an address, in whoever's mailbox its link was followed.  When mails of a member are to go
    elsewhere it becomes the member's own word, which they take back as any other (`SwitchMail`): no mail with a link
    would ever come to the next address.
    """

    def __init__(self, app: App, members: CommandHandler[Member, MemberCommand, MemberEvent]) -> None:
        self._settings = app.settings
        self._members = members
        self._opt_outs = app.aggregate(replace(address.DECIDER, commands=()))
        self._choices = app.aggregate(replace(preferences.CHOICES, commands=()))

    async def along(self, command: JoinBrand | ChangeAddress) -> list[_Step]:
        """The steps to commit together with a command by which the address of a member may change."""
        if not await self._opted_out_before(command):
            return []
        stop = SwitchMail(
            command_id=command.command_id,
            brand=command.brand,
            actor=SYSTEM,
            now=command.now,
            roles=ALL_ROLES,
            on=False,
            member_id=command.member_id,
        )
        return [(self._choices, stop)]

    async def _opted_out_before(self, command: JoinBrand | ChangeAddress) -> bool:
        """Whether another address takes the place of one that was opted out."""
        if isinstance(command, JoinBrand) and (command.email is None or command.actor == SYSTEM):
            return False  # it changes no address: nothing is read for each line of an import
        kept = (await self._members.state(command.brand, command.member_id, fresh=True)).email
        if kept is None or not await self._members.rehearse(command):
            return False
        before, after = (self._id(command.brand, email) for email in (kept, command.email or ""))
        return before != after and (await self._opt_outs.state(command.brand, before, fresh=True)).opted_out

    def _id(self, brand: str, email: str) -> str:
        return address_id(self._settings.identity_secret, brand, email)
