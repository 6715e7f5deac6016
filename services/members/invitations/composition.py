"""Composes invitations: what the service answers about them, and who may ask."""

from dataclasses import replace
from itertools import count
from typing import Any, ClassVar

from msgspec import Struct, structs

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.roles import ALL_ROLES, LEADERS, Role
from libs.access.scopes import is_account
from libs.shared.commands import handle_together
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command, DomainError, Forbidden, Query
from libs.shared.ids import address_id, derived_id
from libs.shared.service import App
from services.members.commands import Commands
from services.members.front_door import front_door
from services.members.invitations import decisions
from services.members.invitations.decisions import InvalidInvitation
from services.members.invitations.invitation import (
    AcceptInvitation,
    AcceptToken,
    Invitation,
    InviteAddress,
    InviteMember,
    ResendInvitation,
    RevokeInvitation,
    Status,
)
from services.members.invitations.process import Invitations
from services.members.invitations.tokens import PATH, InvitationToken
from services.members.invitations.view import (
    InvitationPage,
    InvitationPageResult,
    InvitationsGetMany,
    InvitationsView,
    InvitationView,
)
from services.members.locale import check_locale
from services.members.mail.address import Token, canonical_address
from services.members.mail.mailer import Mailer
from services.members.member import AdmitMember, JoinBrand
from services.members.views.brands import BrandsGetMany, BrandsView


class InvitationOffer(Query, frozen=True, kw_only=True):
    """What an invitation offers, for whoever has its token.  Envelope: brand `NO_BRAND`, the answer tells the brand.

    INVALID_INVITATION for anything else.
    """

    wire_name: ClassVar[str] = "invitation_offer"

    token: Token


class InvitationOfferView(Struct, frozen=True, kw_only=True):
    """The brand to join, with which role, and whether that is still possible.

    `url` is where the brand's own web pages take the invitation; None when it has none.
    """

    brand_id: str
    role: Role
    status: Status
    url: str | None


def compose_invitations(
    app: App, authorizer: Authorizer, commands: Commands, brands: BrandsView, mailer: Mailer
) -> list[Source]:
    """Register what concerns invitations; returns what members' own data is found in."""
    doors = _Doors(app, commands, brands)
    Invitations(app, doors.invitations, commands.members, brands, mailer)
    view = app.view(InvitationsView())

    async def leaders(query: InvitationPage | InvitationsGetMany) -> None:
        await authorizer.people_with(query, *LEADERS)

    many = list[InvitationView | None]
    app.query(InvitationPage, InvitationPageResult, view.invitation_page, view=view, allow=leaders)
    app.query(InvitationsGetMany, many, view.invitations_get_many, view=view, allow=leaders)
    app.query(InvitationOffer, InvitationOfferView, doors.offer, view=None)
    return [Source("words in an invitation", view, "messages", lambda brand, member: {"by": f"{brand}:{member}"})]


class _Doors:
    """The commands on invitations."""

    def __init__(self, app: App, commands: Commands, brands: BrandsView) -> None:
        self._settings = app.settings
        self._clock = app.clock
        self._commands = commands
        self._members = commands.members
        self._brands = brands
        others = (ResendInvitation, RevokeInvitation)
        self.invitations = app.aggregate(replace(decisions.DECIDER, commands=others))
        app.command("invitation", InviteMember, self._invite, rehearse=self._would_invite)
        app.command("invitation", AcceptInvitation, self._accept, open_to_all=True)

    async def _invite(self, command: InviteMember) -> Accepted:
        invite = await self._with_token(command)
        accepted = await self.invitations.handle(invite)
        # Whoever invites many counts by this who was invited and who had been: by another command, also at the same
        # moment.
        invited = (await self.invitations.state(command.brand, invite.invitation_id)).salt == invite.salt
        return accepted if invited else structs.replace(accepted, repeated=True)

    async def _would_invite(self, command: InviteMember) -> bool:
        return await self.invitations.rehearse(await self._with_token(command), fresh=True)

    async def _with_token(self, command: InviteMember) -> InviteAddress:
        """What the command is to the invitation that the address has or gets."""
        if is_account(command.actor):
            raise Forbidden("people invite people")
        if command.language is not None:
            check_locale(command.language)
        address = canonical_address(command.address)
        id_ = await self._invitation_of(command.brand, address)
        salt = derived_id("salt of an invitation", command.brand, id_, command.command_id)
        token = InvitationToken.make(self._settings.identity_secret, command.brand, id_, salt)
        fields = {**structs.asdict(command), "address": address}
        return InviteAddress(**fields, invitation_id=id_, salt=salt, token_hash=token.hash)

    async def _invitation_of(self, brand: str, address: str) -> str:
        """The id of the invitation that an address has or gets: the first that was not forgotten.

        Of who accepted and is a member the invitation stands, though nobody knows the address any more.
        """
        for number in count():
            id_ = address_id(self._settings.identity_secret, brand, address, "invitation", str(number))
            known = await self.invitations.state(brand, id_)
            if not known.forgotten or await self._is_member(brand, known):
                return id_
        raise AssertionError

    async def _is_member(self, brand: str, accepted: Invitation) -> bool:
        if accepted.accepted_by is None:
            return False
        return (await self._members.state(brand, accepted.accepted_by, fresh=True)).joined

    async def _accept(self, command: AcceptInvitation) -> Accepted:
        """Let somebody in: the invitation, the place it keeps and the membership are one commit."""
        token = self._token(command.token, command.brand)
        envelope = _envelope(command)
        accept = AcceptToken(
            **envelope, invitation_id=token.invitation_id, member_id=command.member_id, token_hash=token.hash
        )
        known = await self.invitations.state(command.brand, token.invitation_id, fresh=True)
        if known.status is not Status.PENDING:  # refused, or the same once more: nothing is to follow from that
            accepted = await self.invitations.handle(accept)
            if not await self._is_member(command.brand, known):
                raise DomainError("INVITATION_USED", "who has left needs another invitation")
            return structs.replace(accepted, id=command.member_id)
        about: dict[str, Any] = {"member_id": command.member_id, "identity": command.identity}
        platform = {"actor": SYSTEM, "roles": ALL_ROLES}
        admit = AdmitMember(**{**envelope, **platform}, **about, role=known.role)
        join = JoinBrand(
            **envelope,
            **about,
            display_name=command.display_name,
            email=command.email,
            accepted_rules=command.accepted_rules,
            source="invitation",
        )
        await self._commands.guard_admit(admit)
        through = await self._commands.guard_join(join)
        along = await self._commands.addresses.along(through)
        accepted = await handle_together(
            (self.invitations, accept), (self._members, admit), (self._members, through), *along
        )
        return structs.replace(accepted, id=command.member_id)

    async def offer(self, query: InvitationOffer) -> InvitationOfferView:
        """What the invitation of a token offers."""
        token = self._token(query.token)
        known = await self.invitations.state(token.brand, token.invitation_id, fresh=True)
        if known.edition == 0 or known.token_hash != token.hash:
            raise InvalidInvitation
        expired = known.status is Status.PENDING and not known.holds(self._clock.now())
        status = Status.EXPIRED if expired else known.status
        url = await self._pages(token)
        return InvitationOfferView(brand_id=token.brand, role=known.role, status=status, url=url)

    async def _pages(self, token: InvitationToken) -> str | None:
        [shown] = await self._brands.brands_get_many(BrandsGetMany(brand=NO_BRAND, viewer=SYSTEM, ids=[token.brand]))
        home = front_door(shown.slug, shown.domain, self._settings.client_url) if shown is not None else None
        return home and f"{home}{PATH}{token.text}"

    def _token(self, text: str, brand: str = "") -> InvitationToken:
        """The token, of that brand if one is given.  Raises INVALID_INVITATION."""
        token = InvitationToken.read(text)
        if token is None or token.brand == NO_BRAND or (brand and token.brand != brand):
            raise InvalidInvitation
        return token


def _envelope(command: Command) -> dict[str, Any]:
    """The envelope of a command, for others that are a part of it."""
    names = ("command_id", "brand", "actor", "now", "roles")
    return {name: getattr(command, name) for name in names}
