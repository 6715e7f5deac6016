"""The whole platform on one machine: servers, issuer and services under one supervisor."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from libs.cli import embedded
from libs.cli.child import spawn
from libs.cli.client import MASTER_KEY_FILE, master_keys
from libs.cli.console import MergedLog
from libs.cli.data_folder import DataFolder, Running
from libs.cli.issuer import AUDIENCE, Issuer, IssuerServer
from libs.cli.nursery import Nursery
from libs.cli.problems import CannotRun
from libs.cli.supervisor import ProcessSpec, StartFailed, Supervisor, run_once
from libs.shared.ids import identity_id
from libs.shared.ports import LOOPBACK, free_ports, is_free
from libs.shared.settings import EMBEDDED_MONGO, variable

#: What the event-sourced services have in common; importing it takes each of them seconds.
_COMMON = ("libs.access.authorizer", "libs.shared.service")
SERVICES = ("members", "discussions", "events", "feedback", "gateway")
_SMTP_URL = variable("smtp_url")
#: The person of the printed token: operator of the embedded platform and an owner of the demo brand.
DEVELOPER = "ada"
FIRST_QUERY = (
    '{ brand(slug: "lighthouse") { name memberCount '
    "posts(first: 3) { nodes { title replyCount author { displayName } } } } }"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the environment says about a run; `archipel up --help` lists it."""

    gateway_port: int
    data: Path
    nats_url: str | None
    mongo_url: str | None
    demo: bool

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Options":
        """Reads `ARCHIPEL_GATEWAY_PORT`, `ARCHIPEL_DATA`, `NATS_URL`, `MONGO_URL`, `ARCHIPEL_DEMO`."""
        port = env.get("ARCHIPEL_GATEWAY_PORT", "8080")
        if not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise CannotRun(f"ARCHIPEL_GATEWAY_PORT must be a port number, not {port!r}")
        return cls(
            gateway_port=int(port),
            data=Path(env.get("ARCHIPEL_DATA") or ".data"),
            nats_url=env.get("NATS_URL") or None,
            mongo_url=env.get("MONGO_URL") or None,
            demo=env.get("ARCHIPEL_DEMO", "1").lower() not in {"0", "false", "no", "off"},
        )


def up(env: Mapping[str, str]) -> None:
    """Runs the platform until SIGINT, SIGTERM or SIGHUP; raises `CannotRun` when it cannot start."""
    options = Options.of(env)
    folder = DataFolder(options.data)
    folder.prepare()
    with folder.lock():
        if not is_free(options.gateway_port):
            raise CannotRun(
                f"port {options.gateway_port} is in use: stop what listens there, "
                f"or choose another with ARCHIPEL_GATEWAY_PORT={options.gateway_port + 1}"
            )
        asyncio.run(_Platform(options, folder, env).run())


class _Platform:
    """One run of the platform on a data folder that this process holds."""

    def __init__(self, options: Options, folder: DataFolder, env: Mapping[str, str]) -> None:
        self._options = options
        self._folder = folder
        self._env = env
        self._log = MergedLog(["nats", "mongo", "mailbox", *SERVICES, "demo"])
        self._supervisor = Supervisor(self._log)
        nats_port, mongo_port, self._mail_port, *self._ports = free_ports(3 + len(SERVICES))
        self._ports[SERVICES.index("gateway")] = options.gateway_port
        self._nats_port, self._mongo_port = nats_port, mongo_port
        self._issuer_socket, identifier = issuer_place(folder)
        self._issuer = Issuer.kept_in(folder, identifier)
        self.running = Running(
            pid=os.getpid(),
            gateway_url=f"http://{LOOPBACK}:{options.gateway_port}",
            nats_url=options.nats_url or embedded.nats_url(nats_port),
            mongo_url=options.mongo_url or embedded.mongo_url(mongo_port),
            issuer=identifier,
            issuer_url=f"http://{LOOPBACK}:{self._issuer_socket.getsockname()[1]}",
        )
        self._nursery = Nursery(_COMMON, self._shared_env())

    async def run(self) -> None:
        """Starts everything, waits for a signal, stops everything."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stopping.set)
        server = IssuerServer(self._issuer, self.running.issuer_url)
        serving = asyncio.create_task(server.serve([self._issuer_socket]))
        starting = asyncio.create_task(self._start())
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopped
        except StartFailed as error:
            raise CannotRun(str(error)) from error
        finally:
            self._log.say("stopping")
            starting.cancel()
            server.should_exit = True
            self._folder.forget()
            await asyncio.wait({starting})
            await self._supervisor.stop()
            await self._nursery.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(serving, 1)

    async def _start(self) -> None:
        began = asyncio.get_running_loop().time()
        await self._nursery.warm()
        await self._supervisor.start(await self._servers())
        await self._supervisor.start(self._services())
        self._folder.announce(self.running)
        if self._options.demo:
            await self._seed()
        self._welcome(asyncio.get_running_loop().time() - began)

    async def _servers(self) -> list[ProcessSpec]:
        specs = []
        if self._options.nats_url:
            await embedded.require_answer("NATS_URL", self._options.nats_url)
        else:
            specs.append(embedded.nats_server(self._folder, self._nats_port, self._env))
        if self._options.mongo_url:
            await embedded.require_answer("MONGO_URL", self._options.mongo_url)
        else:
            specs.append(embedded.mongo_server(self._folder, self._mongo_port, self._env))
        return specs

    def _services(self) -> list[ProcessSpec]:
        shared = self._shared_env()
        services = [
            ProcessSpec(
                name=name,
                command=[sys.executable, "-m", f"services.{name}"],
                env=shared | {"ARCHIPEL_HTTP_PORT": str(port)},
                ready=partial(embedded.healthy, port),
                spawn=spawn if name == "gateway" else self._nursery.spawn,
            )
            for name, port in zip(SERVICES, self._ports, strict=True)
        ]
        if self._env.get(_SMTP_URL):
            return services
        return [*services, embedded.mailbox(self._folder, self._mail_port, shared, self._nursery.spawn)]

    def _shared_env(self) -> dict[str, str]:
        key = self._env.get("ARCHIPEL_IDENTITY_KEY") or self._folder.secret("identity.key")
        master = master_keys(self._env, self._folder.secret(MASTER_KEY_FILE).encode())
        defaults = {
            "ARCHIPEL_LOG_LEVEL": "warning",
            "ARCHIPEL_LOG_FORMAT": "console",
            "ARCHIPEL_SHUTDOWN_SECONDS": "1",
            "ARCHIPEL_OPERATORS": identity_id(key.encode(), self.running.issuer, DEVELOPER),
            "ARCHIPEL_PUBLIC_URL": self.running.gateway_url,
            _SMTP_URL: f"smtp+plain://{LOOPBACK}:{self._mail_port}",
        }
        if self._options.mongo_url is None:
            defaults.update(EMBEDDED_MONGO)
        ours = {
            "NATS_URL": self.running.nats_url,
            "MONGO_URL": self.running.mongo_url,
            "ARCHIPEL_HTTP_HOST": LOOPBACK,
            "ARCHIPEL_IDENTITY_KEY": key,
            "ARCHIPEL_MASTER_KEYS": master,
            "ARCHIPEL_ISSUER": self.running.issuer,
            "ARCHIPEL_AUDIENCE": AUDIENCE,
            "ARCHIPEL_JWKS_URL": f"{self.running.issuer_url}/jwks",
            "PYTHONUNBUFFERED": "1",
        }
        return {**defaults, **self._env, **ours}

    async def _seed(self) -> None:
        """Imports the demo brand on the first start; the import is safe to repeat if it was interrupted."""
        if self._folder.read("demo.seeded") is not None:
            return
        command = [sys.executable, "-m", "libs.cli.main", "demo"]
        code = await run_once("demo", command, self._shared_env(), self._log, self._nursery.spawn)
        if code == 0:
            self._folder.write("demo.seeded", b"")
        else:
            self._log.note("demo", f"was not imported (code {code}); the next start tries again")

    def _welcome(self, seconds: float) -> None:
        url = self.running.gateway_url
        token = self._issuer.token(DEVELOPER)
        self._log.heading(f"Archipel is ready after {seconds:.1f} s; Ctrl-C stops it.")
        self._log.say(f"GraphiQL  {url}/ (in a browser)")
        self._log.say(f"GraphQL   {url}/graphql")
        if not self._env.get(_SMTP_URL):
            self._log.say("Mails     are kept here: `.venv/bin/archipel mail`")
        self._log.say(f"Token     of {DEVELOPER}, valid for a day: {token}")
        self._log.say(f"Try       {first_query(url, token)}")


def first_query(gateway_url: str, token: str) -> str:
    """A shell command that asks the gateway something on the demo brand."""
    body = msgspec.json.encode({"query": FIRST_QUERY}).decode()
    headers = f"-H 'Content-Type: application/json' -H 'Authorization: Bearer {token}'"
    return f"curl -s {gateway_url}/graphql {headers} -d '{body}'"


def issuer_place(folder: DataFolder) -> tuple[socket.socket, str]:
    """A listening socket for the issuer, and its identifier.

    The identifier is part of everybody's identity, so it stays as it was at the first start, even when its port is
    taken and the issuer has to listen on another.
    """
    kept = folder.read("issuer.url")
    if kept is None:
        listener = socket.create_server((LOOPBACK, 0))
        identifier = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        folder.write("issuer.url", identifier.encode())
        return listener, identifier
    identifier = kept.decode(errors="replace")
    try:
        port = urlsplit(identifier).port
    except ValueError as error:
        raise CannotRun(f"{folder.root / 'issuer.url'} is damaged: remove it and start again") from error
    try:
        return socket.create_server((LOOPBACK, port or 0)), identifier
    except OSError:
        return socket.create_server((LOOPBACK, 0)), identifier
