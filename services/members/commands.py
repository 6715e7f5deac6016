"""The commands of members whose rules reach over several aggregates: unique slugs, founders, brands that must exist."""

from dataclasses import replace
from typing import Any, TypeAlias

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.access.roles import ALL_ROLES, Role
from libs.access.scopes import is_account
from libs.shared import ids
from libs.shared.claims import Claim, claims
from libs.shared.commands import CommandHandler, handle_together
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command, DomainError, Forbidden, NotFound
from libs.shared.service import App
from services.members import brand, member, network, service_account
from services.members.brand import CreateBrand
from services.members.member import ChangeProfile, EraseMember, GrantRole, JoinBrand, LeaveBrand
from services.members.network import OPERATOR, CreateNetwork, admit_brand

_Step: TypeAlias = tuple[CommandHandler[Any, Any, Any], Command]


class Commands:
    """Registers and answers them."""

    def __init__(self, app: App, authorizer: Authorizer) -> None:
        self._settings = app.settings
        self._authorizer = authorizer
        # Networks and brands come with the claim of their slug: the methods below answer their commands.
        self._networks = app.aggregate(replace(network.DECIDER, commands=()))
        self._brands = app.aggregate(replace(brand.DECIDER, commands=()))
        self._network_slugs = app.aggregate(replace(claims("network_slug"), commands=()))
        self._brand_slugs = app.aggregate(replace(claims("brand_slug"), commands=()))
        self.members = app.aggregate(
            member.DECIDER,
            guards={JoinBrand: self._guard_join, EraseMember: self._add_roles},
            # These ask for no role: the membership's own state decides.  Who has left can still be erased.
            open_to_all=(JoinBrand, ChangeProfile, LeaveBrand, EraseMember),
        )
        app.aggregate(service_account.DECIDER)
        app.command("network", CreateNetwork, self._create_network, open_to_all=True)
        app.command("brand", CreateBrand, self._create_brand, open_to_all=True)
        app.on_start(self._check_identity_key)

    async def _create_network(self, command: CreateNetwork) -> Accepted:
        is_operator = command.actor in self._settings.operators
        command = structs.replace(command, roles=frozenset({OPERATOR} if is_operator else ()))
        claim = _claim(command, command.slug, command.network_id)
        return await _with_slug((self._networks, command), (self._network_slugs, claim))

    async def _create_brand(self, command: CreateBrand) -> Accepted:
        admit_brand(await self._network(command.network_id), command.actor)
        # A brand that is there already has its owners; another one is theirs to make.
        founding = [] if (await self._brand(command.brand_id)).exists else self._founding(command)
        claim = _claim(command, command.slug, command.brand_id)
        return await _with_slug((self._brands, command), (self._brand_slugs, claim), *founding)

    def _founding(self, command: CreateBrand) -> list[_Step]:
        """The steps that let the founder join and be the owner from the first moment."""
        if command.founder is None or command.founder_name is None:
            return []
        founder = ids.member_id(self._settings.identity_secret, command.brand_id, command.founder)
        join = JoinBrand(
            command_id=command.command_id,
            brand=command.brand,
            actor=founder,
            now=command.now,
            member_id=founder,
            identity=command.founder,
            display_name=command.founder_name,
        )
        grant = GrantRole(
            command_id=command.command_id,
            brand=command.brand,
            actor=SYSTEM,
            now=command.now,
            roles=ALL_ROLES,
            member_id=founder,
            role=Role.OWNER,
        )
        return [(self.members, join), (self.members, grant)]

    async def _guard_join(self, command: JoinBrand) -> None:
        """Keep an identity to one membership a brand: its member id is derived, in imports of the platform too."""
        if is_account(command.identity):
            raise Forbidden("a service account stays in the brand that made it", ("identity",))
        derived = ids.member_id(self._settings.identity_secret, command.brand, command.identity)
        if command.member_id != derived:
            raise Forbidden("this is not the member id of this identity in this brand", ("member_id",))
        if not (await self._brand(command.brand)).exists:
            raise NotFound("there is no such brand", ("brand",))

    async def _add_roles(self, command: EraseMember) -> EraseMember:
        return structs.replace(command, roles=await self._authorizer.roles(command.brand, command.actor))

    async def _network(self, network_id: str) -> network.Network:
        known = await self._networks.state(NO_BRAND, network_id)
        return known if known.exists else await self._networks.state(NO_BRAND, network_id, fresh=True)

    async def _brand(self, brand_id: str) -> brand.Brand:
        known = await self._brands.state(brand_id, brand_id)
        return known if known.exists else await self._brands.state(brand_id, brand_id, fresh=True)

    async def _check_identity_key(self) -> None:
        """Fail at the start rather than at the first member."""
        ids.member_id(self._settings.identity_secret, NO_BRAND, SYSTEM)


def _claim(command: Command, slug: str, holder: str) -> Claim:
    return Claim(
        command_id=command.command_id, brand=NO_BRAND, actor=command.actor, now=command.now, name=slug, holder=holder
    )


async def _with_slug(*steps: _Step) -> Accepted:
    """Commit the steps together; the claim's `name` is the caller's `slug`."""
    try:
        return await handle_together(*steps)
    except DomainError as refusal:
        if refusal.code == "NAME_TAKEN":
            raise DomainError(refusal.code, refusal.message, ("slug",)) from None
        raise
