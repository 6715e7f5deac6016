"""The commands of members that reach over several aggregates: unique slugs, founders, the door of a brand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.access.gate import Stage
from libs.access.permissions import Examples
from libs.access.roles import ALL_ROLES, Role
from libs.access.scopes import is_account
from libs.shared import ids
from libs.shared.app import App, Guard
from libs.shared.claims import Claim, claims
from libs.shared.commands import CommandHandler, handle_together
from libs.shared.domain import (
    NO_BRAND,
    SYSTEM,
    Accepted,
    Command,
    Decider,
    DomainError,
    Event,
    Forbidden,
    Invalid,
    NotFound,
)
from services.members import brand, charter, member, member_decisions, network, service_account
from services.members.addresses import Addresses
from services.members.brand import CreateBrand, EnterStage
from services.members.consents import permissions as consent_permissions
from services.members.consents.composition import PurposeGuard
from services.members.consents.consent import GiveConsent, WithdrawConsent
from services.members.homes import Homes
from services.members.invitations.invitation import AcceptInvitation
from services.members.joining import Door
from services.members.journeys.nudge import ChooseNudges
from services.members.mail.address import OptInToMail, OptOutOfMail
from services.members.member import (
    AcceptRules,
    AdmitMember,
    CertifyErasure,
    EraseMember,
    GrantRole,
    JoinBrand,
    JoinThrough,
    LeaveBrand,
)
from services.members.network import OPERATOR, AppointAdmin, CreateNetwork, DismissAdmin, NetworkCommand, admit_brand
from services.members.networking.block_list import BlockMember
from services.members.networking.networking import LeaveNetworking
from services.members.notices.follow import Mute, Unfollow
from services.members.notices.inbox import ReadNotices
from services.members.notices.preferences import ChooseNotifications, SwitchMail
from services.members.permissions import Known
from services.members.profiles import permissions as profile_permissions
from services.members.profiles.composition import BY_THE_FORM, FormGuard
from services.members.profiles.external_ids import ExternalIds
from services.members.profiles.profile import ChooseMemberLocale, HideProfileFields
from services.members.provisioning.commands import EXEMPT as PROVISIONING
from services.members.recognition import composition as recognition
from services.members.service_account import CloseServiceAccount, RevokeApiKey
from services.members.sessions import EndSessions, EndSessionsOfMember
from services.members.standing.facts import BanMember, EndSuspension, ExpireRole, SuspendMember

N = TypeVar("N", bound=NetworkCommand)

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

_Step: TypeAlias = tuple[CommandHandler[Any, Any, Any], Command]

#: What the stage of a brand does not stop: no brand is there yet, the brand's or its door's own state decides, nobody
#: is held against their will, and what protects people is possible at any time.
EXEMPT: frozenset[type[Command]] = frozenset(
    {
        CreateNetwork,
        AppointAdmin,
        DismissAdmin,
        CreateBrand,
        EnterStage,
        JoinBrand,
        LeaveBrand,
        EraseMember,
        CertifyErasure,
        HideProfileFields,
        WithdrawConsent,
        RevokeApiKey,
        CloseServiceAccount,
        EndSessions,
        EndSessionsOfMember,
        SuspendMember,
        BanMember,
        EndSuspension,
        ExpireRole,
        ChooseNudges,
        *recognition.EXEMPT,
        OptOutOfMail,
        OptInToMail,
        AcceptInvitation,
        BlockMember,
        LeaveNetworking,
        Unfollow,
        Mute,
        ChooseNotifications,
        SwitchMail,
        ReadNotices,
        *PROVISIONING,
    }
)

#: The commands on members that are more than one step.
_ANSWERED_APART: tuple[type[Command], ...] = (JoinBrand, *ExternalIds.COMMANDS)


class Commands:
    """Registers and answers them."""

    def __init__(self, app: App, authorizer: Authorizer) -> None:
        self._settings = app.settings
        self._authorizer = authorizer
        # Networks and brands come with the claim of their slug: the methods below answer their creation.
        self._networks = app.aggregate(
            replace(network.DECIDER, commands=(AppointAdmin, DismissAdmin)),
            guards={AppointAdmin: self._as_operator, DismissAdmin: self._as_operator},
            open_to_all=(AppointAdmin, DismissAdmin),
        )
        others = _without(brand.DECIDER, (CreateBrand,))
        self.brands = app.aggregate(replace(brand.DECIDER, commands=others), upcasters=brand.UPCASTERS)
        self._network_slugs = app.aggregate(replace(claims("network_slug"), commands=()))
        self._brand_slugs = app.aggregate(replace(claims("brand_slug"), commands=()))
        self._by_purpose, self._by_form = PurposeGuard(app), FormGuard(app)
        guards: dict[type[Command], Guard] = {
            AdmitMember: self.guard_admit,
            AcceptRules: self._guard_rules,
            GiveConsent: self._by_purpose,
            **self._by_form.guards(),
        }
        self.members = app.aggregate(
            replace(member_decisions.DECIDER, commands=_without(member_decisions.DECIDER, _ANSWERED_APART)),
            guards=guards,
            # These ask for no role: the membership's own state decides.
            open_to_all=(GiveConsent, WithdrawConsent, ChooseMemberLocale, *BY_THE_FORM),
            upcasters=member.UPCASTERS,
        )
        self.addresses = Addresses(app, self.members)
        self.forms = self._by_form.forms
        self.external_ids = ExternalIds(app, self.members, authorizer)
        app.command("member", JoinBrand, self._join, open_to_all=True, rehearse=self._would_join)
        app.aggregate(charter.DECIDER)
        Homes(app)
        self._accounts = app.aggregate(service_account.DECIDER)
        app.command("network", CreateNetwork, self._create_network, open_to_all=True)
        app.command("brand", CreateBrand, self._create_brand, open_to_all=True, rehearse=self._may_create_brand)
        app.on_start(self._check_identity_key)

    def examples(self) -> Sequence[Mapping[str, Examples]]:
        """What a viewer could send about each kind of thing, for `viewer_can`."""
        known = Known(self._settings, self._authorizer, self._networks, self.members, self._accounts)
        return (
            known.examples(),
            profile_permissions.examples(self.forms, self.members),
            consent_permissions.examples(self._by_purpose.purposes, self.members),
        )

    async def _create_network(self, command: CreateNetwork) -> Accepted:
        command = await self._as_operator(command)
        claim = _claim(command, command.slug, command.network_id)
        return await _with_slug((self._networks, command), (self._network_slugs, claim))

    async def _as_operator(self, command: N) -> N:
        """The command with the role operator, for an identity that runs the installation."""
        is_operator = command.actor in self._settings.operators
        return structs.replace(command, roles=frozenset({OPERATOR} if is_operator else ()))

    async def _may_create_brand(self, command: CreateBrand) -> bool:
        admit_brand(await self._network(command.network_id), command.actor)
        return True

    async def _create_brand(self, command: CreateBrand) -> Accepted:
        admit_brand(await self._network(command.network_id), command.actor)
        # A brand that is there already has its owners; another one is theirs to make.
        founding = [] if (await self._brand(command.brand_id)).exists else self._founding(command)
        claim = _claim(command, command.slug, command.brand_id)
        return await _with_slug((self.brands, command), (self._brand_slugs, claim), *founding)

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

    async def _join(self, command: JoinBrand) -> Accepted:
        through = await self.guard_join(command)
        along = await self.addresses.along(through)
        return await (handle_together((self.members, through), *along) if along else self.members.handle(through))

    async def _would_join(self, command: JoinBrand) -> bool:
        return await self.members.rehearse(await self.guard_join(command), fresh=True)

    async def guard_join(self, command: JoinBrand) -> JoinThrough:
        """Hold the command against the brand that it is for; whether its door opens is then the member's decision."""
        self._must_be_derived(command)
        if not (await self._brand(command.brand)).exists:
            raise NotFound("there is no such brand", ("brand",))
        if command.referrer is not None:
            await self._must_be_referrer(command, command.referrer)
        gate = await self._authorizer.gate(command.brand)
        if gate.stage is not Stage.OPEN or gate.rules_version != (command.accepted_rules or 0):
            gate = await self._authorizer.gate(command.brand, proven=True)
        return JoinThrough(**structs.asdict(command), door=Door(stage=gate.stage, rules=gate.rules_version))

    async def guard_admit(self, command: AdmitMember) -> None:
        """Hold the identity against the member id."""
        self._must_be_derived(command)

    async def _guard_rules(self, command: AcceptRules) -> None:
        gate = await self._authorizer.gate(command.brand)
        if gate.rules_version != command.edition:
            gate = await self._authorizer.gate(command.brand, proven=True)
        if gate.rules_version != command.edition:
            raise DomainError("RULES_NOT_CURRENT", f"the current rules are version {gate.rules_version}", ("edition",))

    def _must_be_derived(self, command: JoinBrand | AdmitMember) -> None:
        """Keep an identity to one membership a brand: its member id is derived, in imports of the platform too."""
        if is_account(command.identity):
            raise Forbidden("a service account stays in the brand that made it", ("identity",))
        derived = ids.member_id(self._settings.identity_secret, command.brand, command.identity)
        if command.member_id != derived:
            raise Forbidden("this is not the member id of this identity in this brand", ("member_id",))

    async def _must_be_referrer(self, command: JoinBrand, referrer: str) -> None:
        if referrer == command.member_id:
            raise Invalid("nobody refers themselves", ("referrer",))
        known = await self.members.state(command.brand, referrer)
        if not known.joined:
            known = await self.members.state(command.brand, referrer, fresh=True)
        if not known.joined:
            raise NotFound("the referrer is not a member of this brand", ("referrer",))

    async def _network(self, network_id: str) -> network.Network:
        known = await self._networks.state(NO_BRAND, network_id)
        return known if known.exists else await self._networks.state(NO_BRAND, network_id, fresh=True)

    async def _brand(self, brand_id: str) -> brand.Brand:
        known = await self.brands.state(brand_id, brand_id)
        return known if known.exists else await self.brands.state(brand_id, brand_id, fresh=True)

    async def _check_identity_key(self) -> None:
        """Fail at the start rather than at the first member."""
        ids.member_id(self._settings.identity_secret, NO_BRAND, SYSTEM)


def _without(decider: Decider[S, C, E], others: Collection[type[Command]]) -> tuple[type[C], ...]:
    return tuple(command for command in decider.commands if command not in others)


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
