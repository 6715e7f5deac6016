"""What the README shows is what the platform answers."""

import asyncio
import io
import json
import re
import shlex
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from libs.cli.demo import import_demo
from libs.cli.import_report import Report
from libs.cli.up import DEVELOPER
from libs.shared.testing.platform import Platform

_README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", _README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
async def lighthouse(platform: Platform) -> Platform:
    """The platform with the demo community, as `make up` leaves it."""
    console = Console(file=io.StringIO())
    async with platform.bus() as bus:
        await import_demo(bus, platform.identity_key, platform.issuer.url, Report(console, console))
    return platform


async def test_the_first_command_line_asks_what_is_public(lighthouse: Platform) -> None:
    [command] = [block for block in blocks("console") if "curl" in block]
    arguments = shlex.split(command.removeprefix("$ ").replace("\\\n", " "))
    assert arguments[0] == "curl"
    body = arguments[arguments.index("-d") + 1]
    header, _, value = arguments[arguments.index("-H") + 1].partition(": ")
    path = httpx.URL(next(argument for argument in arguments if argument.startswith("http"))).path
    expected, deadline = {"brand": {"name": "Lighthouse", "memberCount": 13}}, time.monotonic() + 30
    async with httpx.AsyncClient() as client:
        while True:  # the last one was imported a moment ago
            answer = await client.post(f"{lighthouse.url}{path}", content=body, headers={header: value})
            if answer.json()["data"] == expected:
                return
            assert time.monotonic() < deadline, answer.json()
            await asyncio.sleep(0.05)


async def test_the_first_query_has_the_printed_answer(lighthouse: Platform) -> None:
    query = next(block for block in blocks("graphql") if block.startswith("query Home"))
    [printed] = blocks("json")
    assert await lighthouse.graphql(query, token=lighthouse.token(DEVELOPER)) == json.loads(printed)


async def test_the_mutation_may_be_sent_twice(lighthouse: Platform) -> None:
    token = lighthouse.token(DEVELOPER)
    find = '{ brand(slug: "lighthouse") { posts(last: 1) { nodes { id replyCount } } } }'
    [post] = (await lighthouse.graphql(find, token=token))["data"]["brand"]["posts"]["nodes"]
    mutation = next(block for block in blocks("graphql") if block.startswith("mutation Reply"))

    async def send() -> dict[str, Any]:
        answer = await lighthouse.graphql(mutation, {"post": post["id"]}, token)
        payload: dict[str, Any] = answer["data"]["publishReply"]
        return payload

    first = await send()
    assert first["errors"] == []
    assert first["reply"] == {"number": post["replyCount"] + 1, "author": {"displayName": "Ada"}}
    assert await send() == first
