"""The mailbox of a platform on one machine, over SMTP, and how `archipel mail` shows what is in it."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib
import pytest
from rich.console import Console
from typer.testing import CliRunner

from libs.cli import mailbox
from libs.cli.data_folder import MAILS
from libs.cli.embedded import answers
from libs.cli.mail_reader import kept, show
from libs.cli.main import app
from libs.cli.problems import CannotRun
from libs.shared.ports import LOOPBACK, free_ports
from libs.shared.testing.tasks import end


def mail(subject: str, text: str = "Hello\n") -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "Club <club@example.org>", "ada@example.org", subject
    made["Date"] = "Sun, 01 Mar 2026 12:00:00 +0000"
    made.set_content(text)
    return made


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A running mailbox on the folder `mail`."""
    [chosen] = free_ports(1)
    (tmp_path / MAILS).mkdir()
    running = asyncio.create_task(mailbox.serve(chosen, tmp_path / MAILS))
    async with asyncio.timeout(20):
        while not await answers(LOOPBACK, chosen, greeting=b"220 "):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    yield chosen
    await end(running)


async def send(port: int, *mails: EmailMessage) -> None:
    for one in mails:
        await aiosmtplib.send(one, hostname=LOOPBACK, port=port, start_tls=False)


def shown(folder: Path, number: int | None = None, most: int = 30) -> str:
    console = Console(width=100, record=True, force_terminal=False)
    show(folder / MAILS, number, most, console)
    return console.export_text()


async def test_what_is_sent_is_kept_and_shown(port: int, tmp_path: Path) -> None:
    assert "no mails yet" in shown(tmp_path)
    await send(port, mail("Willkommen, Zoë"), mail("Second"))
    lines = shown(tmp_path).splitlines()
    assert "Willkommen, Zoë" in lines[1] and "ada@example.org" in lines[1] and lines[1].strip().startswith("1")
    assert "Second" in lines[2]
    assert "Willkommen" not in shown(tmp_path, most=1)
    text = shown(tmp_path, 1)
    assert "Hello" in text and "From" in text and "Club <club@example.org>" in text
    with pytest.raises(CannotRun, match="there is no mail 3"):
        shown(tmp_path, 3)


async def test_a_mail_does_not_steer_the_terminal(port: int, tmp_path: Path) -> None:
    await send(port, mail("x", "\x1b[31mred\x1b[0m\x07 [bold]not markup[/bold]\n"))
    text = shown(tmp_path, 1)
    assert "\x1b" not in text and "\x07" not in text
    assert "[bold]not markup[/bold]" in text


async def test_old_mails_are_thrown_away_and_no_number_comes_back(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "KEPT_MAILS", 2)
    await send(port, *(mail(str(number)) for number in range(4)))
    assert [one.number for one in kept(tmp_path / MAILS)] == [3, 4]
    assert [one.number for one in mailbox.Folder(tmp_path / MAILS)._mails] == [3, 4]
    assert mailbox.Folder(tmp_path / MAILS)._next == 5


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIPEL_DATA", str(tmp_path))
    run = CliRunner()
    assert "no mails yet" in run.invoke(app, ["mail"]).output
    (tmp_path / MAILS).mkdir()
    (tmp_path / MAILS / "000007.eml").write_bytes(mail("Only one").as_bytes())
    assert "Only one" in run.invoke(app, ["mail"]).output
    assert "Hello" in run.invoke(app, ["mail", "7"]).output
    refused = run.invoke(app, ["mail", "8"])
    assert refused.exit_code == 2
