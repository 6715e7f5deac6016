"""One service as a process: settings, logs, telemetry, HTTP for health, signals, and an end in order."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import uvloop

from libs.shared import logs, telemetry
from libs.shared.app import App, Endpoint, anybody
from libs.shared.connection import NotReachable
from libs.shared.health import Health, HttpServer, PortBusy
from libs.shared.settings import SettingsError, load

__all__ = ["App", "Endpoint", "anybody", "run"]

_log = logs.logger(__name__)


def run(name: str, compose: Callable[[App], None]) -> NoReturn:
    """Run the service until SIGTERM or SIGINT and exit with 0.

    Exits with 1, and one line on standard error, when a setting is wrong, the port is taken, or NATS or MongoDB are
    not reachable within `ARCHIPEL_STARTUP_SECONDS`.
    """
    try:
        settings = load()
        logs.configure(settings.log_level, settings.log_format, name)
        end_telemetry = telemetry.configure(name, settings.otlp_endpoint)
        app = App(name, settings)
        compose(app)
        try:
            uvloop.run(_serve(app))
        finally:
            end_telemetry()
    except (SettingsError, PortBusy, NotReachable) as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(1)
    sys.exit(0)


async def _serve(app: App) -> None:
    settings = app.settings
    health = Health(app.alive, app.readiness)
    server = HttpServer(health, settings.http_host, settings.http_port, grace_seconds=settings.shutdown_seconds)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        _log.info("stopping", signal=number.name)
        stopping.set()
        loop.remove_signal_handler(number)  # a second one ends the process at once

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    listening = asyncio.create_task(server.run_until_stopped())
    _log.info("listening", port=server.port)
    try:
        starting = asyncio.create_task(app.start())
        asked = asyncio.create_task(stopping.wait())
        await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            # What lives now lives as long as the process: full collections need not look at it again.
            gc.collect()
            gc.freeze()
            await asked
        starting.cancel()
        await app.stop()
    finally:
        server.stop()
        await listening
