"""What a viewer could send about brands, members, service accounts and networks: examples to rehearse, no rules."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.access.gate import Module, Stage
from libs.access.permissions import NEW, Asked, Example, Examples, named
from libs.access.roles import Role
from libs.access.scopes import ACCOUNT_PREFIX, Scope
from libs.shared.commands import CommandHandler
from libs.shared.domain import NO_BRAND
from libs.shared.ids import member_id
from libs.shared.settings import Settings
from services.members.brand import BrandKind, CreateBrand, EnterStage, SwitchModule
from services.members.charter import CharterPart, PublishCharter
from services.members.home import ChooseLocale, DesignHome, SetDomain, Theme
from services.members.invitations import permissions as invitations
from services.members.member import (
    AcceptRules,
    AdmitMember,
    ChangeProfile,
    EraseMember,
    GrantRole,
    JoinBrand,
    LeaveBrand,
    Member,
    MemberCommand,
    MemberEvent,
    RevokeRole,
)
from services.members.network import AppointAdmin, DismissAdmin, Network, NetworkCommand, NetworkEvent
from services.members.networking import permissions as networking
from services.members.notices import permissions as notices
from services.members.provisioning import permissions as provisioning
from services.members.segments import permissions as segments
from services.members.service_account import (
    CloseServiceAccount,
    CreateServiceAccount,
    IssueApiKey,
    RevokeApiKey,
    ServiceAccount,
    ServiceAccountCommand,
    ServiceAccountEvent,
)
from services.members.sessions import EndSessionsOfMember
from services.members.standing.facts import (
    BanMember,
    GrantVerifiedMark,
    ReinstateMember,
    RevokeVerifiedMark,
    SuspendMember,
)

#: The examples of the parts of the service that need to look at nothing.
PARTS: Final[Sequence[Mapping[str, Examples]]] = (
    invitations.EXAMPLES,
    networking.EXAMPLES,
    notices.EXAMPLES,
    provisioning.EXAMPLES,
    segments.EXAMPLES,
)

#: Of what must not be what is there already, there are two: one of them is another one.
_THEMES: Final = tuple(
    Theme(background=background, text="#000000", accent="#0000ff", accent_text="#ffffff")
    for background in ("#ffffff", "#fffffe")
)
_A_DAY: Final = timedelta(days=1)
_TEXTS: Final = ("new", "newer")


class Known(NamedTuple):
    """What the service knows of the things that are asked about."""

    settings: Settings
    authorizer: Authorizer
    networks: CommandHandler[Network, NetworkCommand, NetworkEvent]
    members: CommandHandler[Member, MemberCommand, MemberEvent]
    accounts: CommandHandler[ServiceAccount, ServiceAccountCommand, ServiceAccountEvent]

    def examples(self) -> Mapping[str, Examples]:
        """The examples for each kind of thing."""
        return {
            "brand": self._brand,
            "member": self._member,
            "service_account": self._service_account,
            "network": self._network,
        }

    async def _brand(self, asked: Asked) -> list[Example]:
        brand, oneself = {"brand_id": asked.id}, {"member_id": asked.viewer}
        rules = (await self.authorizer.gate(asked.brand, proven=True)).rules_version
        join = asked.example(
            JoinBrand, **oneself, identity=asked.identity, display_name=NEW, accepted_rules=rules or None
        )
        place = {"member_id": member_id(self.settings.identity_secret, asked.brand, NEW), "identity": NEW}
        account = {"account_id": f"{ACCOUNT_PREFIX}{NEW}", "name": NEW}
        return [
            *named(join, asked.example(LeaveBrand, **oneself)),
            Example("erase_me", asked.example(EraseMember, **oneself)),
            *named(*(asked.example(ChangeProfile, **oneself, display_name=name) for name in _TEXTS)),
            *(named(asked.example(AcceptRules, **oneself, edition=rules)) if rules else ()),
            *named(asked.example(AdmitMember, **place)),
            *named(*(asked.example(CreateServiceAccount, **account, scopes=[scope]) for scope in Scope)),
            *named(*(asked.example(EnterStage, **brand, stage=stage) for stage in Stage)),
            *named(
                *(
                    asked.example(SwitchModule, **brand, module=module, on=on)
                    for module in Module
                    for on in (True, False)
                )
            ),
            *(
                Example(f"publish_{part}", asked.example(PublishCharter, **brand, part=part, text=text))
                for part in CharterPart
                for text in _TEXTS
            ),
            *named(*(asked.example(DesignHome, **brand, theme=theme) for theme in _THEMES)),
            *named(*(asked.example(SetDomain, **brand, domain=domain) for domain in (None, f"{NEW}.example"))),
            *named(*(asked.example(ChooseLocale, **brand, locale=locale) for locale in ("en", "fr"))),
        ]

    async def _member(self, asked: Asked) -> list[Example]:
        one = {"member_id": asked.id}
        state = await self.members.state(asked.brand, asked.id, fresh=True)
        held = (grant.partition("@") for grant in state.grants)
        return [
            *named(*(asked.example(GrantRole, **one, role=role) for role in Role)),
            *named(
                *(asked.example(RevokeRole, **one, role=Role(role), space_id=space or None) for role, _, space in held)
            ),
            *named(*(asked.example(SuspendMember, **one, reason=reason) for reason in _TEXTS)),
            *named(asked.example(BanMember, **one, reason=NEW), asked.example(ReinstateMember, **one)),
            *named(asked.example(GrantVerifiedMark, **one), asked.example(RevokeVerifiedMark, **one)),
            *named(asked.example(EndSessionsOfMember, **one, asker=asked.identity), asked.example(EraseMember, **one)),
        ]

    async def _service_account(self, asked: Asked) -> list[Example]:
        account = {"account_id": asked.id}
        state = await self.accounts.state(asked.brand, asked.id, fresh=True)
        key = {"key_id": NEW, "key_hash": "0" * 64, "last_four": "0000", "expires_at": asked.now + _A_DAY}
        return named(
            asked.example(IssueApiKey, **account, **key),
            asked.example(CloseServiceAccount, **account),
            *(asked.example(RevokeApiKey, **account, key_id=key_id) for key_id in state.keys),
        )

    async def _network(self, asked: Asked) -> list[Example]:
        network = {"network_id": asked.id}
        state = await self.networks.state(NO_BRAND, asked.id, fresh=True)
        brand = asked.example(
            CreateBrand, **network, brand_id=NEW, slug=NEW, name=NEW, kind=BrandKind.OTHER, locale="en"
        )
        return named(
            structs.replace(brand, brand=NEW),
            asked.example(AppointAdmin, **network, identity=NEW),
            *(asked.example(DismissAdmin, **network, identity=identity) for identity in state.admins),
        )
