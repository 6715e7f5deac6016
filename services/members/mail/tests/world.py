"""The process that sends mails, over a real SMTP server, a log in memory and a clock that a test turns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from libs.shared.app import App
from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler
from libs.shared.domain import SYSTEM
from libs.shared.event_store import Subject
from libs.shared.ids import address_id
from libs.shared.settings import Settings
from libs.shared.testing.clock import FakeClock
from libs.shared.testing.mailbox import Mailbox
from libs.shared.testing.memory import MemoryEventStore
from libs.shared.testing.tasks import end
from libs.shared.testing.timetable import FakeTimetable
from services.members.mail import address, delivery
from services.members.mail.address import OptInToMail, OptOutOfMail
from services.members.mail.letters import Look
from services.members.mail.mailer import BrandInMails, Draft, Mailer
from services.members.mail.smtp import Transport, transport

KEY = "the identity key of these tests, long enough"


@dataclass
class World:
    """A mailer and what it stands on; `drafts` are what there is to say about an id, `lost` appends that fail."""

    mailbox: Mailbox
    transport: Transport
    timetable: FakeTimetable = field(default_factory=lambda: FakeTimetable(FakeClock()))
    store: MemoryEventStore = field(default_factory=lambda: MemoryEventStore(Codec("members")))
    drafts: dict[str, Draft | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store.codec.register(delivery.DECIDER.events)
        self.store.codec.register(address.DECIDER.events)
        self.addresses = CommandHandler(address.DECIDER, self.store, "members")
        self.crashes = 0

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Mailer]:
        """One process of the service: what it remembers ends with it, the log and the timetable stay."""
        settings = Settings(identity_key=SecretStr(KEY), mail_from="club@example.org", public_url="https://x.example/")
        app = App("members", settings, clock=self.timetable.clock, timetable=self.timetable)

        async def find_brand(brand: str) -> BrandInMails:
            return BrandInMails(look=Look(name=f"Brand {brand}"), locale="fr")

        mailer = Mailer(app, _Crashing(self), self.addresses, find_brand, self.transport)

        async def write(brand: str, about: str) -> Draft | None:
            return self.drafts[about]

        mailer.writes("invitation", write)
        delivering = asyncio.create_task(self.timetable.deliver(app._hand_over))
        await asyncio.sleep(0)
        try:
            yield mailer
        finally:
            await end(delivering)

    def say(self, about: str, to: str, **values: Any) -> None:
        """There is something to write about an id."""
        given: dict[str, Any] = {"inviter": "Ada", "name": None, "message": None, "url": "https://x", "days": 14}
        given |= {"expires_at": self.timetable.clock.now(), **values}
        self.drafts[about] = Draft(to=to, template="invitation", values=given)

    async def pass_by(self, **time: float) -> None:
        """Let time go by."""
        await self.timetable.advance(timedelta(**time))

    async def became(self, mail_id: str, brand: str = "b1") -> list[Any]:
        """What the log says of a mail."""
        found = await self.store.load(Subject("members", brand, "mail", mail_id))
        return [recorded.event for recorded in found]

    async def opt(self, kind: type[OptOutOfMail | OptInToMail], to: str, brand: str = "b1") -> None:
        """Somebody opts out or in."""
        id_ = address_id(KEY.encode(), brand, to)
        now = self.timetable.clock.now()
        await self.addresses.handle(
            kind(command_id=now.isoformat(), brand=brand, actor=SYSTEM, now=now, address_id=id_)
        )


class _Crashing(CommandHandler[delivery.Mail, delivery.RecordMail, delivery.MailEvent]):
    """The handler of mails of one process, which dies `world.crashes` times before it records something."""

    def __init__(self, world: World) -> None:
        super().__init__(delivery.DECIDER, world.store, "members")
        self._world = world

    async def handle(self, command: delivery.RecordMail) -> Any:
        if self._world.crashes:
            self._world.crashes -= 1
            raise RuntimeError("killed between sending and recording")
        return await super().handle(command)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A world with a mail server."""
    with Mailbox() as mailbox:
        yield World(mailbox, transport(mailbox.url))
