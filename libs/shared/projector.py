"""Runs a view: one process at a time projects it, the others stand by; a new version is filled and then switched to."""

import asyncio
import random
import weakref
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum

import structlog
from nats.aio.client import Client as Nats
from opentelemetry.metrics import CallbackOptions, Observation
from pymongo.errors import OperationFailure, PyMongoError

from libs.shared.generations import Generation, Generations, Opened
from libs.shared.ids import uuid7
from libs.shared.mongo import Database, Session, described, is_write_conflict
from libs.shared.positions import Positions, ViewCommitted
from libs.shared.presence import is_present, present
from libs.shared.projecting import (
    Applier,
    Fenced,
    Projected,
    ProjectionFailed,
    advance_to_head,
    apply_stream,
    backoff,
    end_if_cancelled,
    passes,
)
from libs.shared.projection import View
from libs.shared.pull import StreamReader, head, is_next_within
from libs.shared.sessions import Sessions
from libs.shared.telemetry import meter
from libs.shared.vault import Vault

_STANDBY_SECONDS = 1.0
#: A process that answers, and has not moved a view with work to do for so long, is not waited for any more.
_STANDSTILL_SECONDS = 30.0
_IDLE_SECONDS = 2.0
#: So often a claim gives way to those that live.
_CLAIMS = 10
_CLAIM_AGAIN_SECONDS = 0.1
_GRACE_SECONDS = 60.0
_MAX_BRANDS = 200

_log = structlog.get_logger(__name__)


class State(StrEnum):
    """What a projector is doing.  STANDBY: another process projects the view, this one reads it."""

    STARTING = "starting"
    ACTIVE = "active"
    STANDBY = "standby"
    FAILED = "failed"


_projectors: "weakref.WeakSet[Projector]" = weakref.WeakSet()


class _Moved(Exception):
    """Another generation may be active: open again."""


class Projector:
    """Keeps one view at its stream.  `run` until cancelled; look at `state`, `caught_up`, `lag` and `failure`.

    `caught_up` is set once the view, in a generation that serves, has come to the end of its stream; queries that need
    no position should wait for it after a start.  `failure` is set when the projector has stopped for good.
    """

    def __init__(
        self,
        view: View,
        *,
        nats: Nats,
        database: Database,
        positions: Positions,
        sessions: Sessions | None = None,
        vault: Vault | None = None,
        batch: int = 200,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self.view = view
        self.state = State.STARTING
        self.failure: BaseException | None = None
        self.caught_up = asyncio.Event()
        self.lag = 0
        self._nats = nats
        self._js = nats.jetstream()
        self._database = database
        self._positions = positions
        self._sessions = sessions or Sessions(nats, database)
        self._session: Session | None = None
        self._in_doubt = False
        self._vault = vault
        self._batch = batch
        self._grace_seconds = grace_seconds
        self._generations = Generations(database)
        self._owner = uuid7()
        self._reader: StreamReader | None = None
        self._wake = asyncio.Event()
        self._dropping: asyncio.Task[None] | None = None
        _projectors.add(self)
        positions.listen(view.name, self._on_announcement)

    async def run(self) -> None:
        """Project until cancelled; servers that are away are waited for.  Raises what is in `failure`."""
        attempt = 0
        try:
            while True:
                end_if_cancelled()
                try:
                    before = self._positions.reached(self.view)
                    await self._run_once()
                except _Moved:
                    continue
                except Exception as error:
                    if not passes(error):
                        raise
                    attempt = 0 if self._positions.reached(self.view) > before else attempt + 1
                    _log.warning("projector_restarted", view=self.view.name, error=described(error)[:300])
                    await asyncio.sleep(backoff(attempt))
        except Exception as error:
            self.failure = error
            self.state = State.FAILED
            _log.error("projector_stopped", view=self.view.name, error=str(error))
            raise
        finally:
            if self._dropping is not None:
                self._dropping.cancel()

    async def _run_once(self) -> None:
        opened = await self._generations.open(self.view)
        self.view.bind(opened.generation.key, self._generations.collections(self.view, opened.generation))
        self._positions.bound(self.view, opened.sequence)
        if opened.serving:
            self._drop_retired_later()
        sequence = await self._stand_by(opened.generation)
        with suppress(Fenced):
            await self._project(opened._replace(sequence=sequence))

    async def _project(self, opened: Opened) -> None:
        if self._session is None:
            self._session = await self._sessions.open()
        elif self._in_doubt:
            self._session = await self._sessions.replace(self._session)
            self._in_doubt = False
        applier = Applier(
            self.view,
            opened.generation,
            opened.sequence,
            self._database,
            self._owner,
            session=self._session,
            vault=self._vault,
            turns=self._sessions.turns,
        )
        reader = StreamReader(
            self._nats, self.view.stream, self.view.subjects, after=opened.sequence, batch=self._batch
        )
        serving = opened.serving

        async def on_commit(batch: Projected, previous: int) -> None:
            self.lag = reader.left(batch.sequence)
            await self._announce(applier.generation, previous, batch.sequence, batch.brands)
            if not self.lag:
                await settle()

        async def settle() -> None:
            nonlocal serving
            if not serving:
                await self._pass_others(applier)
                serving = await self._generations.switch(applier.generation)
                if serving:
                    _log.info("view_switched", view=self.view.name, generation=applier.generation.key)
                    self._drop_retired_later()
            if serving:
                self.caught_up.set()

        async def on_idle() -> None:
            await self._check_in(applier, serving=serving)
            await settle()

        async with reader, present(self._nats, self._owner):
            await self._refuse_replaced_stream(applier)
            await self._take_over(applier)
            self._reader = reader
            self.state = State.ACTIVE
            self.lag = reader.left(applier.sequence)
            try:
                if not self.lag:
                    await settle()
                idle_seconds = _IDLE_SECONDS if serving else _STANDBY_SECONDS
                await apply_stream(applier, reader, on_commit=on_commit, on_idle=on_idle, idle_seconds=idle_seconds)
            finally:
                self._reader = None
                self._in_doubt = applier.interrupted

    async def _take_over(self, applier: Applier) -> None:
        for attempt in range(1, _CLAIMS + 1):
            try:
                await applier.take_over()
            except OperationFailure as error:
                if not is_write_conflict(error) or attempt == _CLAIMS:
                    raise
            else:
                return
            await self._sessions.abort_the_dead()
            await asyncio.sleep(random.uniform(0, _CLAIM_AGAIN_SECONDS))  # noqa: S311 – jitter

    async def _announce(self, generation: Generation, previous: int, sequence: int, brands: frozenset[str]) -> None:
        await self._positions.announce(
            ViewCommitted(
                view=self.view.name,
                generation=generation.key,
                stream=self.view.stream,
                previous=previous,
                sequence=sequence,
                brands=sorted(brands) if len(brands) <= _MAX_BRANDS else None,
            )
        )

    async def _check_in(self, applier: Applier, *, serving: bool) -> None:
        """With nothing to do: is the generation still the one to project, and has a filtered stream moved on?"""
        if serving and await self._generations.active(self.view.name) != applier.generation:
            raise _Moved
        if await self._generations.checkpoint(applier.generation) != (applier.sequence, self._owner):
            raise Fenced(applier.generation.checkpoint)
        await self._pass_others(applier)

    async def _pass_others(self, applier: Applier) -> None:
        previous = applier.sequence
        if self.view.subjects and await advance_to_head(applier, self._js):
            await self._announce(applier.generation, previous, applier.sequence, frozenset())

    async def _stand_by(self, generation: Generation) -> int:
        """Follow the checkpoint for as long as another process projects; return where it stands then."""
        loop = asyncio.get_running_loop()
        last, since = -1, loop.time()
        there: int | None = None
        while True:
            end_if_cancelled()
            self._wake.clear()
            sequence, owner = await self._generations.checkpoint(generation)
            if sequence is None:
                raise _Moved
            if owner in {"", self._owner} or not await is_present(self._nats, owner):
                return sequence
            active = await self._generations.active(self.view.name)
            if active is None or (active != generation and active.version >= generation.version):
                raise _Moved
            self.state = State.STANDBY
            if there is None:
                there = await head(self._js, self.view.stream)
            self._positions.observed(self.view, sequence)
            if sequence != last:
                last, since = sequence, loop.time()
            left = await self._measure_lag(sequence)
            # Under load there is always something left; what was there at first is what it has to come to.
            if active == generation and (not left or sequence >= there):
                self.caught_up.set()
            if not left:
                since = loop.time()
            elif loop.time() - since >= _STANDSTILL_SECONDS:
                _log.warning("projector_passed_over", view=self.view.name, sequence=sequence)
                return sequence
            try:
                async with asyncio.timeout(_STANDBY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _measure_lag(self, sequence: int) -> int:
        view, end = self.view, await head(self._js, self.view.stream)
        waiting = await is_next_within(self._js, view.stream, view.subjects, after=sequence, until=end)
        self.lag = end - sequence if waiting else 0
        return self.lag

    async def _refuse_replaced_stream(self, applier: Applier) -> None:
        end = await head(self._js, self.view.stream)
        if end < applier.sequence:
            reason = f"the stream ends at {end}: it is not the one this view was made from; rebuild the view"
            raise ProjectionFailed(self.view.name, self.view.stream, applier.sequence + 1, reason)

    def _on_announcement(self, committed: ViewCommitted) -> None:
        if self.view.generation and committed.generation != self.view.generation:
            self._wake.set()
            if self._reader is not None:
                self._reader.interrupt(_Moved())

    def _drop_retired_later(self) -> None:
        async def drop() -> None:
            for seconds in (0.0, self._grace_seconds + 1.0):
                await asyncio.sleep(seconds)
                try:
                    await self._generations.drop_retired(self.view.name, grace_seconds=self._grace_seconds)
                except PyMongoError as error:  # the next start does it
                    _log.warning("retired_view_kept", view=self.view.name, error=described(error)[:300])

        if self._dropping is not None:
            self._dropping.cancel()
        self._dropping = asyncio.create_task(drop())


def _observe_lag(_: CallbackOptions) -> Iterable[Observation]:
    for projector in list(_projectors):
        yield Observation(projector.lag, {"view": projector.view.name, "state": projector.state.value})


meter().create_observable_gauge(
    "archipel.projection.lag", [_observe_lag], "{message}", "messages of the stream that a view does not show yet"
)
