"""Invitations over weeks, in the running service: mails, expiry, forgetting, and whoever is invited anew."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from libs.shared.bus import BusClient
from libs.shared.connection import Connection
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command
from libs.shared.ids import member_id, uuid7
from libs.shared.privacy import KeyId
from libs.shared.service import App
from libs.shared.settings import Settings
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.mailbox import Mailbox
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import MongoServer, NatsServer
from libs.shared.testing.timetable import FakeTimetable
from services.members.brand import BrandKind, CreateBrand
from services.members.invitations.invitation import AcceptInvitation, InviteMember, ResendInvitation
from services.members.invitations.view import InvitationsGetMany, InvitationView, Progress
from services.members.network import CreateNetwork
from services.members.service import compose
from services.members.views.brands import BrandsGetMany

KEY = "the identity key of these tests, long enough"
ADA = "ada.marked@example.org"


@dataclass
class Weeks:
    """A service whose clock a test turns; it can be ended and started again."""

    nats: NatsServer
    mongo: MongoServer
    mailbox: Mailbox
    timetable: FakeTimetable
    bus: BusClient
    brand: str = ""

    @asynccontextmanager
    async def service(self) -> AsyncIterator[App]:
        settings = Settings(
            nats_url=self.nats.url,
            mongo_url=self.mongo.url,
            master_keys=SecretStr(MASTER_KEYS),
            identity_key=SecretStr(KEY),
            smtp_url=self.mailbox.url,
            mail_from="club@example.org",
        )
        app = App("members", settings, clock=self.timetable.clock, timetable=self.timetable)
        compose(app)
        await app.start()
        try:
            await app.ready()
            yield app
        finally:
            await app.stop()

    async def send(
        self, aggregate: str, kind: type[Command], brand: str = "", /, *, actor: str = SYSTEM, **fields: Any
    ) -> Accepted:
        envelope: dict[str, Any] = {"command_id": uuid7(), "brand": brand or self.brand, "actor": actor}
        command = kind(**envelope, now=self.timetable.clock.now(), **fields)
        return await self.bus.command("members", aggregate, kind.wire_name, command, timeout_seconds=60)

    async def found(self) -> None:
        self.brand, network = uuid7(), uuid7()
        await self.send("network", CreateNetwork, NO_BRAND, network_id=network, name="N", slug=f"n-{network}")
        opened = await self.send(
            "brand", CreateBrand, brand_id=self.brand, network_id=network, name="Club", slug=f"b-{self.brand}",
            kind=BrandKind.CLUB, locale="en",
        )  # fmt: skip
        look = BrandsGetMany(brand=NO_BRAND, viewer=SYSTEM, ids=[self.brand], at_least=opened.position)
        await self.bus.query("members", look.wire_name, look, list[Any])

    async def invite(self, **fields: Any) -> Accepted:
        return await self.send("invitation", InviteMember, address=ADA, **fields)

    async def shown(self, at: Accepted) -> InvitationView:
        question = InvitationsGetMany(brand=self.brand, viewer=SYSTEM, ids=[at.id], at_least=at.position)
        [found] = await self.bus.query("members", question.wire_name, question, list[InvitationView | None])
        assert found is not None
        return found

    async def until(self, at: Accepted, ready: Callable[[InvitationView], bool]) -> InvitationView:
        async with asyncio.timeout(60):
            while not ready(found := await self.shown(at)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return found

    async def waits(self, kind: str, id_: str | None = None) -> None:
        """Return when the process has scheduled something of a kind, for one thing or for any."""
        async with asyncio.timeout(60):
            while not any(one[0] == kind and id_ in (None, one[1]) for one in self.timetable.waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def pass_by(self, **time: float) -> None:
        await self.timetable.advance(timedelta(**time))


@pytest.fixture
async def weeks(tmp_path: Path) -> AsyncIterator[Weeks]:
    with NatsServer(tmp_path / "nats") as nats, MongoServer(tmp_path / "mongo") as mongo, Mailbox() as mailbox:
        connection = Connection("test")
        await connection.open(nats.url)
        timetable = FakeTimetable(FakeClock(), {"invitation_expiry", "invitation_forgetting", "mail"})
        yield Weeks(nats, mongo, mailbox, timetable, BusClient(connection))
        await connection.close()


async def test_an_invitation_lives_expires_and_is_forgotten(weeks: Weeks) -> None:
    async with weeks.service():
        await weeks.found()
        invited = await weeks.invite(message="plain words of the platform")
        assert (await weeks.invite()).repeated, "an address is invited once"
        await weeks.waits("invitation_expiry", invited.id)
        await weeks.pass_by(seconds=1)
        assert len(weeks.mailbox.of(ADA)) == 1
        await weeks.until(invited, lambda shown: shown.status is Progress.SENT)
        await weeks.pass_by(days=2)
        again = await weeks.send("invitation", ResendInvitation, invitation_id=invited.id)
        await weeks.until(again, lambda shown: shown.mails == 2)
        await weeks.waits("mail")
        await weeks.pass_by(days=13)
        assert (await weeks.shown(again)).status is not Progress.EXPIRED, "its time began anew"
    async with weeks.service() as app:  # the process that ends and begins loses nothing
        await weeks.pass_by(days=2)
        shown = await weeks.until(again, lambda shown: shown.status is Progress.EXPIRED)
        assert shown.address == ADA and len(weeks.mailbox.of(ADA)) == 2
        await weeks.waits("invitation_forgetting", invited.id)
        await weeks.pass_by(days=28)
        assert (await weeks.shown(again)).address == ADA
        await weeks.pass_by(days=2)
        await weeks.until(again, lambda shown: shown.address is None)
        assert app.vault is not None
        owner = KeyId(weeks.brand, invited.id)
        assert await app.vault.to_read([owner]) == {owner: None}, "the key is gone, and with it what the log has"
        anew = await weeks.invite()
        assert anew.id != invited.id and not anew.repeated
        await weeks.waits("invitation_expiry", anew.id)
        await weeks.pass_by(seconds=1)
        assert len(weeks.mailbox.of(ADA)) == 3


async def test_who_has_accepted_and_is_a_member_is_not_invited_again(weeks: Weeks) -> None:
    async with weeks.service() as app:
        await weeks.found()
        invited = await weeks.invite()
        await weeks.waits("invitation_expiry", invited.id)
        await weeks.pass_by(seconds=1)
        [mail] = weeks.mailbox.of(ADA)
        body = mail.get_body(("plain",))
        assert body is not None
        token = str(body.get_content()).split("/invitations/")[1].split()[0]
        ada = member_id(KEY.encode(), weeks.brand, "ada")
        person = {"member_id": ada, "identity": "ada", "display_name": "Ada"}
        accepted = await weeks.send("invitation", AcceptInvitation, actor=ada, token=token, **person)
        assert accepted.id == ada
        await weeks.waits("invitation_forgetting", invited.id)
        await weeks.pass_by(seconds=1)
        await weeks.until(invited, lambda shown: shown.address is None and shown.status is Progress.ACCEPTED)
        owner = KeyId(weeks.brand, invited.id)
        assert app.vault is not None and await app.vault.to_read([owner]) == {owner: None}
        await weeks.pass_by(days=400)
        again = await weeks.invite()
        assert (again.id, again.repeated) == (invited.id, True), "a year later the list is read again"
        assert len(weeks.mailbox.of(ADA)) == 1
