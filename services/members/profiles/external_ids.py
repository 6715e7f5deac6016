"""External ids: unique in their brand by a claim, which is let go in the same moment as the id, or the membership."""

from dataclasses import replace
from typing import Any, ClassVar

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

Members = CommandHandler[Member, MemberCommand, MemberEvent]


class ExternalIds:
    """Answers `set_external_id`, and the commands that end a membership."""

    COMMANDS: ClassVar[tuple[type[Command], ...]] = (SetExternalId, LeaveBrand, EraseMember)

    def __init__(self, app: App, members: Members, authorizer: Authorizer) -> None:
        self._settings = app.settings
        self._members = members
        self._authorizer = authorizer
        self._claims = app.aggregate(replace(claims("external_id"), commands=()))
        app.command("member", SetExternalId, self._set)
        # Who has left asks for no role and can still be erased: the membership's own state decides.
        app.command("member", LeaveBrand, self._leave, open_to_all=True)
        app.command("member", EraseMember, self._erase, open_to_all=True)

    async def _set(self, command: SetExternalId) -> Accepted:
        before = await self._token(command.brand, command.member_id)
        wanted = command.external_id
        token = None if wanted is None else external_token(self._settings.identity_secret, command.brand, wanted)
        move = MoveExternalId(**structs.asdict(command), token=token, before=before)
        leaving = [before] if before is not None and before != token else []
        taking = [token] if token is not None and token != before else []
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

    async def leaving(self, command: LeaveBrand) -> list[tuple[CommandHandler[Any, Any, Any], Command]]:
        """The steps of an atomic commit that end a membership, for who ends more with it; refused with CONFLICT too."""
        token = await self._token(command.brand, command.member_id)
        if token is None:
            return [(self._members, command)]
        release = Release(**_about(command), name=token, holder=command.member_id)
        freeing = LeaveBrandFreeing(**structs.asdict(command), freeing=token)
        return [(self._members, freeing), (self._claims, release)]

    async def _leave(self, command: LeaveBrand) -> Accepted:
        steps = await self.leaving(command)
        return await (handle_together(*steps) if len(steps) > 1 else self._members.handle(command))

    async def _erase(self, command: EraseMember) -> Accepted:
        command = structs.replace(command, roles=await self._authorizer.roles(command.brand, command.actor))
        token = await self._token(command.brand, command.member_id)
        if token is None:
            return await self._members.handle(command)
        return await self._end(EraseMemberFreeing(**structs.asdict(command), freeing=token), token)

    async def _end(self, command: LeaveBrand | EraseMember, token: str) -> Accepted:
        release = Release(**_about(command), name=token, holder=command.member_id)
        return await handle_together((self._members, command), (self._claims, release))

    async def _token(self, brand: str, member: str) -> str | None:
        return (await self._members.state(brand, member, fresh=True)).profile.external_token


def _about(command: Command) -> dict[str, Any]:
    return {"command_id": command.command_id, "brand": command.brand, "actor": command.actor, "now": command.now}
