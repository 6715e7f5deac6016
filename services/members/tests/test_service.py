"""The whole service on real servers: commands and queries over the bus, and what separates brands and identities."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from nats.js.errors import NotFoundError

from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared import signed_out
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command, DomainError, Query
from libs.shared.ids import address_id, member_id, uuid7
from libs.shared.service import App
from libs.shared.settings import Settings, SettingsError
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import MongoServer, NatsServer
from services.members.brand import BrandKind, CreateBrand
from services.members.mail.address import OptOutOfMail
from services.members.member import ChangeProfile, GrantRole, JoinBrand, LeaveBrand, RevokeRole
from services.members.network import CreateNetwork
from services.members.notices.preferences import SwitchMail
from services.members.notices.views.choices import ChoicesReply, NotificationChoices
from services.members.profiles.views.profiles import ProfilesGetMany, ProfileView
from services.members.service import compose
from services.members.service_account import CloseServiceAccount, CreateServiceAccount, IssueApiKey
from services.members.sessions import EndSessions, EndSessionsOfMember
from services.members.views.brands import BrandBySlug, BrandPageResult, BrandPages, BrandsGetMany, BrandView
from services.members.views.member_list import (
    MemberPage,
    MemberPageResult,
    MembersGetMany,
    MembershipsOfIdentity,
    MembershipsResult,
    MemberView,
)
from services.members.views.networks import (
    NetworkBySlug,
    NetworkPage,
    NetworkPageResult,
    NetworksGetMany,
    NetworkView,
)
from services.members.views.service_accounts import (
    ApiKeyOwner,
    OwnerOfApiKey,
    ServiceAccountPage,
    ServiceAccountPageResult,
    ServiceAccountsGetMany,
)

KEY = "a key of at least thirty-two characters"
NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
EARLY = datetime(1996, 5, 17, 8, 30, tzinfo=UTC)
R = TypeVar("R")


class Client:
    """Sends commands and queries to the service as the gateway does; a query waits for all that was accepted."""

    def __init__(self, app: App) -> None:
        self._bus = app.bus
        self._seen: dict[str, int] = {}

    async def send(self, aggregate: str, command: Command) -> Accepted:
        accepted = await self._bus.command("members", aggregate, command.wire_name, command)
        for stream, position in accepted.position.items():
            self._seen[stream] = max(position, self._seen.get(stream, 0))
        return accepted

    async def refused(self, aggregate: str, command: Command) -> tuple[str, tuple[str | int, ...]]:
        with pytest.raises(DomainError) as refusal:
            await self.send(aggregate, command)
        return refusal.value.code, refusal.value.path

    async def ask(self, reply: type[R], query: type[Query], brand: str, viewer: str, **fields: Any) -> R:
        question = query(brand=brand, viewer=viewer, at_least=self._seen, **fields)
        return await self._bus.query("members", query.wire_name, question, reply)

    async def denied(self, query: type[Query], brand: str, viewer: str, **fields: Any) -> str:
        with pytest.raises(DomainError) as refusal:
            await self.ask(dict, query, brand, viewer, **fields)
        return refusal.value.code

    async def membership(self, brand: str, member: str, viewer: str) -> MemberView | None:
        [found] = await self.ask(list[MemberView | None], MembersGetMany, brand, viewer, ids=[member])
        return found

    async def profile(self, brand: str, member: str, viewer: str) -> ProfileView | None:
        [found] = await self.ask(list[ProfileView | None], ProfilesGetMany, brand, viewer, ids=[member])
        return found


def settings(nats: NatsServer, mongo: MongoServer, identity_key: str = KEY) -> Settings:
    return Settings.model_validate(
        {
            "nats_url": nats.url,
            "mongo_url": mongo.url,
            "identity_key": identity_key,
            "master_keys": MASTER_KEYS,
            "operators": frozenset({"operator"}),
        }
    )


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    # Servers of its own: events that other tests put into MEMBERS would not be this service's.
    folder = tmp_path_factory.mktemp("members")
    with NatsServer(folder / "nats") as nats, MongoServer(folder / "mongo") as mongo:
        app = App("members", settings(nats, mongo))
        compose(app)
        await app.start()
        await app.ready()
        yield app
        await app.stop()


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)


class Town:
    """A network with brands, each test its own."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.network = uuid7()

    async def open(self) -> "Town":
        await self.client.send("network", create_network(self.network))
        return self

    async def brand(self, founder: str | None = None, **changes: Any) -> str:
        command = create_brand(self.network, founder=founder, **changes)
        return (await self.client.send("brand", command)).id

    async def member(self, brand: str, identity: str, **changes: Any) -> str:
        return (await self.client.send("member", join(brand, identity, **changes))).id


@pytest.fixture
async def town(client: Client) -> Town:
    return await Town(client).open()


def envelope(brand: str, actor: str, command_id: str | None = None, now: datetime = NOW) -> dict[str, Any]:
    return {"command_id": command_id or uuid7(), "brand": brand, "actor": actor, "now": now}


def create_network(network: str, actor: str = "operator", slug: str | None = None) -> CreateNetwork:
    return CreateNetwork(**envelope(NO_BRAND, actor), network_id=network, name="Coast", slug=slug or f"n-{network}")


def create_brand(
    network: str, *, founder: str | None = None, actor: str = "operator", brand: str | None = None, **changes: Any
) -> CreateBrand:
    brand = brand or uuid7()
    fields: dict[str, Any] = {
        "brand_id": brand,
        "network_id": network,
        "slug": f"b-{brand}",
        "name": "Sailors",
        "kind": BrandKind.CLUB,
        "locale": "fr",
        "founder": founder,
        "founder_name": founder and founder.title(),
    }
    return CreateBrand(**envelope(brand, actor), **{**fields, **changes})


def derived(brand: str, identity: str) -> str:
    return member_id(KEY.encode(), brand, identity)


def join(brand: str, identity: str, **changes: Any) -> JoinBrand:
    member = derived(brand, identity)
    fields: dict[str, Any] = {
        **envelope(brand, member),
        "member_id": member,
        "identity": identity,
        "display_name": identity.title(),
    }
    return JoinBrand(**{**fields, **changes})


class TestNetworks:
    async def test_an_operator_opens_one(self, client: Client) -> None:
        network = uuid7()
        accepted = await client.send("network", create_network(network))
        assert accepted.id == network
        shown = NetworkView(id=network, name="Coast", slug=f"n-{network}", created_at=NOW, brand_count=0)
        assert await client.ask(NetworkView, NetworkBySlug, NO_BRAND, "anybody", slug=f"n-{network}") == shown
        many = await client.ask(
            list[NetworkView | None], NetworksGetMany, NO_BRAND, "anybody", ids=["missing", network]
        )
        assert many == [None, shown]
        page = await client.ask(NetworkPageResult, NetworkPage, NO_BRAND, "operator")
        assert shown in page.items and page.total_count == len(page.items)

    async def test_nobody_else_does_whatever_roles_they_claim(self, client: Client) -> None:
        command = create_network(uuid7(), actor="somebody")
        assert await client.refused("network", command) == ("FORBIDDEN", ())
        claiming = CreateNetwork(**{**fields_of(command), "roles": frozenset({"operator"})})
        assert await client.refused("network", claiming) == ("FORBIDDEN", ())

    async def test_only_operators_list_them(self, client: Client) -> None:
        assert await client.denied(NetworkPage, NO_BRAND, "somebody") == "FORBIDDEN"

    async def test_a_slug_is_taken_once_and_a_refusal_stores_nothing(self, town: Town) -> None:
        other = uuid7()
        command = create_network(other, slug=f"n-{town.network}")
        assert await town.client.refused("network", command) == ("NAME_TAKEN", ("slug",))
        found = await town.client.ask(list[NetworkView | None], NetworksGetMany, NO_BRAND, "x", ids=[other])
        assert found == [None]
        await town.client.send("network", create_network(other))

    async def test_the_same_command_again_is_answered_again(self, client: Client) -> None:
        command = create_network(uuid7())
        first, second = [await client.send("network", command) for _ in range(2)]
        assert second.repeated and not first.repeated and first.id == second.id


class TestBrands:
    async def test_an_admin_opens_one_with_a_founder(self, town: Town) -> None:
        brand = await town.brand("olga")
        founder = derived(brand, "olga")
        shown = await town.client.ask(BrandView, BrandBySlug, NO_BRAND, "anybody", slug=f"b-{brand}")
        assert shown == BrandView(
            id=brand,
            network_id=town.network,
            slug=f"b-{brand}",
            name="Sailors",
            kind=BrandKind.CLUB,
            locale="fr",
            created_at=NOW,
            member_count=1,
        )
        olga = await town.client.membership(brand, founder, viewer=founder)
        assert olga is not None and (olga.display_name, olga.roles) == ("Olga", ["member", "owner"])
        network = await town.client.ask(NetworkView, NetworkBySlug, NO_BRAND, "x", slug=f"n-{town.network}")
        assert network.brand_count == 1
        await town.brand()
        [page] = await town.client.ask(list[BrandPageResult], BrandPages, NO_BRAND, "x", ids=[town.network])
        assert page.total_count == len(page.items) == 2

    async def test_who_may_not(self, town: Town) -> None:
        refused = town.client.refused
        assert await refused("brand", create_brand(town.network, actor="somebody")) == ("FORBIDDEN", ())
        assert await refused("brand", create_brand("missing")) == ("NOT_FOUND", ("network_id",))
        assert await refused("brand", create_brand(town.network, brand_id=uuid7())) == ("INVALID", ("brand_id",))

    async def test_a_slug_is_taken_once_and_a_refusal_stores_nothing(self, town: Town) -> None:
        brand = await town.brand()
        command = create_brand(town.network, founder="olga", slug=f"b-{brand}")
        assert await town.client.refused("brand", command) == ("NAME_TAKEN", ("slug",))
        many = await town.client.ask(
            list[BrandView | None], BrandsGetMany, NO_BRAND, "x", ids=[command.brand_id, brand]
        )
        assert [found and found.id for found in many] == [None, brand]
        mine = await town.client.ask(MembershipsResult, MembershipsOfIdentity, NO_BRAND, SYSTEM, identity="olga")
        assert command.brand_id not in [membership.brand_id for membership in mine.items]

    async def test_the_same_command_again_is_answered_again(self, town: Town) -> None:
        command = create_brand(town.network, founder="olga")
        first, second = [await town.client.send("brand", command) for _ in range(2)]
        assert (second.id, second.repeated) == (first.id, True)

    async def test_nobody_becomes_owner_by_creating_what_is_there(self, town: Town) -> None:
        brand = await town.brand("olga")
        await town.client.send("brand", create_brand(town.network, brand=brand, founder="eve"))
        olga = derived(brand, "olga")
        assert await town.client.membership(brand, derived(brand, "eve"), viewer=olga) is None


class TestMembers:
    async def test_joining_leaving_and_joining_again(self, town: Town) -> None:
        brand = await town.brand("olga")
        paul = await town.member(brand, "paul", email="paul@example.org")
        assert paul == derived(brand, "paul")
        await town.member(brand, "paul")
        owner = derived(brand, "olga")
        page = await town.client.ask(MemberPageResult, MemberPage, brand, owner)
        assert {item.id for item in page.items} == {owner, paul} and page.total_count == 2
        own = await town.client.profile(brand, paul, viewer=paul)
        assert own is not None and own.email == "paul@example.org"
        seen = await town.client.profile(brand, paul, viewer=owner)
        assert seen is not None and seen.email is None
        for _ in range(2):
            await town.client.send("member", LeaveBrand(**envelope(brand, paul), member_id=paul))
        left = await town.client.membership(brand, paul, viewer=owner)
        assert left is not None and left.left_at == NOW
        assert await town.client.profile(brand, paul, viewer=owner) is None
        assert await town.client.denied(MemberPage, brand, paul) == "FORBIDDEN"
        await town.member(brand, "paul")
        back = await town.client.membership(brand, paul, viewer=paul)
        assert back is not None and back.left_at is None

    async def test_an_import_keeps_the_original_time(self, town: Town) -> None:
        brand = await town.brand()
        paul = await town.member(brand, "paul", actor=SYSTEM, now=EARLY)
        found = await town.client.membership(brand, paul, viewer=paul)
        assert found is not None and found.joined_at == EARLY

    async def test_who_may_not_join(self, town: Town) -> None:
        brand, other = await town.brand(), await town.brand()
        refused = town.client.refused
        assert await refused("member", join("missing", "paul")) == ("NOT_FOUND", ("brand",))
        assert await refused("member", join(brand, "paul", actor="eve")) == ("FORBIDDEN", ())
        for actor in ("eve", SYSTEM):
            forged = join(brand, "paul", actor=actor, member_id="eve")
            assert await refused("member", forged) == ("FORBIDDEN", ("member_id",))
        elsewhere = derived(other, "paul")
        command = join(brand, "paul", actor=elsewhere, member_id=elsewhere)
        assert await refused("member", command) == ("FORBIDDEN", ("member_id",))

    async def test_roles(self, town: Town) -> None:
        brand = await town.brand("olga")
        olga, paul = derived(brand, "olga"), await town.member(brand, "paul")
        client = town.client
        grant = GrantRole(**envelope(brand, paul), member_id=paul, role=Role.OWNER)
        assert await client.refused("member", grant) == ("FORBIDDEN", ())
        claiming = GrantRole(**{**fields_of(grant), "roles": frozenset({"owner"})})
        assert await client.refused("member", claiming) == ("FORBIDDEN", ())
        await client.send("member", GrantRole(**envelope(brand, olga), member_id=paul, role=Role.OWNER))
        seen = await client.membership(brand, paul, viewer=olga)
        assert seen is not None and seen.roles == ["member", "owner"]
        leave = LeaveBrand(**envelope(brand, olga), member_id=olga)
        assert (await client.refused("member", leave))[0] == "LAST_OWNER"
        stranger = GrantRole(**envelope(brand, olga), member_id="stranger", role=Role.BUILDER)
        assert await client.refused("member", stranger) == ("NOT_A_MEMBER", ("member_id",))
        revoke = RevokeRole(**envelope(brand, SYSTEM), member_id=olga, role=Role.OWNER)
        await client.send("member", revoke)
        await client.send("member", leave)

    async def test_a_profile(self, town: Town) -> None:
        brand = await town.brand("olga")
        olga, paul = derived(brand, "olga"), await town.member(brand, "paul")
        await town.client.send("member", ChangeProfile(**envelope(brand, paul), member_id=paul, bio="Sails"))
        seen = await town.client.profile(brand, paul, viewer=olga)
        assert seen is not None and seen.bio == "Sails"
        change = ChangeProfile(**envelope(brand, olga), member_id=paul, bio="Does not")
        assert await town.client.refused("member", change) == ("FORBIDDEN", ())

    async def test_the_memberships_of_an_identity_are_its_own(self, town: Town) -> None:
        identity = uuid7()
        brands = [await town.brand(), await town.brand()]
        members = [await town.member(brand, identity) for brand in brands]
        mine = await town.client.ask(MembershipsResult, MembershipsOfIdentity, NO_BRAND, identity, identity=identity)
        assert {(one.brand_id, one.member_id) for one in mine.items} == set(zip(brands, members, strict=True))
        assert await town.client.denied(MembershipsOfIdentity, NO_BRAND, "eve", identity=identity) == "FORBIDDEN"


class TestAddresses:
    async def address(self, town: Town, brand: str, member: str) -> str | None:
        own = await town.client.profile(brand, member, viewer=member)
        assert own is not None
        return own.email

    async def mail_off(self, town: Town, brand: str, member: str) -> bool:
        return (await town.client.ask(ChoicesReply, NotificationChoices, brand, member)).mail_off

    async def opt_out(self, town: Town, brand: str, email: str) -> None:
        id_ = address_id(KEY.encode(), brand, email)
        await town.client.send("mail_address", OptOutOfMail(**envelope(brand, SYSTEM), address_id=id_))

    async def test_who_comes_again_is_written_to_where_their_token_says(self, town: Town) -> None:
        brand, other = await town.brand(), await town.brand()
        paul, there = await town.member(brand, "paul"), await town.member(other, "paul", email="paul@example.org")
        assert await self.address(town, brand, paul) is None
        for email in ("paul@example.org", "p@example.com"):
            for _ in range(2):
                await town.member(brand, "paul", email=email, display_name="Somebody")
                assert await self.address(town, brand, paul) == email
        await town.member(brand, "paul")
        await town.member(brand, "paul", actor=SYSTEM, email="old@example.org", now=EARLY)
        assert await self.address(town, brand, paul) == "p@example.com"
        own = await town.client.membership(brand, paul, viewer=paul)
        assert own is not None and own.display_name == "Paul", "nothing else is taken over"
        assert await self.address(town, other, there) == "paul@example.org", "each brand is told"
        assert await self.mail_off(town, brand, paul) is False

    async def test_opting_out_goes_along_and_is_then_the_members_to_take_back(self, town: Town) -> None:
        brand = await town.brand()
        paul = await town.member(brand, "paul", email="paul@example.org")
        await self.opt_out(town, brand, "paul@example.org")
        await town.member(brand, "paul", email="PAUL@example.org")
        assert await self.mail_off(town, brand, paul) is False, "it is the same mailbox, which stays opted out"
        command = join(brand, "paul", email="p@example.com")
        first, again = [await town.client.send("member", command) for _ in range(2)]
        assert (again.id, again.repeated) == (first.id, True) == (paul, True)
        assert await self.address(town, brand, paul) == "p@example.com"
        assert await self.mail_off(town, brand, paul) is True
        await town.client.send("notification_choices", SwitchMail(**envelope(brand, paul), on=True))
        await town.member(brand, "paul", email="p@example.com")
        await town.member(brand, "paul", email="paul@example.com")
        assert await self.mail_off(town, brand, paul) is False, "nobody opted out at the one before"


class TestIsolation:
    async def test_another_brand_sees_nothing_and_changes_nothing(self, town: Town) -> None:
        mine, theirs = await town.brand("olga"), await town.brand("eve")
        olga, eve = derived(mine, "olga"), derived(theirs, "eve")
        client = town.client
        assert await client.denied(MemberPage, mine, eve) == "FORBIDDEN"
        assert await client.denied(MembersGetMany, mine, eve, ids=[olga]) == "FORBIDDEN"
        assert await client.membership(theirs, olga, viewer=eve) is None
        page = await client.ask(MemberPageResult, MemberPage, theirs, eve)
        assert [item.id for item in page.items] == [eve]
        grant = GrantRole(**envelope(mine, eve), member_id=eve, role=Role.OWNER)
        assert await client.refused("member", grant) == ("FORBIDDEN", ())
        foreign = GrantRole(**envelope(theirs, eve), member_id=olga, role=Role.MODERATOR)
        assert await client.refused("member", foreign) == ("NOT_A_MEMBER", ("member_id",))
        revoke = RevokeRole(**envelope(mine, eve), member_id=olga, role=Role.OWNER)
        assert await client.refused("member", revoke) == ("FORBIDDEN", ())
        unchanged = await client.membership(mine, olga, viewer=olga)
        assert unchanged is not None and unchanged.roles == ["member", "owner"]


class TestServiceAccounts:
    async def test_an_owner_lets_a_program_in_and_out(self, town: Town) -> None:
        client, brand = town.client, await town.brand("olga")
        owner, account = derived(brand, "olga"), f"sa_{uuid7()}"
        await client.send("service_account", create_account(brand, owner, account))
        await client.send("service_account", issue_key(brand, owner, account, f"k{account}"))
        page = await client.ask(ServiceAccountPageResult, ServiceAccountPage, brand, owner)
        assert [(item.id, [key.last_four for key in item.keys]) for item in page.items] == [(account, ["abcd"])]
        question = {"key_id": f"k{account}", "key_hash": "0" * 64}
        found = await client.ask(ApiKeyOwner, OwnerOfApiKey, NO_BRAND, SYSTEM, **question)
        assert (found.brand, found.account_id) == (brand, account)
        assert await client.denied(OwnerOfApiKey, NO_BRAND, owner, **question) == "FORBIDDEN"
        await client.send("service_account", CloseServiceAccount(**envelope(brand, owner), account_id=account))
        assert await client.denied(OwnerOfApiKey, NO_BRAND, SYSTEM, **question) == "NOT_FOUND"

    async def test_who_may_not(self, town: Town) -> None:
        client, brand = town.client, await town.brand("olga")
        foreign = derived(await town.brand("frida"), "frida")
        owner, account = derived(brand, "olga"), f"sa_{uuid7()}"
        await client.send("service_account", create_account(brand, owner, account))
        for actor in (await town.member(brand, "mona"), foreign, account):
            refused = await client.refused("service_account", issue_key(brand, actor, account, uuid7()))
            assert refused == ("FORBIDDEN", ())
            assert await client.denied(ServiceAccountPage, brand, actor) == "FORBIDDEN"
            assert await client.denied(ServiceAccountsGetMany, brand, actor, ids=[account]) == "FORBIDDEN"

    async def test_what_a_program_sees_of_the_members_and_that_it_joins_no_brand(self, town: Town) -> None:
        client, brand, other = town.client, await town.brand("olga"), await town.brand("frida")
        owner, account, blind = derived(brand, "olga"), f"sa_{uuid7()}", f"sa_{uuid7()}"
        await client.send("service_account", create_account(brand, owner, account))
        await client.send("service_account", create_account(brand, owner, blind, [Scope.EVENTS_MANAGE]))
        assert (await client.ask(MemberPageResult, MemberPage, brand, account)).total_count == 1
        assert await client.denied(MemberPage, other, account) == "FORBIDDEN"
        assert await client.denied(MemberPage, brand, blind) == "FORBIDDEN"
        assert await client.refused("member", join(other, account)) == ("FORBIDDEN", ("identity",))


class TestSessions:
    async def ended(self, app: App, identity: str) -> float | None:
        try:
            entry = await app.nats.jetstream().get_last_msg(signed_out.STREAM, f"$KV.SIGNED_OUT.{identity}")
        except NotFoundError:
            return None
        return float(entry.data or b"")

    async def test_anybody_ends_their_own(self, client: Client, app: App) -> None:
        await client.send("session", EndSessions(**envelope(NO_BRAND, "ada")))
        assert await self.ended(app, "ada") == NOW.timestamp()
        for actor, brand, code in (
            ("sa_bot", NO_BRAND, "FORBIDDEN"),
            (SYSTEM, NO_BRAND, "FORBIDDEN"),
            ("x", "b1", "INVALID"),
        ):
            assert (await client.refused("session", EndSessions(**envelope(brand, actor))))[0] == code

    async def test_an_owner_or_an_operator_ends_those_of_a_member(self, town: Town, app: App) -> None:
        brand, other = await town.brand("olga"), await town.brand("frida")
        member, account = await town.member(brand, "mona"), f"sa_{uuid7()}"
        owner, foreign = derived(brand, "olga"), derived(other, "frida")
        await town.client.send("service_account", create_account(brand, owner, account, [Scope.EVENTS_MANAGE]))
        await town.client.membership(brand, member, member)

        def end(actor: str, asker: str = "x", of: str = brand, now: datetime = NOW) -> EndSessionsOfMember:
            return EndSessionsOfMember(**envelope(of, actor, now=now), asker=asker, member_id=member)

        for command in (end(member), end(foreign), end(account)):
            assert await town.client.refused("session", command) == ("FORBIDDEN", ())
        assert await town.client.refused("session", end(foreign, of=other)) == ("NOT_FOUND", ("member_id",))
        assert await self.ended(app, "mona") is None
        await town.client.send("session", end(owner))
        assert await self.ended(app, "mona") == NOW.timestamp()
        later = NOW + timedelta(minutes=1)
        await town.client.send("session", end("stranger", "operator", now=later))
        assert await self.ended(app, "mona") == later.timestamp()


def create_account(brand: str, actor: str, account: str, scopes: list[Scope] | None = None) -> CreateServiceAccount:
    wanted = scopes or [Scope.MEMBERS_READ]
    return CreateServiceAccount(**envelope(brand, actor), account_id=account, name="Bot", scopes=wanted)


def issue_key(brand: str, actor: str, account: str, key: str) -> IssueApiKey:
    fields: dict[str, Any] = {"account_id": account, "key_id": key, "key_hash": "0" * 64, "last_four": "abcd"}
    return IssueApiKey(**envelope(brand, actor), **fields, expires_at=NOW + timedelta(days=300))


async def test_it_does_not_start_without_an_identity_key(app: App) -> None:
    keyless = App("members", app.settings.model_copy(update={"identity_key": type(app.settings.identity_key)("short")}))
    compose(keyless)
    with pytest.raises(SettingsError, match="ARCHIPEL_IDENTITY_KEY"):
        await keyless.start()
    await keyless.stop()


def fields_of(command: Command) -> Mapping[str, Any]:
    return {field: getattr(command, field) for field in command.__struct_fields__}
