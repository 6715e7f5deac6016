"""`archipel invite`: invites everybody in CSV files into a brand.  Who is invited already is not invited again."""

import asyncio
import csv
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from libs.access.roles import Role
from libs.cli.contacts import BadRow, Columns, Contact, fields_of, neutral_row
from libs.cli.csv_reader import Record, read_records
from libs.cli.import_brand import find_brand
from libs.cli.import_report import Report
from libs.cli.import_sender import Bus, PlatformGone, Sender
from libs.cli.import_window import OrderedWindow
from libs.cli.problems import CannotRun
from libs.shared.domain import SYSTEM, BrandId, DomainError
from libs.shared.ids import derived_id, uuid7
from services.members.invitations.invitation import VALID_DAYS, InviteMember

_THING: Final = "invitation"
_RUNNING: Final = 64
_WAITING: Final = 1_024
_WAITING_BYTES: Final = 8 << 20
_READ_AT_ONCE: Final = 256


class Refused(Protocol):
    """Where rows that were refused are written to."""

    def writerow(self, row: list[str]) -> object:
        """One row."""


class Inviter:
    """Invites the contacts of files; each run is one attempt, in which an address counts once."""

    def __init__(
        self, sender: Sender, brand: BrandId, report: Report, refused: Refused | None = None, **wish: Any
    ) -> None:
        self._sender = sender
        self._brand = brand
        self._report = report
        self._refused = refused
        self._wish: dict[str, Any] = {"role": Role.MEMBER, "valid_days": VALID_DAYS} | wish
        self._run = uuid7()

    async def run(self, files: Sequence[Path]) -> None:
        """Invite everybody who can be; raises `CannotRun`, and `PlatformGone` within an ExceptionGroup."""
        async with OrderedWindow(running=_RUNNING, waiting=_WAITING, waiting_bytes=_WAITING_BYTES) as window:
            read_before = 0
            for path in files:
                columns: Columns | None = None
                async for record in _records(path):
                    self._report.read(read_before + record.read_bytes)
                    if record.fault is not None:
                        self._refuse(path, record, record.fault)
                        continue
                    if columns is None:
                        columns = Columns.of(record.cells)
                        if columns.headed:
                            continue
                    await self._submit(window, path, record, columns)
                read_before += path.stat().st_size

    async def _submit(self, window: OrderedWindow, path: Path, record: Record, columns: Columns) -> None:
        try:
            contact = columns.contact(record.cells)
        except BadRow as bad:
            self._refuse(path, record, str(bad))
            return
        key = contact.address.lower()
        await window.submit(lambda: self._invite(path, record, contact), key=key, after=(), size=record.size)

    async def _invite(self, path: Path, record: Record, contact: Contact) -> None:
        command = InviteMember(
            command_id=derived_id("invite", self._run, contact.address.lower()),
            brand=self._brand,
            actor=SYSTEM,
            now=datetime.now(UTC),
            **(self._wish | fields_of(contact)),
        )
        try:
            self._report.count(_THING, await self._sender.send(command))
        except DomainError as refusal:
            self._refuse(path, record, f"{refusal.message} ({refusal.code})")

    def _refuse(self, path: Path, record: Record, reason: str) -> None:
        self._report.refuse(f"{path.name}:{record.number}", _THING, reason)
        if self._refused is not None:
            self._refused.writerow(neutral_row([record.number, reason, *record.cells]))


async def invite_files(
    bus: Bus, slug: str, files: Sequence[Path], report: Report, *, refused: Path | None = None, **wish: Any
) -> None:
    """Invites the contacts of files into the brand with that slug; what was refused is written to a CSV file too.

    Raises `CannotRun` when there is no such brand, a file has no addresses, or the platform stays away.
    """
    brand = await find_brand(bus, slug, datetime.now(UTC), create=False)
    try:
        with report.showing(sum(path.stat().st_size for path in files)), _writing(refused) as rows:
            sender = Sender(bus)
            await Inviter(sender, brand, report, rows, **wish).run(files)
            report.decided()
            await sender.ask("members", "invitations_get_many", list[Any], brand=brand, ids=["none"])  # waits
    except ExceptionGroup as problems:
        problem = problems.exceptions[0]
        if isinstance(problem, PlatformGone):
            message = f"the platform stopped answering ({problem}): run it again, nobody is invited twice"
            raise CannotRun(message) from problem
        raise problem from None
    report.summary(slug, title="Invitations to")


@contextmanager
def _writing(path: Path | None) -> Iterator[Refused | None]:
    """Where to write refused rows, as UTF-8 that spreadsheets know by its byte order mark."""
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise CannotRun(f"cannot write {path}: {error.strerror or error}") from error
    with file:
        rows = csv.writer(file)
        rows.writerow(["line", "reason", "cells"])
        yield rows


async def _records(path: Path) -> AsyncIterator[Record]:
    """Reads in a thread, some records ahead."""
    records = read_records(path)
    while some := await asyncio.to_thread(lambda: list(islice(records, _READ_AT_ONCE))):
        for record in some:
            yield record
