"""Mails over a real SMTP server: sent once when all goes well, at least once whatever crashes, and never for ever."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from libs.shared.settings import SettingsError
from libs.shared.testing.mailbox import Mailbox
from services.members.mail import mailer as mailer_module
from services.members.mail.address import OptInToMail, OptOutOfMail
from services.members.mail.delivery import MailGivenUp, MailRefused, MailSent, MailWithheld, Withheld
from services.members.mail.links import Links
from services.members.mail.message import build
from services.members.mail.smtp import Away, transport
from services.members.mail.tests.test_message import PLAIN
from services.members.mail.tests.world import KEY, World
from services.members.mail.tests.world import world as make

ADA, BOB = "ada@example.org", "bob@example.org"
SENT = MailSent(kind="invitation", about="i1")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with make() as made:
        yield made


async def test_a_mail_is_sent_with_its_headers_and_recorded_once(world: World) -> None:
    world.say("i1", ADA)
    async with world.process() as mailer:
        for _ in range(3):
            await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(seconds=1)
        await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(days=30)
    [mail] = world.mailbox.of(ADA)
    assert await world.became("x1") == [SENT]
    assert mail["From"] == "Brand b1 <club@example.org>" and mail["Message-ID"] == "<x1@example.org>"
    assert mail["Subject"] == "Ada vous invite à rejoindre Brand b1", "in the brand's language"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<https://x\.example/mail/(.+)>", mail["List-Unsubscribe"])
    assert link and Links(KEY.encode()).read(link[1]).brand == "b1"
    text = mail.get_body(("plain",))
    assert text is not None and link[1] in text.get_content()


async def test_a_mail_waits_for_its_time(world: World) -> None:
    world.say("i1", ADA)
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1", at=world.timetable.clock.now() + timedelta(days=2))
        await world.pass_by(days=1)
        assert world.mailbox.all == []
        await world.pass_by(days=1)
    assert len(world.mailbox.of(ADA)) == 1


async def test_a_mail_refused_for_good_is_recorded_and_holds_up_no_other(world: World) -> None:
    world.say("i1", ADA)
    world.say("i2", BOB)
    world.mailbox.replies[ADA] = ["550 5.1.1 no such user ada@example.org"]
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await mailer.send("x2", "b1", "invitation", "i2")
        await world.pass_by(days=5)
    assert await world.became("x1") == [MailRefused(kind="invitation", about="i1", reply_code=550)]
    assert (world.mailbox.attempts[ADA], len(world.mailbox.of(BOB))) == (1, 1)
    assert world.mailbox.connections == 1, "a refusal says nothing about the connection"


async def test_a_mail_put_off_comes_later_and_later(world: World) -> None:
    world.say("i1", ADA)
    world.say("i2", BOB)
    world.mailbox.replies[ADA] = ["451 4.7.1 greylisted"] * 2
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await mailer.send("x2", "b1", "invitation", "i2")
        await world.pass_by(seconds=30)
        assert (world.mailbox.attempts[ADA], len(world.mailbox.of(BOB))) == (1, 1)
        await world.pass_by(minutes=1)
        assert world.mailbox.attempts[ADA] == 2
        await world.pass_by(minutes=4)
    assert (world.mailbox.attempts[ADA], len(world.mailbox.of(ADA))) == (3, 1)
    assert await world.became("x1") == [SENT]


async def test_a_mail_is_given_up_after_days(world: World) -> None:
    world.say("i1", ADA)
    world.mailbox.replies[ADA] = ["451 4.7.1 never"] * 1_000
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(days=30)
    assert await world.became("x1") == [MailGivenUp(kind="invitation", about="i1")]
    assert 15 < world.mailbox.attempts[ADA] < 40
    assert world.timetable.waiting == {}


async def test_a_server_that_is_away_is_not_asked_for_each_mail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        world.say(f"i{number}", f"m{number}@example.org")
    attempts = 0
    deliver = world.transport.deliver

    async def counting(mail: object, sender: str, to: str) -> None:
        nonlocal attempts
        attempts += 1
        await deliver(mail, sender, to)  # type: ignore[arg-type]

    monkeypatch.setattr(world.transport, "deliver", counting)
    world.mailbox.stop()
    async with world.process() as mailer:
        for number in range(10):
            await mailer.send(f"x{number}", "b1", "invitation", f"i{number}")
        await world.pass_by(seconds=10)
        assert attempts == 1
        with world.mailbox:
            await world.pass_by(minutes=5)
    assert len(world.mailbox.all) == 10


async def test_a_crash_between_sending_and_recording_sends_the_same_mail_again(world: World) -> None:
    world.say("i1", ADA)
    world.crashes = 1
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(minutes=1)
    mails = world.mailbox.of(ADA)
    assert [mail["Message-ID"] for mail in mails] == ["<x1@example.org>"] * 2, "mailboxes know it by its Message-ID"
    assert await world.became("x1") == [SENT]


async def test_a_process_that_dies_leaves_its_mails_to_the_next(world: World) -> None:
    world.say("i1", ADA)
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1", at=world.timetable.clock.now() + timedelta(hours=1))
    async with world.process():
        await world.pass_by(hours=2)
    assert len(world.mailbox.of(ADA)) == 1


async def test_a_connection_that_breaks_after_the_mail_is_tried_again(world: World) -> None:
    world.say("i1", ADA)
    world.mailbox.replies[ADA] = ["drop"]
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(minutes=2)
    assert len({mail["Message-ID"] for mail in world.mailbox.of(ADA)}) == 1
    assert len(world.mailbox.of(ADA)) == 2
    assert await world.became("x1") == [SENT]


async def test_a_connection_is_kept_and_replaced_when_the_server_ended_it(world: World) -> None:
    for number in range(5):
        world.say(f"i{number}", ADA)
    async with world.process() as mailer:
        for number in range(4):
            await mailer.send(f"x{number}", "b1", "invitation", f"i{number}")
            await world.pass_by(seconds=1)
        assert world.mailbox.connections == 1
        world.mailbox.stop()
        with world.mailbox:
            await mailer.send("x4", "b1", "invitation", "i4")
            await world.pass_by(seconds=1)
            assert len(world.mailbox.of(ADA)) == 5


async def test_who_opted_out_gets_nothing_of_that_brand_until_they_opt_in(world: World) -> None:
    for about in ("i1", "i2", "i3"):
        world.say(about, "Ada@example.org" if about == "i1" else ADA)
    await world.opt(OptOutOfMail, "ADA@example.org")
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await mailer.send("x2", "b2", "invitation", "i2")
        await world.pass_by(days=400)
        assert await world.became("x1") == [MailWithheld(kind="invitation", about="i1", reason=Withheld.OPTED_OUT)]
        assert [mail["Message-ID"] for mail in world.mailbox.all] == ["<x2@example.org>"], "another brand's mails come"
        await world.opt(OptInToMail, ADA)
        await mailer.send("x3", "b1", "invitation", "i3")
        await world.pass_by(seconds=1)
    assert len(world.mailbox.of(ADA)) == 2


async def test_a_mail_about_what_is_gone_is_not_sent(world: World) -> None:
    world.drafts["i1"] = None
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(days=1)
    assert await world.became("x1") == [MailWithheld(kind="invitation", about="i1", reason=Withheld.NOTHING_TO_SAY)]
    assert world.mailbox.all == []


@pytest.mark.parametrize("to", ["ada@example.org\r\nBcc: eve@example.org", "no address", "ada@example.org, eve@x.org"])
async def test_what_cannot_be_a_mail_is_recorded_and_not_tried_again(world: World, to: str) -> None:
    world.say("i1", to)
    async with world.process() as mailer:
        await mailer.send("x1", "b1", "invitation", "i1")
        await world.pass_by(days=1)
    assert await world.became("x1") == [MailWithheld(kind="invitation", about="i1", reason=Withheld.UNFIT)]
    assert world.mailbox.all == []


async def test_no_address_and_no_text_in_logs_schedules_and_the_log_of_events(world: World) -> None:
    world.say("i1", ADA, message="between us")
    world.say("i2", BOB, message="between us")
    world.mailbox.replies[ADA] = ["451 try later ada@example.org", "550 no such user ada@example.org"]
    with capture_logs() as logs:
        async with world.process() as mailer:
            await mailer.send("x1", "b1", "invitation", "i1")
            await mailer.send("x2", "b1", "invitation", "i2")
            await world.pass_by(seconds=1)
            waiting = repr(world.timetable.waiting)
            await world.pass_by(days=1)
    stored = b"".join(message.data + message.subject.encode() for message in world.store.messages)
    for said in (repr(logs), waiting, stored.decode()):
        assert "ada@" not in said.lower() and "bob@" not in said and "between us" not in said
    assert logs, "there was something to say"


async def test_kinds_have_one_writer(world: World) -> None:
    async with world.process() as mailer:
        with pytest.raises(ValueError, match="twice"):
            mailer.writes("invitation", mailer_module.Write)  # type: ignore[arg-type]


async def test_a_platform_without_a_server_keeps_its_mails_waiting() -> None:
    with pytest.raises(Away):
        await transport("").deliver(None, "a", "b")  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["http://x", "smtp://", "x", "smtp://user:secret@h:port"])
def test_a_setting_that_is_no_server_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        transport(url)
    assert "ARCHIPEL_SMTP_URL" in str(caught.value) and "secret" not in str(caught.value)


async def test_a_server_without_starttls_is_no_server_for_a_password() -> None:
    with Mailbox() as mailbox:
        over = transport(f"smtp://user:secret@127.0.0.1:{mailbox.port}")
        with pytest.raises(Away):
            async with asyncio.timeout(20):
                await over.deliver(build(PLAIN, "t", "h"), "a@example.org", ADA)
