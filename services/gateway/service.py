"""Composition of the gateway: the HTTP application, and the process that serves it."""

import asyncio
import signal
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from libs.shared.bus import BusClient
from libs.shared.connection import Connection as Nats
from libs.shared.health import Health, HttpServer
from libs.shared.logs import logger
from libs.shared.settings import Settings
from services.gateway import http, rates, revocation, websocket
from services.gateway.api_keys import ApiKeys
from services.gateway.execution import Engine
from services.gateway.feed import Feed, follow
from services.gateway.gateway import Gateway
from services.gateway.limits import MAX_BODY_BYTES
from services.gateway.observation import ObservedBus, Observer
from services.gateway.principals import Principals
from services.gateway.rates import Rates
from services.gateway.revocation import Revocations
from services.gateway.security import Authenticator, Keys, http_fetch

STATIC: Final = Path(__file__).parent / "static"

#: The console loads everything from here; CodeMirror sets styles of its own.
_PAGE_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)

log = logger(__name__)

#: Longer than what load balancers keep an idle connection for, so that they are the ones to close it.
_KEEP_ALIVE_SECONDS: Final = 75


class _Headers:
    """Adds the security headers to every response that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
            await send(message)

        await self._app(scope, receive, add)


async def _refused(_: Request, error: Exception) -> Response:
    """What the router refuses: an unknown path, a wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(status, "BAD_REQUEST")
    headers = error.headers if isinstance(error, HTTPException) else None
    return http.failure(status, code, getattr(error, "detail", "refused"), headers)


def application(gateway: Gateway, health: Health) -> FastAPI:
    """The HTTP application; it owns no connection."""
    app = FastAPI(title="Archipel", openapi_url=None, docs_url=None, redoc_url=None)

    async def graphql(request: Request) -> Response:
        return await http.graphql(request, gateway)

    async def console(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": _PAGE_POLICY})

    async def subscriptions(socket: WebSocket) -> None:
        await websocket.Connection(socket, gateway).run()

    # Plain routes: FastAPI's own solve dependencies that there are none of, on every request.
    app.add_route("/graphql", graphql, methods=["GET", "POST"])
    app.add_api_websocket_route("/graphql", subscriptions)
    app.router.routes += [Route("/healthz", health), Route("/readyz", health)]
    app.add_route("/", console, methods=["GET"])
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(_Headers)
    return app


class Process:
    """The running gateway: its connections, its HTTP server and what goes on in the background."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._nats = Nats("gateway")
        self._keys = Keys(http_fetch(client, issuer=settings.issuer, jwks_url=settings.jwks_url))
        self._revocations = Revocations()
        bus = ObservedBus(BusClient(self._nats))
        tokens = Authenticator(
            self._keys, issuer=settings.issuer, audience=settings.audience, identity_key=settings.identity_secret
        )
        self._gateway = Gateway(
            engine=Engine(Observer(slow_seconds=settings.slow_operation_seconds)),
            bus=bus,
            principals=Principals(tokens, ApiKeys(bus), self._revocations),
            identity_key=settings.identity_secret,
            feed=Feed(),
            rates=Rates(
                principal=settings.rate_principal,
                anonymous=settings.rate_anonymous,
                brand=settings.rate_brand,
                secret=settings.identity_secret,
            ),
        )
        app = application(self._gateway, Health(self._alive, self._ready))
        if settings.otlp_endpoint:
            from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 – costs memory

            FastAPIInstrumentor.instrument_app(app, exclude_spans=["send", "receive"], excluded_urls="healthz,readyz")
        self._server = HttpServer(app, settings.http_host, settings.http_port, grace_seconds=settings.shutdown_seconds)
        self._server.config.ws_max_size = MAX_BODY_BYTES
        # A few compressed kilobytes can be megabytes of JSON.
        self._server.config.ws_per_message_deflate = False
        self._server.config.timeout_keep_alive = _KEEP_ALIVE_SECONDS

    async def run(self) -> None:
        """Serve until `stop`; raises `NotReachable` when NATS does not answer in time."""
        listening = asyncio.create_task(self._server.run_until_stopped())
        log.info("listening", port=self._server.port)
        background: list[asyncio.Task[None]] = []
        try:
            await self._nats.open(self._settings.nats_url, timeout_seconds=self._settings.startup_seconds)
            background += [
                asyncio.create_task(follow(self._nats, self._gateway.feed)),
                asyncio.create_task(self._keys.keep()),
                asyncio.create_task(rates.exchange(self._nats, self._gateway.rates)),
                asyncio.create_task(revocation.follow(self._nats, self._revocations, self._settings.stream_replicas)),
            ]
            await listening
        finally:
            self._server.stop()
            for task in background:
                task.cancel()
            await asyncio.gather(listening, *background, return_exceptions=True)
            await self._nats.close()
            log.info("stopped")

    def stop(self) -> None:
        """Accept nothing more and finish what was begun."""
        self._server.stop()

    def _alive(self) -> dict[str, str]:
        return {"nats": "the connection was closed for good" if self._nats.is_closed else ""}

    def _ready(self) -> dict[str, str]:
        return {
            "nats": "" if self._nats.is_connected else "not connected",
            "keys": "" if self._keys.readable else "the identity provider's keys have not been read",
            "sessions": "" if self._revocations.known else "which sessions were ended has not been read",
        }


async def serve(settings: Settings) -> None:
    """Run the gateway until SIGINT or SIGTERM; raises `NotReachable` and `PortBusy`."""
    async with httpx.AsyncClient() as client:
        process = Process(settings, client)
        loop = asyncio.get_running_loop()

        def on_signal(number: signal.Signals) -> None:
            log.info("stopping", signal=number.name)
            process.stop()
            loop.remove_signal_handler(number)  # a second one ends the process at once

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal, number)
        await process.run()
