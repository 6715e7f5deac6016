"""The servers of a laptop, child processes on loopback: nats-server with JetStream and a MongoDB-wire server."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from libs.cli.child import Spawn
from libs.cli.data_folder import MAILS, DataFolder
from libs.cli.problems import CannotRun
from libs.cli.supervisor import ProcessSpec
from libs.shared.ports import LOOPBACK

# Views are synced at every commit, so the log must be too: after a loss of power a checkpoint may lag behind the
# log, never lead it.  It costs a third of the sequential appends and two thirds of the concurrent ones; both stay
# far above what a laptop needs.
_NATS_CONFIG = """\
server_name: archipel
listen: "{host}:{port}"
jetstream {{
  store_dir: {store}
  sync_interval: always
}}
"""
_NATS_CHATTER = re.compile(r"\[(INF|DBG|TRC)\]")


def nats_server(folder: DataFolder, port: int, env: Mapping[str, str]) -> ProcessSpec:
    """nats-server with its streams under `nats/`; raises `CannotRun` when it is not installed."""
    program = _installed("nats-server")
    config = _NATS_CONFIG.format(host=LOOPBACK, port=port, store=json.dumps(str(folder.folder("nats"))))
    folder.write("nats.conf", config.encode())
    return ProcessSpec(
        name="nats",
        command=[program, "--config", str(folder.root / "nats.conf")],
        env=env,
        ready=lambda: answers(LOOPBACK, port, greeting=b"INFO "),
        hidden=_NATS_CHATTER,
    )


def mongo_server(folder: DataFolder, port: int, env: Mapping[str, str]) -> ProcessSpec:
    """secantusd with its collections under `mongo/`; raises `CannotRun` when it is not installed."""
    program = _installed("secantusd-py")
    folder.write("mongo.toml", b"")  # named, so that a secantusd.toml elsewhere on the machine is not picked up
    return ProcessSpec(
        name="mongo",
        command=[
            *(program, "--config", str(folder.root / "mongo.toml")),
            *("--host", LOOPBACK, "--port", str(port), "--storage-path", str(folder.folder("mongo"))),
            *("--log-level", "WARNING", "--cache-size", "256M", "--sync-on-commit"),
        ],
        env=env,
        ready=lambda: answers(LOOPBACK, port),
        stop_seconds=2.5,  # it always takes two
    )


def mailbox(folder: DataFolder, port: int, env: Mapping[str, str], spawn: Spawn) -> ProcessSpec:
    """The server that takes the platform's mails and keeps them under `mail/`; raises `CannotRun` without aiosmtpd."""
    if find_spec("aiosmtpd") is None:
        raise CannotRun("aiosmtpd is not installed: run `make setup`, or set ARCHIPEL_SMTP_URL")
    return ProcessSpec(
        name="mailbox",
        command=[sys.executable, "-m", "libs.cli.mailbox", str(port), str(folder.folder(MAILS))],
        env=env,
        ready=lambda: answers(LOOPBACK, port, greeting=b"220 "),
        spawn=spawn,
    )


def nats_url(port: int) -> str:
    """Where clients find the embedded nats-server."""
    return f"nats://{LOOPBACK}:{port}"


def mongo_url(port: int) -> str:
    """Where clients find the embedded MongoDB-wire server, which does not have retryable writes."""
    return f"mongodb://{LOOPBACK}:{port}/?retryWrites=false"


async def answers(host: str, port: int, *, greeting: bytes = b"") -> bool:
    """Whether something accepts a connection there and, if asked for, opens with `greeting`."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return await reader.readexactly(len(greeting)) == greeting
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def healthy(port: int, path: str = "/readyz") -> bool:
    """Whether the HTTP server on this loopback port answers `path` with 200."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readline()).split(b" ")[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False


async def require_answer(variable: str, url: str) -> None:
    """Raises `CannotRun` when no server of a URL list (NATS) or a host list (MongoDB) answers.

    A name that DNS must resolve by SRV records (mongodb+srv) is left to the driver.
    """
    scheme, _, rest = url.partition("://")
    if not rest:
        raise CannotRun(f"{variable} is not a URL")
    if scheme == "mongodb+srv":
        return
    default_port = 4222 if scheme in {"nats", "tls", "ws", "wss"} else 27017
    for server in rest.partition("/")[0].rpartition("@")[2].split(","):
        parts = urlsplit(server if "://" in server else f"//{server}")
        try:
            host, port = parts.hostname, parts.port or default_port
        except ValueError as error:
            raise CannotRun(f"{variable} is not a URL") from error
        if host and await answers(host, port):
            return
    raise CannotRun(f"the server that {variable} names does not answer")


def _installed(program: str) -> str:
    beside = Path(sys.executable).parent / program
    found = str(beside) if beside.is_file() else shutil.which(program)
    if found is None:
        raise CannotRun(f"{program} is not installed: run `make setup`")
    return found
