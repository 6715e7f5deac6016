"""Fills a view anew from the first event, beside the one that serves, and switches to it."""

import asyncio
import copy
from collections.abc import Callable

import structlog
from msgspec import Struct
from nats.aio.client import Client as Nats

from libs.shared.generations import Generation, Generations
from libs.shared.ids import uuid7
from libs.shared.mongo import Database, described
from libs.shared.positions import Positions, ViewCommitted
from libs.shared.projecting import Applier, Fenced, Projected, advance_to_head, apply_stream, backoff, passes
from libs.shared.projection import View
from libs.shared.pull import StreamReader
from libs.shared.vault import Vault

_IDLE_SECONDS = 0.1

_log = structlog.get_logger(__name__)


class Progress(Struct, frozen=True, kw_only=True):
    """How far a rebuild has come: everything up to `sequence` of the stream, with `left` messages to go."""

    sequence: int
    left: int


class RebuildReplaced(Exception):
    """A later rebuild of the same view has taken this one's place."""


class _Switched(Exception):
    """The new generation serves: done."""


async def rebuild(
    view: View,
    on_progress: Callable[[Progress], None],
    *,
    nats: Nats,
    database: Database,
    positions: Positions,
    vault: Vault | None = None,
    batch: int = 1_000,
) -> str:
    """Rebuild a view while the old generation serves and is projected on; returns the new generation's key.

    Servers that are away are waited for.  Projectors of all processes notice the switch and go on with the new
    generation; they drop the old one after a while.  Cancelled or failed, it leaves the old one as it was.
    Raises `ProjectionFailed`, and `RebuildReplaced`.
    """
    generations = Generations(database)
    shadow = copy.copy(view)
    generation = await generations.begin_rebuild(shadow)
    shadow.bind(generation.key, generations.collections(shadow, generation))
    try:
        sequence = await _fill(shadow, generation, on_progress, nats=nats, database=database, vault=vault, batch=batch)
    except BaseException:
        await generations.abandon(generation)
        raise
    _log.info("view_switched", view=view.name, generation=generation.key, sequence=sequence)
    await positions.announce(
        ViewCommitted(
            view=view.name, generation=generation.key, stream=view.stream, previous=0, sequence=sequence, brands=None
        )
    )
    return generation.key


async def _fill(
    view: View,
    generation: Generation,
    on_progress: Callable[[Progress], None],
    *,
    nats: Nats,
    database: Database,
    vault: Vault | None,
    batch: int,
) -> int:
    generations, owner, attempt = Generations(database), uuid7(), 0
    while True:
        sequence = await generations.sequence(generation)
        if sequence is None:
            raise RebuildReplaced(view.name)
        applier = Applier(view, generation, sequence, database, owner, vault=vault)
        try:
            await _fill_from(applier, on_progress, nats, generations, batch)
        except _Switched:
            return applier.sequence
        except Fenced:
            raise RebuildReplaced(view.name) from None
        except Exception as error:
            if not passes(error):
                raise
            attempt = 0 if applier.sequence > sequence else attempt + 1
            _log.warning("rebuild_restarted", view=view.name, error=described(error)[:300])
            await asyncio.sleep(backoff(attempt))


async def _fill_from(
    applier: Applier,
    on_progress: Callable[[Progress], None],
    nats: Nats,
    generations: Generations,
    batch: int,
) -> None:
    view, js = applier.view, nats.jetstream()

    async def switch() -> None:
        if view.subjects:
            await advance_to_head(applier, js)
        if await generations.switch(applier.generation):
            raise _Switched

    async def on_commit(done: Projected, _: int) -> None:
        left = reader.left(done.sequence)
        on_progress(Progress(sequence=done.sequence, left=left))
        if not left:
            await switch()

    async with StreamReader(nats, view.stream, view.subjects, after=applier.sequence, batch=batch) as reader:
        on_progress(Progress(sequence=applier.sequence, left=reader.left(applier.sequence)))
        await apply_stream(applier, reader, on_commit=on_commit, on_idle=switch, idle_seconds=_IDLE_SECONDS)
