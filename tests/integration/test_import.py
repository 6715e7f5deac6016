"""`archipel import` as a process against the running platform: what it brings, repeats, refusals, exit codes."""

import asyncio
import gzip
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from libs.shared.bus import BusClient
from libs.shared.domain import NO_BRAND, SYSTEM
from libs.shared.ids import derived_id, uuid7
from libs.shared.ports import free_port
from libs.shared.testing.platform import Platform

DATA = Path(__file__).parents[1] / "data"
COMMUNITY, BROKEN = DATA / "community.jsonl", DATA / "broken.jsonl"


@dataclass
class Finished:
    """How the command ended and what it said."""

    code: int
    out: str
    err: str

    def row(self, thing: str) -> list[int]:
        """The counts of a row of the summary: created, already there, refused."""
        cells = next(line for line in self.out.splitlines() if f" {thing} " in line).replace("│", " ").split()
        return [int(cell.replace(",", "")) for cell in cells[1:]]


async def archipel(platform: Platform, *arguments: str, **environment: str) -> Finished:
    env = {
        **os.environ,
        "NATS_URL": platform.nats_url,
        "ARCHIPEL_IDENTITY_KEY": platform.identity_key.decode(),
        "COLUMNS": "200",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "libs.cli.main", "import", *arguments),
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Finished(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Reader:
    """Asks the services about one brand."""

    bus: BusClient
    brand: str

    async def __call__(self, service: str, name: str, **fields: Any) -> Any:
        return await self.bus.query(service, name, {"brand": self.brand, "viewer": SYSTEM, **fields}, Any)

    async def brand_view(self, slug: str) -> Any:
        fields = {"brand": NO_BRAND, "viewer": SYSTEM, "slug": slug}
        return await self.bus.query("members", "brand_by_slug", fields, Any)

    def id(self, kind: str, *refs: str) -> str:
        return derived_id(self.brand, kind, *refs)


async def reader(bus: BusClient, slug: str) -> Reader:
    made = Reader(bus, "")
    made.brand = (await made.brand_view(slug))["id"]
    return made


@pytest.fixture
def slug() -> str:
    return f"import-{uuid7()[-12:]}"


async def test_a_community_comes_in_and_a_second_time_changes_nothing(platform: Platform, slug: str) -> None:
    first = await archipel(platform, "--brand", slug, "--create", str(COMMUNITY))
    assert (first.code, first.err) == (0, "")
    counts = {
        "member": 4,
        "space": 2,
        "post": 2,
        "reply": 13,
        "event": 2,
        "board": 1,
        "idea": 2,
        "vote": 3,
        "status": 1,
    }
    assert {thing: first.row(thing) for thing in counts} == {thing: [count, 0, 0] for thing, count in counts.items()}
    async with platform.bus() as bus:
        ask = await reader(bus, slug)
        before = await _everything(ask, slug)
    _check(before)

    second = await archipel(platform, "--brand", slug, str(COMMUNITY))
    assert (second.code, second.err) == (0, "")
    assert {thing: second.row(thing) for thing in counts} == {thing: [0, count, 0] for thing, count in counts.items()}
    async with platform.bus() as bus:
        assert await _everything(await reader(bus, slug), slug) == before


async def _everything(ask: Reader, slug: str) -> dict[str, Any]:
    return {
        "brand": await ask.brand_view(slug),
        "members": await ask("members", "member_page"),
        "spaces": await ask("discussions", "space_page"),
        "posts": await ask("discussions", "post_page"),
        "replies": await ask("discussions", "reply_page", thread_id=ask.id("post", "p1"), page={"first": 50}),
        "others": await ask("discussions", "reply_page", thread_id=ask.id("post", "p2")),
        "events": await ask("events", "events_get_many", ids=[ask.id("event", "e1"), ask.id("event", "e2")]),
        "agendas": await ask("events", "agendas_get_many", ids=[ask.id("event", "e1")]),
        "ideas": await ask("feedback", "ideas_get_many", ids=[ask.id("idea", "i1"), ask.id("idea", "i2")]),
        "voters": await ask("feedback", "voter_page", idea_id=ask.id("idea", "i1")),
    }


def _check(found: dict[str, Any]) -> None:
    assert found["brand"]["member_count"] == 4
    names = [member["display_name"] for member in found["members"]["items"]]
    assert names == ["Dee", "Chi 智", "Ben", "Ada Lind"]  # by the original times, newest first
    assert _time(found["members"]["items"][1]["joined_at"]) == datetime(2019, 3, 31, 22, tzinfo=UTC)
    assert [space["slug"] for space in found["spaces"]["items"]] == ["general", "repair-cafe"]
    assert [post["title"] for post in found["posts"]["items"]] == ["A rattling mudguard", "Which lamp for dark roads?"]
    first = found["posts"]["items"][1]
    assert first["reply_count"] == 12
    assert [tag["name"] for tag in first["tags"]] == ["lamps", "night rides"]
    assert _time(first["published_at"]) == datetime(2019, 6, 1, 18, tzinfo=UTC)
    replies = found["replies"]["items"]
    assert [reply["number"] for reply in replies] == list(range(1, 13))
    assert [reply["body"] for reply in replies] == [
        "" if number == 5 else f"Answer {number}" for number in range(1, 13)
    ]
    assert [reply["body"] for reply in found["others"]["items"]] == ["The same ref under another post."]
    ride, workshop = found["events"]
    assert (ride["format"], ride["all_day"], ride["session_count"]) == ("hybrid", True, 2)
    assert _time(ride["starts_at"]) == datetime(2019, 7, 1, tzinfo=UTC)
    assert _time(ride["ends_at"]) == datetime(2019, 7, 3, tzinfo=UTC)
    assert _time(workshop["ends_at"]) == datetime(2019, 8, 2, tzinfo=UTC)
    opening = found["agendas"][0][0]
    assert (opening["title"], opening["speakers"]) == ("Setting out at dusk", ["Ada Lind"])
    assert (opening["recorded_on"], opening["duration_seconds"]) == ("2019-07-01", 2223)
    dynamo, warmer = found["ideas"]
    assert (dynamo["status"], dynamo["vote_count"]) == ("shipped", 3)
    assert (warmer["status"], warmer["vote_count"]) == ("submitted", 0)
    assert found["voters"]["total_count"] == 3


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_bad_lines_are_named_and_the_rest_comes_in(platform: Platform, slug: str, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(COMMUNITY.read_bytes())[:40])
    run = await archipel(platform, "--brand", slug, "--create", str(BROKEN), str(packed))
    assert run.code == 1
    told = dict(line.split(": ", 1) for line in run.err.splitlines())
    assert told.pop("packed:1").startswith("damaged gzip")
    reasons = {int(place.removeprefix("broken.jsonl:")): reason for place, reason in told.items()}
    beginnings = {
        2: "not JSON",
        3: "expected `object`",
        4: "unknown kind 'badge'",
        5: "not valid UTF-8",
        6: "display_name: expected `str` of length <= 200",
        7: "joined_at: invalid RFC3339",
        8: "unknown field `age`",
        9: "unknown author 'nobody'",
        11: "unknown post 'q9'",
        13: "sessions[0].url: has not the documented form",
        14: "unknown supporter 'nobody'",
        15: "tags[1]: blank",
    }
    assert {number: reasons.get(number, "")[: len(text)] for number, text in beginnings.items()} == beginnings
    assert len(reasons) == len(beginnings)
    assert run.row("post") == [1, 0, 2]
    assert run.row("reply") == [1, 0, 1]
    assert run.row("idea") == [1, 0, 0]
    async with platform.bus() as bus:
        assert (await (await reader(bus, slug)).brand_view(slug))["member_count"] == 1


async def test_what_cannot_be_done_is_one_line_and_code_2(platform: Platform, slug: str) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    runs = await asyncio.gather(
        archipel(platform, "--brand", slug, str(COMMUNITY)),
        archipel(platform, "--brand", "Not A Slug", "--create", str(COMMUNITY)),
        archipel(platform, "--brand", slug, str(COMMUNITY), NATS_URL=nowhere),
    )
    assert [run.code for run in runs] == [2, 2, 2]
    for run in runs:
        assert run.out == ""
        assert len(run.err.splitlines()) == 1
        assert run.err.startswith("archipel: ")
    assert f"there is no brand '{slug}'" in runs[0].err
    missing = await archipel(platform, "--brand", slug, "no-such-file.jsonl")
    assert missing.code == 2
