"""`python -m bench.soak --minutes 10 --subscribers 500`: does steady work make a platform grow, lose or double?

Every subscriber hears of every post over graphql-transport-ws.  The exit code is 1 when a message was lost or came
twice, or when the gateway grew after it had warmed up.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import psutil
import uvloop
from rich.console import Console
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.live import BRAND, READER, join, platform
from libs.shared.testing.platform import Platform
from services.gateway.feed import MAX_OF_ONE

_MIB = 1024 * 1024
_SAMPLES = 40
_SETTLE_SECONDS = 60
#: Growth of the gateway from the second fifth of the time to the last one that is still no leak.
_GROWTH = 0.10
_ACTIVITY = 'subscription { brandActivity(brandSlug: "' + BRAND + '") { ... on Post { title } ... on Reply { id } } }'
_SPACE = '{ brand(slug: "' + BRAND + '") { spaces(first: 1) { nodes { id } } } }'
_PUBLISH = "mutation ($input: PublishPostInput!) { publishPost(input: $input) { errors { code } } }"


class Subscriber:
    """One connection with one subscription; `heard` counts each title."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.heard: Counter[str] = Counter()
        self.ended = ""

    async def listen(self, token: str) -> None:
        """Until the connection ends; then `ended` says how."""
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        await self._socket.send(json.dumps(init))
        await self._socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": _ACTIVITY}}))
        async for text in self._socket:
            message = json.loads(text)
            match message["type"]:
                case "next":
                    self.heard[message["payload"]["data"]["brandActivity"]["title"]] += 1
                case "error" | "complete":
                    self.ended = str(message)
        self.ended = self.ended or f"closed with {self._socket.close_code}"


class Writer:
    """Publishes numbered posts."""

    def __init__(self, running: Platform, token: str, client: httpx.AsyncClient) -> None:
        self._url = f"{running.url}/graphql"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._client = client
        self._space = ""
        self.written: list[str] = []

    async def publish(self, title: str) -> None:
        self._space = self._space or (await self._ask(_SPACE, {}))["brand"]["spaces"]["nodes"][0]["id"]
        given = {"spaceId": self._space, "title": title, "body": "Steady."}
        payload = (await self._ask(_PUBLISH, {"input": given}))["publishPost"]
        if payload["errors"]:
            raise RuntimeError(str(payload))

    async def write(self, every_seconds: float, until: float) -> None:
        """One post after the other, at a steady pace."""
        following = time.monotonic()
        while time.monotonic() < until:
            title = f"Post {len(self.written)}"
            await self.publish(title)
            self.written.append(title)
            following = max(following + every_seconds, time.monotonic())
            await asyncio.sleep(following - time.monotonic())

    async def _ask(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        asked = {"query": query, "variables": variables}
        answer = (await self._client.post(self._url, json=asked, headers=self._headers)).json()
        if "errors" in answer:
            raise RuntimeError(str(answer))
        data: dict[str, Any] = answer["data"]
        return data


async def soak(options: argparse.Namespace, console: Console) -> bool:
    """Whether all is well."""
    async with platform() as running, AsyncExitStack() as stack:
        tokens = []
        for number in range(0, options.subscribers, MAX_OF_ONE):
            await join(running, f"{READER}-{number}")
            tokens.append(running.token(f"{READER}-{number}", exp=time.time() + 24 * 3600))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        writer = Writer(running, tokens[0], client)
        subscribers = [
            Subscriber(
                await stack.enter_async_context(
                    connect(running.websocket_url, subprotocols=[Subprotocol("graphql-transport-ws")], open_timeout=60)
                )
            )
            for _ in range(options.subscribers)
        ]
        listening = [
            asyncio.create_task(one.listen(tokens[number // MAX_OF_ONE])) for number, one in enumerate(subscribers)
        ]
        stack.callback(lambda: [task.cancel() for task in listening])
        await _until_all_listen(writer, subscribers)
        seconds = options.minutes * 60
        writing = asyncio.create_task(writer.write(1 / options.writes, time.monotonic() + seconds))
        memory = await _watch(running, writing, seconds / _SAMPLES, console)
        await writing
        await _until_heard(subscribers, writer.written)
        return _report(subscribers, writer.written, memory, console)


async def _until_all_listen(writer: Writer, subscribers: Sequence[Subscriber]) -> None:
    """A subscription that is on its way hears nothing yet: posts are written until everybody hears the same one."""
    for attempt in range(60):
        title = f"Are you all there? {attempt}"
        await writer.publish(title)
        until = time.monotonic() + _SETTLE_SECONDS / 4
        while time.monotonic() < until:
            if all(one.heard[title] for one in subscribers):
                return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"some do not listen: {Counter(one.ended for one in subscribers)}")


async def _until_heard(subscribers: Sequence[Subscriber], titles: Sequence[str]) -> None:
    """What was written last may still be on its way; who has not heard of it in time never will."""
    until = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < until and not all(one.heard[title] for one in subscribers for title in titles[-3:]):  # noqa: ASYNC110
        await asyncio.sleep(0.5)


async def _watch(
    running: Platform, writing: asyncio.Task[None], every_seconds: float, console: Console
) -> list[dict[str, float]]:
    """The memory of each service in MB, from time to time."""
    processes = {name: psutil.Process(one.process.pid) for name, one in running.services.items() if one.process}
    samples: list[dict[str, float]] = []
    began = time.monotonic()
    while not writing.done():
        samples.append({name: process.memory_info().rss / _MIB for name, process in processes.items()})
        shown = ", ".join(f"{name} {size:.0f}" for name, size in samples[-1].items())
        console.print(f"{time.monotonic() - began:6.0f} s  {shown} MB")
        await asyncio.wait([writing], timeout=every_seconds)
    return samples


def _report(
    subscribers: Sequence[Subscriber], written: Sequence[str], memory: Sequence[Mapping[str, float]], console: Console
) -> bool:
    lost = sum(not one.heard[title] for one in subscribers for title in written)
    doubled = sum(one.heard[title] > 1 for one in subscribers for title in written)
    ended = Counter(one.ended for one in subscribers if one.ended)
    console.print(f"{len(written)} posts to {len(subscribers)} subscribers: {lost} lost, {doubled} doubled")
    if ended:
        console.print(f"ended before their time: {dict(ended)}")
    growth = {}
    for name in memory[0]:
        fifth = max(1, len(memory) // 5)
        before = statistics.median(sample[name] for sample in memory[fifth : 2 * fifth] or memory)
        after = statistics.median(sample[name] for sample in memory[-fifth:])
        growth[name] = after / before - 1
        console.print(f"{name}: {before:.1f} MB after warming up, {after:.1f} MB at the end, {growth[name]:+.1%}")
    return not lost and not doubled and not ended and growth["gateway"] < _GROWTH


def main(arguments: Sequence[str]) -> int:
    """Runs the soak; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--writes", type=float, default=1, help="posts a second")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run")
    return 0 if uvloop.run(soak(options, console)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
