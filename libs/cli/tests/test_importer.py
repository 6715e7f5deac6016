"""A whole import against the services' deciders: order, repeats, refusals, lost answers."""

import gzip
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from libs.cli import import_brand, import_sender
from libs.cli.import_report import Outcome, Report
from libs.cli.importer import import_files
from libs.cli.problems import CannotRun
from libs.cli.tests.import_platform import FakePlatform
from services.discussions.space import SpaceCreated
from services.discussions.thread import PostPublished, PublishReply, ReplyPublished
from services.events.event import EventScheduled
from services.feedback.idea import IdeaStatusChanged, IdeaSubmitted, Status
from services.feedback.vote import VoteCast
from services.members.member import JoinBrand, MemberJoined

KEY = b"k" * 32
AT = "2020-01-01T00:00:00Z"


def member(ref: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "member", "ref": ref, "display_name": ref.upper(), "joined_at": AT, **fields}


def post(ref: str, author: str, **fields: Any) -> dict[str, Any]:
    content = {"space": "General", "title": "T", "body": "B", "published_at": AT}
    return {"kind": "post", "ref": ref, "author": author, **content, **fields}


def reply(ref: str, to: str, author: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "reply", "ref": ref, "post": to, "author": author, "body": ref, "published_at": AT, **fields}


def event(ref: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "event", "ref": ref, "title": "E", "format": "online", "starts_on": "2020-05-01", **fields}


def idea(ref: str, author: str, supporters: list[str], **fields: Any) -> dict[str, Any]:
    content = {"board": "Wishes", "title": "I", "body": "", "status": "shipped", "submitted_at": AT}
    return {"kind": "idea", "ref": ref, "author": author, "supporters": supporters, **content, **fields}


MEMBERS = [member(f"m{number}") for number in range(6)]
EVERYTHING = [
    *MEMBERS,
    post("p1", "m1"),
    *(reply(f"r{number}", "p1", f"m{number % 6}") for number in range(40)),
    post("p2", "m2", space="Maths"),
    event("e1"),
    idea("i1", "m1", ["m2", "m3", "m4", "m5"]),
    idea("i2", "m1", [], status="submitted"),
]


@dataclass
class Run:
    folder: Path
    platform: FakePlatform = field(default_factory=FakePlatform)
    said: str = ""

    async def __call__(self, *lines: dict[str, Any] | bytes, create: bool = True) -> Report:
        data = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        path = self.folder / "file.jsonl.gz"
        path.write_bytes(gzip.compress(data))
        screen = io.StringIO()
        console = Console(file=screen, width=200)
        report = Report(console, console)
        try:
            await import_files(self.platform, KEY, "acme", [path], report, create=create)
        finally:
            self.said = screen.getvalue()
        return report


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def created(report: Report) -> dict[str, int]:
    return {thing: report.of(thing, Outcome.CREATED) for thing in import_things(report)}


def import_things(report: Report) -> list[str]:
    things = ["member", "space", "post", "reply", "event", "board", "idea", "vote", "status", "line"]
    return [thing for thing in things if any(report.of(thing, outcome) for outcome in Outcome)]


async def test_everything_comes_in_with_its_original_time(run: Run) -> None:
    report = await run(*EVERYTHING)
    assert created(report) == {
        **{"member": 6, "space": 2, "post": 2, "reply": 40},
        **{"event": 1, "board": 1, "idea": 2, "vote": 4, "status": 1},
    }
    assert report.refused == 0
    platform = run.platform
    assert len(platform.events(MemberJoined)) == 6
    assert {found.slug for found in platform.events(SpaceCreated)} == {"general", "maths"}
    assert len(platform.events(PostPublished)) == 2
    assert {command.now for command in platform.commands(JoinBrand)} == {datetime(2020, 1, 1, tzinfo=UTC)}
    (scheduled,) = platform.events(EventScheduled)
    assert scheduled.all_day
    assert len(platform.events(IdeaSubmitted)) == 2
    assert [found.status for found in platform.events(IdeaStatusChanged)] == [Status.SHIPPED]
    assert f"{len(EVERYTHING)} lines in" in run.said


async def test_replies_of_a_thread_keep_the_order_of_the_file(run: Run) -> None:
    await run(*EVERYTHING)
    assert [found.body for found in run.platform.events(ReplyPublished)] == [f"r{number}" for number in range(40)]
    assert [found.number for found in run.platform.events(ReplyPublished)] == list(range(1, 41))


async def test_votes_come_before_the_status(run: Run) -> None:
    await run(*EVERYTHING)
    kinds = [type(found) for _, _, found in run.platform.log if isinstance(found, VoteCast | IdeaStatusChanged)]
    assert kinds == [VoteCast] * 4 + [IdeaStatusChanged]


async def test_a_second_run_creates_nothing(run: Run) -> None:
    first = await run(*EVERYTHING)
    before = len(run.platform.log)
    second = await run(*EVERYTHING, create=False)
    assert len(run.platform.log) == before
    assert sum(created(second).values()) == 0
    for thing in import_things(first):
        assert second.of(thing, Outcome.ALREADY_THERE) == first.of(thing, Outcome.CREATED)


async def test_a_thread_that_no_longer_remembers_its_replies_is_not_told_to_be_new(run: Run) -> None:
    run.platform.remembers = 10
    await run(*EVERYTHING)
    before = len(run.platform.log)
    again = await run(*EVERYTHING, reply("late", "p1", "m1"))
    assert len(run.platform.log) == before + 1
    assert (again.of("reply", Outcome.CREATED), again.of("reply", Outcome.ALREADY_THERE)) == (1, 40)


async def test_lost_answers_are_asked_for_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(*MEMBERS[:1])
    run.platform.lose_answers = 20
    report = await run(*EVERYTHING)
    assert report.refused == 0
    assert len(run.platform.events(ReplyPublished)) == 40
    assert len(run.platform.events(VoteCast)) == 4


async def test_bad_lines_are_told_by_number_and_the_rest_comes_in(run: Run) -> None:
    report = await run(
        member("m1"),
        b"{",
        {"kind": "badge"},
        post("p1", "nobody"),
        post("p2", "m1"),
        reply("r1", "p9", "m1"),
        reply("r2", "p2", "nobody"),
        reply("r3", "p2", "m1"),
        idea("i1", "m1", ["nobody", "m1"]),
        event("e1", sessions=[{"title": "S", "url": "ftp://example.org/x"}]),
        {**member("m2"), "age": 3},
        b"\xff",
    )
    lines = [line.rstrip() for line in run.said.splitlines() if line.startswith("file.jsonl.gz:")]
    told = {int(line.split(":")[1]): line.split(": ", 1)[1] for line in lines}
    assert sorted(told) == [2, 3, 4, 6, 7, 9, 10, 11, 12]
    assert told[2].startswith("not JSON")
    assert told[3].startswith("unknown kind 'badge'")
    assert told[4] == "unknown author 'nobody'"
    assert told[6] == "unknown post 'p9'"
    assert told[7] == "unknown author 'nobody'"
    assert told[9] == "unknown supporter 'nobody'"
    assert told[10].startswith("sessions[0].url: has not the documented form")
    assert told[11] == "unknown field `age`"
    assert told[12].startswith("not valid UTF-8")
    assert created(report) == {
        **{"member": 1, "space": 1, "post": 1, "reply": 1, "event": 0},
        **{"board": 1, "idea": 1, "vote": 1, "status": 1, "line": 0},
    }
    assert report.refused == 9


async def test_authors_of_an_earlier_import_are_known(run: Run) -> None:
    await run(*MEMBERS)
    report = await run(post("p1", "m1"), idea("i1", "m1", ["m2", "m3"]), create=False)
    assert report.refused == 0
    assert report.of("vote", Outcome.CREATED) == 2


async def test_a_space_or_board_that_people_opened_is_used(run: Run) -> None:
    run.platform.slugs_taken = {"general": "their-space", "wishes": "their-board"}
    report = await run(*MEMBERS, post("p1", "m1"), idea("i1", "m1", []))
    assert report.refused == 0
    assert [found.space_id for found in run.platform.events(PostPublished)] == ["their-space"]
    assert [found.board_id for found in run.platform.events(IdeaSubmitted)] == ["their-board"]
    assert report.of("space", Outcome.ALREADY_THERE) == 1


async def test_a_missing_brand_is_not_created_unasked(run: Run) -> None:
    with pytest.raises(CannotRun, match="there is no brand 'acme'"):
        await run(*MEMBERS, create=False)
    assert not run.platform.log


async def test_the_brand_has_no_members_but_the_imported(run: Run) -> None:
    await run(*MEMBERS)
    assert len(run.platform.events(MemberJoined)) == len(MEMBERS)


async def test_a_platform_that_is_away_is_one_clear_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_brand, "_ANSWER_SECONDS", 0.01)
    run.platform.down = True
    with pytest.raises(CannotRun, match="the platform does not answer"):
        await run(*MEMBERS)


async def test_a_platform_that_goes_away_stops_the_import(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(*MEMBERS)
    monkeypatch.setattr(import_sender.Sender.__init__, "__kwdefaults__", {"patience_seconds": 0.01})
    decide = run.platform._decide

    def fail(service: str, decider: Any, command: Any) -> Any:
        run.platform.down = run.platform.down or isinstance(command, PublishReply)
        return decide(service, decider, command)

    monkeypatch.setattr(run.platform, "_decide", fail)
    with pytest.raises(CannotRun, match="run the import again, nothing comes in twice"):
        await run(*EVERYTHING)
