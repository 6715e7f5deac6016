"""External ids: unique in their brand by a claim, which is let go in the same moment as the id, or the membership."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.shared.claims import Claim, Release, claims
from libs.shared.commands import CommandHandler, handle_together
from libs.shared.domain import Accepted, Command, DomainError
from libs.shared.ids import external_token
from libs.shared.service import App
from services.members.member import (
    EraseMember,
    EraseMemberFreeing,
    LeaveBrand,
    LeaveBrandFreeing,
    Member,
    MemberCommand,
    MemberEvent,
)
from services.members.profiles.profile import MoveExternalId, SetExternalId
from services.members.standing.facts import BanMember, BanMemberFreeing

Members = CommandHandler[Member, MemberCommand, MemberEvent]
Ending = LeaveBrand | EraseMember | BanMember


#: The commands that end a membership, and what they become when an external id ends with it.
_ENDINGS: Final[Mapping[type[Command], Callable[..., Ending]]] = {
    LeaveBrand: LeaveBrandFreeing,
    EraseMember: EraseMemberFreeing,
    BanMember: BanMemberFreeing,
}


class ExternalIds:
    """Answers `set_external_id`, and the commands that end a membership."""

    COMMANDS: ClassVar[tuple[type[Command], ...]] = (SetExternalId, *_ENDINGS)

    def __init__(self, app: App, members: Members, authorizer: Authorizer) -> None:
        self._settings = app.settings
        self._members = members
        self._authorizer = authorizer
        self._claims = app.aggregate(replace(claims("external_id"), commands=()))
        app.command("member", SetExternalId, self._set, rehearse=self._would_set)
        # Who has left asks for no role and can still be erased: the membership's own state decides.
        app.command("member", LeaveBrand, self._end, open_to_all=True, rehearse=self._would_end)
        app.command("member", EraseMember, self._erase, open_to_all=True, rehearse=self._would_erase)
        app.command("member", BanMember, self._end, rehearse=self._would_end)

    async def _set(self, command: SetExternalId) -> Accepted:
        move = await self._move(command)
        leaving = [move.before] if move.before is not None and move.before != move.token else []
        # Claimed also where the member has it, so that a repeat finds the end of its batch.
        taking = [move.token] if move.token is not None else []
        try:
            return await handle_together(
                (self._members, move),
                *((self._claims, Release(**_about(command), name=name, holder=command.member_id)) for name in leaving),
                *((self._claims, Claim(**_about(command), name=name, holder=command.member_id)) for name in taking),
            )
        except DomainError as refusal:
            if refusal.code == "NAME_TAKEN":
                raise DomainError("NAME_TAKEN", "another member has this external id", ("external_id",)) from None
            raise

    async def _would_set(self, command: SetExternalId) -> bool:
        return await self._members.rehearse(await self._move(command))

    async def _move(self, command: SetExternalId) -> MoveExternalId:
        before = await self._token(command.brand, command.member_id)
        wanted = command.external_id
        token = None if wanted is None else external_token(self._settings.identity_secret, command.brand, wanted)
        return MoveExternalId(**structs.asdict(command), token=token, before=before)

    async def _erase(self, command: EraseMember) -> Accepted:
        return await self._end(await self._with_roles(command))

    async def _would_erase(self, command: EraseMember) -> bool:
        return await self._would_end(await self._with_roles(command))

    async def _with_roles(self, command: EraseMember) -> EraseMember:
        return structs.replace(command, roles=await self._authorizer.roles(command.brand, command.actor))

    async def leaving(self, command: Ending) -> list[tuple[CommandHandler[Any, Any, Any], Command]]:
        """The steps of an atomic commit that end a membership, for who ends more with it; refused with CONFLICT too."""
        ending, token = await self._ending(command)
        if token is None:
            return [(self._members, ending)]
        return [
            (self._members, ending),
            (self._claims, Release(**_about(command), name=token, holder=command.member_id)),
        ]

    async def _end(self, command: Ending) -> Accepted:
        steps = await self.leaving(command)
        return await (handle_together(*steps) if len(steps) > 1 else self._members.handle(command))

    async def _would_end(self, command: Ending) -> bool:
        ending, _ = await self._ending(command)
        return await self._members.rehearse(ending)

    async def _ending(self, command: Ending) -> tuple[Ending, str | None]:
        """The command as it ends the membership with its external id, and the token of that, if there is one."""
        token = await self._token(command.brand, command.member_id)
        freeing = _ENDINGS[type(command)]
        return (command, None) if token is None else (freeing(**structs.asdict(command), freeing=token), token)

    async def _token(self, brand: str, member: str) -> str | None:
        return (await self._members.state(brand, member, fresh=True)).profile.external_token


def _about(command: Command) -> dict[str, Any]:
    return {"command_id": command.command_id, "brand": command.brand, "actor": command.actor, "now": command.now}
