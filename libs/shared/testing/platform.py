"""The whole platform for tests: NATS, MongoDB, an issuer and the five services as processes on free ports."""

import asyncio
import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from libs.shared.bus import BusClient
from libs.shared.connection import Connection
from libs.shared.ids import identity_id, member_id
from libs.shared.ports import free_port
from libs.shared.settings import EMBEDDED_MONGO
from libs.shared.testing.issuer import AUDIENCE, Issuer
from libs.shared.testing.mailbox import Mailbox

SERVICES = ("members", "discussions", "events", "feedback", "gateway")
#: The subject whose identity may create networks.
OPERATOR = "operator"

#: What links in mails begin with: the gateway, as if it stood on the internet.
PUBLIC_URL = "https://community.example"

_ROOT = Path(__file__).resolve().parents[3]
_IDENTITY_KEY = b"the identity key of the test platform"
#: A master key for settings and environments of tests.
MASTER_KEYS = "test:dGhlIG1hc3RlciBrZXkgb2YgYWxsIHRoZSB0ZXN0cyE="
# Made once: to read the system's certificates takes longer than a request.
_TLS = ssl.create_default_context()
_START_SECONDS = 100.0
_POLL_SECONDS = 0.05
_OVERLOADED_SECONDS = 30.0


class PlatformError(RuntimeError):
    """A service did not come up; the message shows the end of its log."""


class Service:
    """One service as a child process; port and log survive `kill` and `start`."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{name}.log"
        self._environment = {**os.environ, **environment, "ARCHIPEL_HTTP_PORT": str(self.port)}
        self.process: subprocess.Popen[bytes] | None = None

    def copy(self, **settings: str) -> "Service":
        """The same service as a second process, with a port and a log of its own; `settings` are its own too."""
        folder = self.log.parent / "copies"
        folder.mkdir(exist_ok=True)
        return Service(self.name, {**self._environment, **settings}, folder)

    def start(self) -> None:
        """Start the process; `wait_ready` says when it serves."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 – our own program
                [sys.executable, "-m", f"services.{self.name}"],
                cwd=_ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def wait_ready(self) -> None:
        """Return when `/readyz` says so; raises `PlatformError` after 100 s or when the process ends."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise PlatformError(f"{self.name} is not ready:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(_POLL_SECONDS)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process in order, or as a crash does with SIGKILL; returns its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Platform:
    """Five services, an issuer, and what tests do with them.  Enter it to start, leave it to stop."""

    def __init__(self, folder: Path, nats_url: str, mongo_url: str) -> None:
        self.issuer = Issuer("ES256")
        #: Where all mails of the platform arrive.
        self.mailbox = Mailbox()
        self.nats_url = nats_url
        self.mongo_url = mongo_url
        self.identity_key = _IDENTITY_KEY
        environment = {
            **EMBEDDED_MONGO,
            "NATS_URL": nats_url,
            "MONGO_URL": mongo_url,
            "ARCHIPEL_IDENTITY_KEY": _IDENTITY_KEY.decode(),
            "ARCHIPEL_MASTER_KEYS": MASTER_KEYS,
            "ARCHIPEL_ISSUER": self.issuer.url,
            "ARCHIPEL_JWKS_URL": self.issuer.jwks_url,
            "ARCHIPEL_AUDIENCE": AUDIENCE,
            "ARCHIPEL_OPERATORS": self.identity(OPERATOR),
            "ARCHIPEL_SMTP_URL": self.mailbox.url,
            "ARCHIPEL_MAIL_FROM": "community@example.org",
            "ARCHIPEL_PUBLIC_URL": PUBLIC_URL,
            "ARCHIPEL_LOG_FORMAT": "json",
            # The machine may be busy with other tests.
            "ARCHIPEL_STALE_SECONDS": "4.5",
            # All load comes from one machine and a few subjects here.
            "ARCHIPEL_RATE_PRINCIPAL": "0",
            "ARCHIPEL_RATE_ANONYMOUS": "0",
            "ARCHIPEL_RATE_BRAND": "0",
        }
        #: Where each service logs, into a file of its name.
        self.logs = folder
        self.services = {name: Service(name, environment, folder) for name in SERVICES}

    def copy(self, name: str, **settings: str) -> Service:
        """One more process of a service, with settings of its own, not started and not ended with the platform."""
        return self.services[name].copy(**settings)

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.services["gateway"].url

    @property
    def websocket_url(self) -> str:
        """Where subscriptions go."""
        return self.url.replace("http", "ws", 1) + "/graphql"

    def identity(self, subject: str) -> str:
        """The identity behind a subject's tokens."""
        return identity_id(_IDENTITY_KEY, self.issuer.url, subject)

    def member(self, subject: str, brand: str) -> str:
        """The id that a subject has as a member of a brand, given by its own id."""
        return member_id(_IDENTITY_KEY, brand, self.identity(subject))

    def token(self, subject: str, **claims: Any) -> str:
        """A token of a subject."""
        return self.issuer.token(subject, **claims)

    async def graphql(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        token: str | None = None,
        *,
        consistency_token: str | None = None,
    ) -> dict[str, Any]:
        """Run an operation and return `data` and `errors` of the answer; asks again while the gateway is overloaded."""
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if consistency_token:
            headers["Archipel-Consistency-Token"] = consistency_token
        body = {"query": query, "variables": dict(variables or {})}
        deadline = time.monotonic() + _OVERLOADED_SECONDS
        async with httpx.AsyncClient(timeout=30, verify=_TLS) as client:
            response = await client.post(f"{self.url}/graphql", json=body, headers=headers)
            while b'"OVERLOADED"' in response.content and time.monotonic() < deadline:
                await asyncio.sleep(_POLL_SECONDS)
                response = await client.post(f"{self.url}/graphql", json=body, headers=headers)
        answer: dict[str, Any] = msgspec.json.decode(response.content, type=dict[str, Any])
        answer.pop("extensions", None)
        return answer

    @asynccontextmanager
    async def bus(self) -> AsyncGenerator[BusClient, None]:
        """The way to the services past the gateway."""
        connection = Connection("test")
        await connection.open(self.nats_url)
        try:
            yield BusClient(connection)
        finally:
            await connection.close()

    def __enter__(self) -> Self:
        self.issuer.start()
        self.mailbox.start()
        try:
            for service in self.services.values():
                service.start()
            for service in self.services.values():
                service.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for service in self.services.values():
            if service.process is not None:
                service.process.terminate()
        for service in self.services.values():
            service.end()
        self.issuer.stop()
        self.mailbox.stop()
