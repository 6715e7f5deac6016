"""The command `archipel`: runs the platform on this machine, and fills or inspects a running one."""
# ruff: noqa: PLC0415 – a command imports what it needs when it runs: all services together take seconds

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from libs.access.roles import Role
from libs.cli.data_folder import MAILS, DataFolder
from libs.cli.problems import CannotRun
from libs.shared.domain import DomainError

_T = TypeVar("_T")
_STOP_SECONDS = 10

app = typer.Typer(
    name="archipel",
    help="Branded online communities: run the platform here, fill it, look into it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # they could hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _in_one_line(run: Callable[[], _T]) -> _T:
    """Runs a command; what cannot be done becomes one line on standard error and exit code 2."""
    try:
        return run()
    except CannotRun as problem:
        message = str(problem)
    except DomainError as refusal:
        message = f"the platform refuses: {refusal.message} ({refusal.code})"
    typer.secho(f"archipel: {message}", err=True, fg="red")
    raise typer.Exit(2)


def _data() -> DataFolder:
    return DataFolder(Path(os.environ.get("ARCHIPEL_DATA") or ".data"))


@app.command("up", rich_help_panel="Platform")
def up_command() -> None:
    """Start the whole platform here, with a demo community, and keep it running until Ctrl-C.

    Set by the environment: ARCHIPEL_GATEWAY_PORT (8080), ARCHIPEL_DATA (the folder .data), ARCHIPEL_DEMO=0 (no demo
    community), NATS_URL and MONGO_URL (servers of your own in place of the embedded ones), and whatever
    docs/settings.md lists, such as ARCHIPEL_LOG_LEVEL=info.
    """
    from libs.cli.up import up

    _in_one_line(lambda: up(os.environ))


@app.command("down", rich_help_panel="Platform")
def down_command() -> None:
    """Stop the platform that runs on this data folder."""
    typer.echo(_in_one_line(_down))


def _down() -> str:
    folder = _data()
    pid = folder.holder()
    if pid is None:
        return "nothing runs here"
    try:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while folder.holder() == pid and time.monotonic() < deadline:
            time.sleep(0.05)
        if folder.holder() == pid:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise CannotRun(f"the platform belongs to another user (process {pid})") from error
    return "stopped"


@app.command("token", rich_help_panel="Platform")
def token_command(
    subject: Annotated[str, typer.Option(help="Who the token is for: anybody, this issuer trusts you.")] = "ada",
) -> None:
    """Print a bearer token of the development issuer, valid for a day."""
    from libs.cli.issuer import InvalidTokenRequest, Issuer

    def token() -> str:
        folder = _data()
        identifier = folder.read("issuer.url")
        if identifier is None:
            raise CannotRun(f"no platform has run on {folder.root}: start it with `make up`")
        try:
            return Issuer.kept_in(folder, identifier.decode()).token(subject)
        except InvalidTokenRequest as error:
            raise CannotRun(str(error)) from error

    typer.echo(_in_one_line(token))


@app.command("mail", rich_help_panel="Content")
def mail_command(
    number: Annotated[int | None, typer.Argument(help="Show this mail; without it the newest are listed.")] = None,
    most: Annotated[int, typer.Option("--most", "-n", help="List so many.", min=1)] = 30,
) -> None:
    """Read the mails that the platform on this data folder has sent: they are kept here, none leaves the machine."""
    from libs.cli.mail_reader import show

    _in_one_line(lambda: show(_data().root / MAILS, number, most, Console()))


@app.command("import", rich_help_panel="Content")
def import_command(
    files: Annotated[
        list[Path], typer.Argument(help="JSON Lines files, plain or gzipped.", exists=True, dir_okay=False)
    ],
    brand: Annotated[str, typer.Option(help="The slug of the brand.")],
    create: Annotated[bool, typer.Option("--create", help="Create the brand when there is none.")] = False,
) -> None:
    """Bring members, posts, replies, events and ideas into a brand.  A repeat brings nothing twice."""
    from libs.cli.client import Target
    from libs.cli.import_report import Report
    from libs.cli.importer import import_files
    from libs.shared import logs

    logs.configure("error", "console", "import", stream=sys.stderr)
    report = Report(Console(), Console(stderr=True))

    async def run() -> None:
        target = Target.find(os.environ, _data())
        async with target.bus() as bus:
            await import_files(bus, target.identity_key, brand, files, report, create=create)

    _in_one_line(lambda: asyncio.run(run()))
    if report.refused:
        raise typer.Exit(1)


@app.command("invite", rich_help_panel="Content")
def invite_command(
    files: Annotated[
        list[Path], typer.Argument(help="CSV files with a column of addresses.", exists=True, dir_okay=False)
    ],
    *,
    brand: Annotated[str, typer.Option(help="The slug of the brand.")],
    role: Annotated[Role, typer.Option(help="The role that accepting gives, where a row has none.")] = Role.MEMBER,
    language: Annotated[str | None, typer.Option(help="The language of the mails, BCP 47; else the brand's.")] = None,
    message: Annotated[str | None, typer.Option(help="Words to be added to each mail.")] = None,
    days: Annotated[int, typer.Option(help="How long the invitations hold.", min=1, max=90)] = 14,
    refused: Annotated[Path | None, typer.Option(help="Write the rows that were refused to this CSV file.")] = None,
) -> None:
    """Invite everybody in CSV files by e-mail.  Who is invited already is not invited again.

    Any encoding and delimiter.  The first row names the columns: email, name (or first name and last name), role,
    language; others are left alone.
    """
    from libs.cli.client import Target
    from libs.cli.import_report import Report
    from libs.cli.inviting import invite_files
    from libs.shared import logs

    logs.configure("error", "console", "invite", stream=sys.stderr)
    report = Report(Console(), Console(stderr=True))
    wish = {"role": role, "language": language, "message": message, "valid_days": days}

    async def run() -> None:
        target = Target.find(os.environ, _data())
        async with target.bus() as bus:
            await invite_files(bus, brand, files, report, refused=refused, **wish)

    _in_one_line(lambda: asyncio.run(run()))
    if report.refused:
        raise typer.Exit(1)


@app.command("demo", rich_help_panel="Content")
def demo_command() -> None:
    """Bring the demo community into the running platform.  A repeat changes nothing."""
    from libs.cli.client import Target
    from libs.cli.demo import import_demo
    from libs.cli.import_report import Report
    from libs.shared import logs

    logs.configure("error", "console", "demo", stream=sys.stderr)
    report = Report(Console(), Console(stderr=True))

    async def run() -> None:
        folder = _data()
        target = Target.find(os.environ, folder)
        issuer = os.environ.get("ARCHIPEL_ISSUER") or folder.running().issuer
        async with target.bus() as bus:
            await import_demo(bus, target.identity_key, issuer, report)

    _in_one_line(lambda: asyncio.run(run()))
    if report.refused:
        raise typer.Exit(1)


@app.command("rebuild", rich_help_panel="Development")
def rebuild_command(
    service: Annotated[str, typer.Argument(help="The service that has the view.")],
    view: Annotated[str, typer.Argument(help="The view; a wrong name lists those there are.")],
) -> None:
    """Fill a view anew from the first event, beside the one that serves, and switch to it."""
    from rich.progress import Progress as Bar

    from libs.cli.client import Target
    from libs.cli.rebuild import rebuild_view
    from libs.shared.rebuild import Progress

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{service} {view}", total=None)

        def show(done: Progress) -> None:
            bar.update(task, completed=done.sequence, total=done.sequence + done.left)

        target = _in_one_line(lambda: Target.find(os.environ, _data()))
        generation = _in_one_line(lambda: asyncio.run(rebuild_view(target, service, view, show)))
    typer.echo(f"{view} is served from {generation}")


@app.command("rotate-keys", rich_help_panel="Platform")
def rotate_keys_command() -> None:
    """Wrap every member's key with the newest of ARCHIPEL_MASTER_KEYS; the others can be taken away afterwards."""
    from rich.progress import Progress as Bar

    from libs.cli.client import Target
    from libs.cli.rotation import rotate_keys
    from libs.shared.rotation import Rotated

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("keys", total=None)

        def show(done: Rotated) -> None:
            bar.update(task, completed=done.keys, total=done.keys + done.left)

        target = _in_one_line(lambda: Target.find(os.environ, _data()))
        keys = _in_one_line(lambda: asyncio.run(rotate_keys(target, show)))
    typer.echo(f"{keys} keys were wrapped anew")


@app.command("catalogue", rich_help_panel="Development")
def catalogue_command() -> None:
    """Bring docs/catalogue and docs/settings.md up to date with the code."""
    from libs.cli import catalogue

    for path in catalogue.write(Path.cwd()):
        typer.echo(path)


@app.command("publish-schema", rich_help_panel="Development")
def publish_schema_command(
    because: Annotated[str, typer.Option(help="Why clients have to change; needed when something breaks.")] = "",
) -> None:
    """Bring services/gateway/schema.graphql, which clients were promised, up to date with the code.

    What breaks is written down in docs/schema-history.md.
    """
    from libs.cli.schema_history import publish
    from services.gateway.schema import text

    for change in _in_one_line(lambda: publish(Path.cwd(), text(), because, datetime.now(UTC).date())):
        typer.echo(change)


if __name__ == "__main__":
    app()
