"""HTTP of a service: `/healthz` and `/readyz` for whoever watches it, on a port that was bound first."""

import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec
import uvicorn

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: What is asked of a process: the name of each thing that it needs, and what is wrong with it (empty: nothing).
Checks: TypeAlias = Callable[[], Mapping[str, str]]


class PortBusy(Exception):
    """Something else listens on the port."""


class Health:
    """An ASGI application (https://asgi.readthedocs.io).

    `/healthz` answers 503 when only a new process helps, `/readyz` when something is missing right now; both say what.
    """

    def __init__(self, alive: Checks, ready: Checks) -> None:
        self._checks = {"/healthz": alive, "/readyz": ready}

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        check = self._checks.get(scope["path"]) if scope["type"] == "http" else None
        if check is None:
            await _not_found(scope, send)
        elif scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, {"error": "GET or HEAD"}, {"allow": "GET, HEAD"})
        else:
            problems = {name: problem for name, problem in check().items() if problem}
            await _answer(send, 503 if problems else 200, {"status": "failing" if problems else "ok", **problems})


class HttpServer(uvicorn.Server):
    """uvicorn on a port that was bound before anything else was started; signals are the process's own business."""

    def __init__(self, application: Application, host: str, port: int, *, grace_seconds: float) -> None:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.socket = socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            raise PortBusy(f"cannot listen on {host}:{port}: {error.strerror}") from None
        logging.getLogger("uvicorn.error").addFilter(_in_one_line)
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(grace_seconds)),
            )
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.socket.getsockname()[1])

    async def run_until_stopped(self) -> None:
        """Serve until `stop`."""
        await self.serve(sockets=[self.socket])

    def stop(self) -> None:
        """Accept nothing more, finish what was begun."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def _in_one_line(record: logging.LogRecord) -> bool:
    """Make a warning of what uvicorn tells of a WebSocket message that is not UTF-8 with a trace of its own code.

    Whoever connects can send one, and there is no setting for it.
    """
    if record.exc_info and record.getMessage().startswith("Invalid UTF-8 sequence received"):
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True


async def _not_found(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
    else:
        await _answer(send, 404, {"error": "not found"})


async def _answer(send: Send, status: int, body: Mapping[str, str], headers: Mapping[str, str] | None = None) -> None:
    fields = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": msgspec.json.encode(body)})
