"""Composition of the gateway: the HTTP application, and the process that serves it."""

import asyncio
import signal
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
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
from libs.shared.settings import Settings, SettingsError, variable
from services.gateway import http, invitation_door, mail_door, rates, revocation, websocket
from services.gateway.admission import Admission, Bounds
from services.gateway.api_keys import ApiKeys
from services.gateway.browsers import (
    CONSOLE_POLICY,
    CORS_REQUEST_HEADERS,
    CORS_RESPONSE_HEADERS,
    CORS_SECONDS,
    SECURITY_HEADERS,
)
from services.gateway.deadline import TimedBus
from services.gateway.documents import Policy
from services.gateway.execution import Engine
from services.gateway.feed import Feed, follow, follow_notices
from services.gateway.gateway import Gateway
from services.gateway.limits import MAX_BODY_BYTES
from services.gateway.observation import ObservedBus, Observer
from services.gateway.origins import Origins
from services.gateway.principals import Principals
from services.gateway.rates import Rates
from services.gateway.revocation import Revocations
from services.gateway.scim.door import PREFIX, Door
from services.gateway.security import Authenticator, Keys, http_fetch
from services.gateway.trusted import Trusted

STATIC: Final = Path(__file__).parent / "static"

log = logger(__name__)

#: What is not traced: probes, and links of which the address itself opens a door.
UNTRACED: Final = "healthz,readyz,/mail/,/invitations/"
#: Longer than what load balancers keep an idle connection for, so that they are the ones to close it.
_KEEP_ALIVE_SECONDS: Final = 75
#: Smaller answers are sent as they are; a page of posts shrinks to a quarter at a cost of about 20 µs a kilobyte.
_COMPRESSED_BYTES: Final = 1024
_COMPRESSION_LEVEL: Final = 4


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
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in SECURITY_HEADERS if pair[0] not in present),
                ]
            await send(message)

        await self._app(scope, receive, add)


async def _refused(_: Request, error: Exception) -> Response:
    """What the router refuses: an unknown path, a wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(status, "BAD_REQUEST")
    headers = error.headers if isinstance(error, HTTPException) else None
    answer = http.failure(status, code, getattr(error, "detail", "refused"), headers)
    return Response(answer.body, answer.status, dict(answer.headers), answer.kind)


class Application(FastAPI):
    """The HTTP application; it owns no connection.

    What FastAPI does for each request costs as much as `{ __typename }` itself, so `/graphql` is answered before it.
    """

    def __init__(self, gateway: Gateway, health: Health) -> None:
        super().__init__(title="Archipel", openapi_url=None, docs_url=None, redoc_url=None)
        self._graphql = _Shared(_compressed(http.GraphQL(gateway)), gateway.origins)
        self._scim = _compressed(Door(gateway))

        async def subscriptions(socket: WebSocket) -> None:
            await websocket.Connection(socket, gateway).run()

        self.add_api_websocket_route("/graphql", subscriptions)
        self.router.routes += [Route("/healthz", health), Route("/readyz", health)]
        self.add_route("/", _console, methods=["GET"])
        self.add_route(mail_door.PATH, mail_door.MailDoor(gateway).answer, methods=["GET", "POST"])
        self.add_route(invitation_door.PATH, invitation_door.InvitationDoor(gateway).answer, methods=["GET"])
        self.mount("/static", StaticFiles(directory=STATIC), name="static")
        self.add_exception_handler(HTTPException, _refused)
        self.add_middleware(_Headers)
        self.add_middleware(GZipMiddleware, minimum_size=_COMPRESSED_BYTES, compresslevel=_COMPRESSION_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one connection."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self._graphql(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._scim(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _console(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": CONSOLE_POLICY})


def _compressed(app: ASGIApp) -> ASGIApp:
    """Answers hold no secrets, and no cookie lets a foreign page ask in a user's name, so BREACH finds nothing here."""
    return GZipMiddleware(app, minimum_size=_COMPRESSED_BYTES, compresslevel=_COMPRESSION_LEVEL)


class _Shared(CORSMiddleware):
    """With the pages of these origins (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "POST"),
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_RESPONSE_HEADERS,
            max_age=CORS_SECONDS,
        )
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None:  # no page of another origin
            await self.app(scope, receive, send)
            return
        await self._origins.learn(origin.decode("latin-1"))
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether pages of this origin may read the answer."""
        return origin in self._origins


def assemble(settings: Settings, bus: TimedBus, tokens: Authenticator, revocations: Revocations) -> Gateway:
    """The gateway as it is set; raises `SettingsError` when a setting or a manifest cannot be used."""
    trusted = Trusted.load(settings.trusted_documents)
    policy = Policy(trusted_only=settings.documents == "trusted", introspection=settings.introspection == "on")
    if policy.trusted_only and not len(trusted):
        raise SettingsError(f"{variable('trusted_documents')} holds no document, and no others are allowed")
    observed = ObservedBus(bus)
    return Gateway(
        engine=Engine(trusted, policy, Observer(slow_seconds=settings.slow_operation_seconds)),
        bus=observed,
        principals=Principals(tokens, ApiKeys(observed), revocations),
        identity_key=settings.identity_secret,
        feed=Feed(),
        rates=Rates(
            principal=settings.rate_principal,
            anonymous=settings.rate_anonymous,
            brand=settings.rate_brand,
            secret=settings.identity_secret,
        ),
        trusted=trusted,
        origins=Origins(settings.origins, observed),
        operation_seconds=settings.operation_seconds,
        admission=Admission(_bounds(settings.concurrent_requests)),
    )


def _bounds(most: int) -> Bounds:
    return Bounds(least=min(most, Bounds().least), most=most)


class Process:
    """The running gateway: its connections, its HTTP server and what goes on in the background."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._nats = Nats("gateway")
        self._keys = Keys(http_fetch(client, issuer=settings.issuer, jwks_url=settings.jwks_url))
        self._revocations = Revocations()
        tokens = Authenticator(
            self._keys,
            issuer=settings.issuer,
            audience=settings.audience,
            identity_key=settings.identity_secret,
            subject_claim=settings.subject_claim,
        )
        self._gateway = assemble(settings, BusClient(self._nats), tokens, self._revocations)
        app = Application(self._gateway, Health(self._alive, self._ready))
        if settings.otlp_endpoint:
            from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 – costs memory

            FastAPIInstrumentor.instrument_app(app, exclude_spans=["send", "receive"], excluded_urls=UNTRACED)
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
            await follow_notices(self._nats, self._gateway.feed)
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

    async def stop(self) -> None:
        """Say that no more should come, let lasting connections end, accept nothing more and finish what was begun."""
        await self._gateway.drain.end(self._settings.shutdown_seconds)
        self._server.stop()

    def _alive(self) -> dict[str, str]:
        return {"nats": "the connection was closed for good" if self._nats.is_closed else ""}

    def _ready(self) -> dict[str, str]:
        return {
            "gateway": "about to end" if self._gateway.drain.begun else "",
            "nats": "" if self._nats.is_connected else "not connected",
            "keys": "" if self._keys.readable else "the identity provider's keys have not been read",
            "sessions": "" if self._revocations.known else "which sessions were ended has not been read",
        }


async def serve(settings: Settings) -> None:
    """Run the gateway until SIGINT or SIGTERM; raises `NotReachable` and `PortBusy`."""
    async with httpx.AsyncClient() as client:
        process = Process(settings, client)
        loop = asyncio.get_running_loop()
        ending: list[asyncio.Task[None]] = []

        def on_signal(number: signal.Signals) -> None:
            log.info("stopping", signal=number.name)
            ending.append(asyncio.create_task(process.stop()))
            loop.remove_signal_handler(number)  # a second one ends the process at once

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal, number)
        await process.run()
