"""Runs an import: lines to commands, concurrently and in bounded memory, in the order where order matters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from pathlib import Path
from typing import assert_never

from libs.cli.import_lines import (
    EventLine,
    IdeaLine,
    ImportLine,
    LineRefused,
    MemberLine,
    PostLine,
    ReplyLine,
    explain,
    kind_of,
    parse_line,
)
from libs.cli.import_plan import Plan
from libs.cli.import_reader import NumberedLine, read_lines
from libs.cli.import_report import Outcome, Report
from libs.cli.import_sender import KnownMembers, Places, Sender, voters
from libs.cli.import_window import OrderedWindow
from libs.shared.domain import Command, DomainError
from services.feedback.idea import Status

_RUNNING = 64
_WAITING = 2_048
_WAITING_BYTES = 32 << 20
_READ_AT_ONCE = 64


class Importer:
    """Imports files into one brand; a reply waits for its post, and everything for its author's joining before it."""

    def __init__(self, sender: Sender, plan: Plan, report: Report) -> None:
        self._sender = sender
        self._plan = plan
        self._report = report
        self._members = KnownMembers(sender, plan)
        self._places = Places(sender, report.count)

    async def run(self, files: Sequence[Path]) -> None:
        """Imports all lines that can be; raises `PlatformGone`, within an ExceptionGroup, when the platform is away."""
        async with OrderedWindow(running=_RUNNING, waiting=_WAITING, waiting_bytes=_WAITING_BYTES) as window:
            read_before = 0
            for path in files:
                async for found in _lines(path):
                    self._report.read(read_before + found.read_bytes)
                    await self._submit(window, found)
                read_before += path.stat().st_size

    async def _submit(self, window: OrderedWindow, found: NumberedLine) -> None:
        place = f"{found.file}:{found.number}"
        try:
            if found.fault is not None:
                raise LineRefused(found.fault)
            line = parse_line(found.data)
        except LineRefused as refused:
            self._report.refuse(place, refused.kind or "line", refused.reason)
            return
        key, after = _order(line)
        await window.submit(lambda: self._import(place, line), key=key, after=after, size=len(found.data))

    async def _import(self, place: str, line: ImportLine) -> None:
        kind = kind_of(line)
        try:
            match line:
                case MemberLine():
                    outcome = await self._sender.send(self._plan.join(line))
                    self._members.joined(line.ref)
                case PostLine():
                    outcome = await self._post(line)
                case ReplyLine():
                    outcome = await self._reply(line)
                case EventLine():
                    outcome = await self._sender.send(self._plan.schedule_event(line))
                case IdeaLine():
                    outcome = await self._idea(line)
                case _:
                    assert_never(line)
        except (LineRefused, DomainError) as refused:
            self._report.refuse(place, kind, _reason(refused))
            return
        self._report.count(kind, outcome)
        if isinstance(line, IdeaLine):
            await self._votes_and_status(place, line, outcome)

    async def _post(self, line: PostLine) -> Outcome:
        await self._members.require("author", line.author)
        opening = self._plan.create_space(line.space, line.published_at)
        space = await self._places.find("space", opening.slug, opening.space_id, opening)
        return await self._sender.send(self._plan.publish_post(line, space))

    async def _reply(self, line: ReplyLine) -> Outcome:
        await self._members.require("author", line.author)
        try:
            return await self._sender.send(self._plan.publish_reply(line))
        except DomainError as refusal:
            if refusal.code == "NOT_FOUND":
                raise LineRefused(f"unknown post {line.post!r}") from None
            raise

    async def _idea(self, line: IdeaLine) -> Outcome:
        await self._members.require("author", line.author)
        opening = self._plan.open_board(line.board, line.submitted_at)
        board = await self._places.find("board", opening.slug, opening.board_id, opening)
        return await self._sender.send(self._plan.submit_idea(line, board))

    async def _votes_and_status(self, place: str, line: IdeaLine, idea: Outcome) -> None:
        """Votes first, as they came before the idea was closed.  An idea that was there may have its votes already."""
        unknown = set(await self._members.unknown(line.supporters))
        look = idea is Outcome.ALREADY_THERE and bool(line.supporters)
        already = await voters(self._sender, self._plan.brand, self._plan.idea(line.ref)) if look else set()
        for supporter in line.supporters:
            if supporter in unknown:
                self._report.refuse(place, "vote", f"unknown supporter {supporter!r}")
            elif self._plan.member(supporter) in already:
                self._report.count("vote", Outcome.ALREADY_THERE)
            else:
                await self._part(place, "vote", self._plan.cast_vote(line, supporter))
        if line.status is not Status.SUBMITTED:
            await self._part(place, "status", self._plan.change_status(line))

    async def _part(self, place: str, thing: str, command: Command) -> None:
        try:
            self._report.count(thing, await self._sender.send(command))
        except DomainError as refused:
            self._report.refuse(place, thing, _reason(refused))


def _order(line: ImportLine) -> tuple[str, list[str]]:
    """The key under which lines run in turn, and the keys of the lines before it that it builds on."""
    match line:
        case MemberLine():
            return f"member {line.ref}", []
        case PostLine():
            return f"post {line.ref}", [f"member {line.author}"]
        case ReplyLine():
            return f"post {line.post}", [f"member {line.author}"]
        case EventLine():
            return f"event {line.ref}", []
        case IdeaLine():
            return f"idea {line.ref}", [f"member {ref}" for ref in (line.author, *line.supporters)]
        case _:
            assert_never(line)


def _reason(refused: LineRefused | DomainError) -> str:
    if isinstance(refused, LineRefused):
        return refused.reason
    message = explain(refused.message)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in refused.path).lstrip(".")
    return f"{path}: {message}" if path else message


async def _lines(path: Path) -> AsyncIterator[NumberedLine]:
    """Reads in a thread, a few lines ahead: a file may be a pipe or on a slow disk."""
    lines = read_lines(path)
    while some := await asyncio.to_thread(lambda: list(islice(lines, _READ_AT_ONCE))):
        for line in some:
            yield line
