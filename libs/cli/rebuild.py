"""`archipel rebuild`: fills a view anew from its stream while the platform runs and the old one goes on serving."""

import importlib
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from libs.cli.client import Target
from libs.cli.problems import CannotRun
from libs.shared.app import App
from libs.shared.connection import NotReachable
from libs.shared.projection import View
from libs.shared.rebuild import Progress, RebuildReplaced, rebuild
from libs.shared.settings import Settings

_CONNECT_SECONDS = 5.0


async def rebuild_view(target: Target, service: str, view: str, on_progress: Callable[[Progress], None]) -> str:
    """Rebuilds one view and returns the key of the generation that serves now; raises `CannotRun`."""
    app = _composed(target, service)
    chosen = _chosen(app.views, service, view)
    try:
        await app.nats.open(target.nats_url, timeout_seconds=_CONNECT_SECONDS)
    except (NotReachable, OSError) as error:
        raise CannotRun("NATS does not answer: is the platform running?") from error
    try:
        if app.vault is not None:
            await app.vault.start()
        return await rebuild(
            chosen, on_progress, nats=app.nats, database=app.db, positions=app.positions, vault=app.vault
        )
    except RebuildReplaced as error:
        raise CannotRun(f"another rebuild of {view} has begun and goes on in place of this one") from error
    finally:
        await app.nats.close()
        app.db.client.close()


def _composed(target: Target, service: str) -> App:
    """The service as its process composes it, unconnected."""
    if target.mongo_url is None:
        raise CannotRun("MONGO_URL is not set: the views lie there")
    settings = Settings(
        nats_url=target.nats_url,
        mongo_url=target.mongo_url,
        identity_key=SecretStr(target.identity_key.decode()),
        master_keys=SecretStr(target.master_keys),
    )
    try:
        compose = importlib.import_module(f"services.{service}.service").compose
    except (ModuleNotFoundError, AttributeError) as error:
        raise CannotRun(f"there is no service {service!r} with views") from error
    app = App(service, settings)
    compose(app)
    return app


def _chosen(views: Mapping[str, View], service: str, name: str) -> View:
    found = views.get(name)
    if found is None:
        raise CannotRun(f"{service} has no view {name!r}; it has {', '.join(sorted(views))}")
    return found
