"""Composition of a service: what it registers before anything is connected, how it starts, and how it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeVar, overload

from msgspec.structs import replace

from libs.shared.answers import Answers
from libs.shared.authority import Admit, Authority, RolesOf, find_roles
from libs.shared.bus import BusClient, command_subject, query_subject
from libs.shared.clock import Clock, SystemClock
from libs.shared.codec import Codec, Upcaster
from libs.shared.commands import CommandHandler, OpenSetHandler
from libs.shared.connection import Connection, NotReachable
from libs.shared.domain import Accepted, Command, Decider, Event, Query, Unavailable
from libs.shared.event_store import EventStore
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.logs import logger
from libs.shared.mongo import Client, Database, connect, is_away, is_transient, service_database
from libs.shared.positions import Positions
from libs.shared.projection import View
from libs.shared.projector import Projector, State
from libs.shared.rehearsal import Rehearsal, Rehearsals, Rehearse
from libs.shared.rpc import Responder
from libs.shared.schedules import Due, Schedules, Timetable
from libs.shared.sessions import Sessions
from libs.shared.settings import Settings
from libs.shared.streams import ensure_streams, event_stream, key_stream, schedule_stream, snapshot_stream
from libs.shared.vault import Vault

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
Q = TypeVar("Q", bound=Query)
V = TypeVar("V", bound=View)
R = TypeVar("R")

#: Looks at a command before it is decided: raises `DomainError` to refuse it, may return a richer one in its place.
Guard = Callable[[Any], Awaitable[Command | None]]
Guards = Mapping[type[Command], Guard]


def anybody(_: Query) -> bool:
    """For `App.query(same_for=…)`: the answer does not depend on who asks."""
    return True


_BACKGROUND_RETRY_SECONDS = 1.0
_END_SECONDS = 0.25
_NONE: Mapping[Any, Any] = MappingProxyType({})

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One request that a service answers; `aggregate` is empty for a query, `reply` any type that msgspec writes."""

    subject: str
    aggregate: str
    message: type[Command] | type[Query]
    reply: Any


class App:
    """One service: `compose` registers what it does, `start` connects and serves, `stop` ends in order.

    Nothing is connected before `start`, so a service can be composed to be described (`App.offline`).
    """

    def __init__(
        self, name: str, settings: Settings, *, clock: Clock | None = None, timetable: Timetable | None = None
    ) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock or SystemClock()
        self.nats = Connection(name)
        self.bus = BusClient(self.nats)
        #: What is to happen later; `on_due` says how.
        self.timetable: Timetable = timetable or Schedules(self.nats, name)
        #: The keys to personal data; None without master keys, which only a service without such data can do.
        self.vault = Vault(self.nats, settings.key_ring) if settings.master_keys.get_secret_value() else None
        self.store: EventStore = JetStreamEventStore(self.nats, Codec(name), vault=self.vault)
        self.endpoints: list[Endpoint] = []
        self.aggregates: dict[str, tuple[type[Event], ...]] = {}
        self.projectors: list[Projector] = []
        self._responder = Responder(name, settings.nats_url, concurrent=settings.concurrent_requests)
        self._authority: Authority | None = None
        self._needs_authority = False
        self._rehearsals = Rehearsals()
        self._handlers: list[CommandHandler[Any, Any, Any]] = []
        self._views: dict[str, View] = {}
        self._answers: dict[str, Answers] = {}
        self._hooks: list[Callable[[], Awaitable[None]]] = []
        self._loops: dict[str, Callable[[], Awaitable[None]]] = {}
        self._due: dict[str, Callable[[Due], Awaitable[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._serving = False

    @classmethod
    def offline(cls, name: str) -> "App":
        """A service that is only to be described: it depends on no environment and is never started."""
        return cls(name, Settings.model_construct())

    @cached_property
    def db(self) -> Database:
        """The database of this service; one that never asks for it does not need MongoDB."""
        return service_database(connect(self.settings.mongo_url, app_name=self.name), self.name)

    @cached_property
    def positions(self) -> Positions:
        """How far the views have come."""
        return Positions(self.name, self.nats, self.db)

    @cached_property
    def sessions(self) -> Sessions:
        """Where transactions of this process get their sessions."""
        return Sessions(self.nats, self.db)

    @property
    def views(self) -> Mapping[str, View]:
        """The read models by their names."""
        return MappingProxyType(self._views)

    # Registration

    def authorise(self, roles_of: RolesOf, all_roles: Collection[str], admit: Admit | None = None) -> None:
        """How the roles of an actor are found, and whether the brand takes a command, for every command.

        SYSTEM has `all_roles` and is always admitted.
        """
        self._authority = Authority(roles_of, all_roles, admit)

    @overload
    def aggregate(
        self,
        decider: Decider[S, C, E],
        *,
        guards: Guards = ...,
        open_set: Literal[False] = ...,
        open_to_all: Collection[type[Command]] = ...,
        upcasters: Mapping[tuple[str, int], Upcaster] = ...,
    ) -> CommandHandler[S, C, E]: ...

    @overload
    def aggregate(
        self,
        decider: Decider[S, C, E],
        *,
        guards: Guards = ...,
        open_set: Literal[True],
        open_to_all: Collection[type[Command]] = ...,
        upcasters: Mapping[tuple[str, int], Upcaster] = ...,
    ) -> OpenSetHandler[S, C, E]: ...

    def aggregate(
        self,
        decider: Decider[S, C, E],
        *,
        guards: Guards = _NONE,
        open_set: bool = False,
        open_to_all: Collection[type[Command]] = (),
        upcasters: Mapping[tuple[str, int], Upcaster] = _NONE,
    ) -> CommandHandler[S, C, E] | OpenSetHandler[S, C, E]:
        """Answer every command of the decider: find the actor's roles, ask the guard, decide, append.

        `open_to_all` are commands that need no membership, such as joining; they are decided without roles.
        `open_set` is for sets whose order does not matter, such as votes.
        """
        self.store.codec.register(decider.events, upcasters)
        handler: CommandHandler[S, C, E] | OpenSetHandler[S, C, E]
        if open_set:
            handler = OpenSetHandler(decider, self.store, self.name)
        else:
            handler = CommandHandler(decider, self.store, self.name)
            self._handlers.append(handler)
        self.aggregates[decider.aggregate] = decider.events
        for command in decider.commands:
            guard, open_ = guards.get(command), command in open_to_all
            self.command(decider.aggregate, command, _guarded(handler.handle, guard), open_to_all=open_)
            rehearsal = Rehearsal(
                open_to_all=open_,
                rehearse=_guarded(handler.rehearse, guard),
                aggregates=None if isinstance(handler, OpenSetHandler) else handler,
            )
            self._rehearsals.add(command, rehearsal)
        return handler

    def command(
        self,
        aggregate: str,
        command: type[C],
        handle: Callable[[C], Awaitable[Accepted]],
        *,
        open_to_all: bool = False,
        rehearse: CommandHandler[Any, Any, Any] | Rehearse | None = None,
    ) -> None:
        """Answer one command with `handle`: one over several aggregates, for instance.

        `rehearse` says whether it would change something: the handler whose decider holds its rules, or a function.
        """
        if isinstance(rehearse, CommandHandler):
            decided = Rehearsal(open_to_all=open_to_all, rehearse=rehearse.rehearse, aggregates=rehearse)
            self._rehearsals.add(command, decided)
        elif rehearse is not None:
            self._rehearsals.add(command, Rehearsal(open_to_all=open_to_all, rehearse=rehearse))
        self._needs_authority = self._needs_authority or not open_to_all

        async def run(received: C) -> Accepted:
            roles = await find_roles(self._authority, received, open_to_all=open_to_all)
            return await handle(replace(received, roles=roles))

        subject = command_subject(self.name, aggregate, command.wire_name)
        self._serve(Endpoint(subject=subject, aggregate=aggregate, message=command, reply=Accepted), run)

    async def rehearse(self, commands: Sequence[Command]) -> list[bool]:
        """Whether each command would be accepted, and change something, if it were sent now.  Nothing is stored.

        It is asked of the same roles, gate, guard and decider as the command itself.  Raises KeyError for a command
        that cannot be rehearsed, UNAVAILABLE or STALE_VIEW when it cannot be known.
        """
        return await self._rehearsals.would(self._authority, commands)

    def view(self, view: V) -> V:
        """Keep a read model at its stream, and return it."""
        if self._views.setdefault(view.name, view) is not view:
            raise ValueError(f"two views are called {view.name!r}")
        return view

    def query(
        self,
        query: type[Q],
        reply: Any,
        handle: Callable[[Q], Awaitable[object]],
        *,
        view: View | None,
        allow: Callable[[Q], Awaitable[Q | None]] | None = None,
        same_for: Callable[[Q], bool] | None = None,
    ) -> None:
        """Answer a query with `handle`, which gives a `reply`, once its view shows `at_least`.

        `allow` refuses by raising; a query that it returns is asked in place of the one that came.  A view that is not
        there in `stale_seconds` is refused with STALE_VIEW.
        `same_for` says that all viewers get the same answer to a query: it is then remembered until the view changes.
        """

        async def run(received: Q) -> object:
            if allow is not None:
                received = await allow(received) or received
            if view is not None:
                await self.positions.wait(view, received.at_least, self.settings.stale_seconds)
                if same_for is not None and same_for(received):
                    return await self._answers_of(view).get(received, handle)
            return await handle(received)

        subject = query_subject(self.name, query.wire_name)
        self._serve(Endpoint(subject=subject, aggregate="", message=query, reply=reply), run)

    def on_start(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Run `hook` when everything is connected, before requests are taken."""
        self._hooks.append(hook)

    def background(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run `loop` for as long as the service runs; when it fails it is logged and begun again."""
        self._loops[name] = loop

    def on_due(self, kind: str, handle: Callable[[Due], Awaitable[None]]) -> None:
        """Hand over what `timetable` has of this kind when its time has come, as `Schedules.deliver` describes."""
        if self._due.setdefault(kind, handle) is not handle:
            raise ValueError(f"what is due of {kind!r} is handled twice")
        self._loops["timetable"] = lambda: self.timetable.deliver(self._hand_over)

    # Life

    async def start(self) -> None:
        """Connect, bring the streams about, start projectors and background work, take requests.

        Raises NotReachable when NATS or MongoDB do not answer within `startup_seconds`, SettingsError when there is
        personal data and no master key.
        """
        if self._needs_authority and self._authority is None:
            raise ValueError(f"{self.name} has commands for members only, and no App.authorise")
        if self.vault is None and self._has_personal_data():
            _ = self.settings.key_ring
        deadline = time.monotonic() + self.settings.startup_seconds
        await self.nats.open(self.settings.nats_url, timeout_seconds=self.settings.startup_seconds)
        replicas = self.settings.stream_replicas
        # A view may follow the stream of a service that has not started yet.
        logs = {view.stream.lower() for view in self._views.values()} | ({self.name} if self.aggregates else set())
        await ensure_streams(self.nats, *(event_stream(log, replicas) for log in sorted(logs)))
        if self.aggregates:
            await ensure_streams(self.nats, snapshot_stream(replicas), schedule_stream(replicas))
        if self.vault is not None:
            await ensure_streams(self.nats, key_stream(replicas))
            await self.vault.start()
        if self._views or "db" in self.__dict__:
            await _reach(self.db.client, deadline)
            await self.sessions.start()
            self._tasks.append(asyncio.create_task(_again_and_again("sessions", self.sessions.run)))
        if self._views:
            await self.positions.start()
            for view in self._views.values():
                projector = Projector(
                    view,
                    nats=self.nats,
                    database=self.db,
                    positions=self.positions,
                    sessions=self.sessions,
                    vault=self.vault,
                )
                self.projectors.append(projector)
                self._tasks.append(asyncio.create_task(_project(projector), name=f"view {view.name}"))
        for hook in self._hooks:
            await hook()
        for name, loop in self._loops.items():
            self._tasks.append(asyncio.create_task(_again_and_again(name, loop), name=name))
        await self._responder.start(timeout_seconds=max(1.0, deadline - time.monotonic()))
        self._serving = True
        _log.info("serving", requests=len(self.endpoints), views=len(self._views))

    async def stop(self) -> None:
        """Take no more requests, finish those in flight, end projectors and background work, disconnect."""
        self._serving = False
        deadline = time.monotonic() + self.settings.shutdown_seconds
        await self._responder.stop(grace_seconds=self.settings.shutdown_seconds)
        ending: set[asyncio.Task[None]] = {asyncio.create_task(handler.settle()) for handler in self._handlers}
        ending.update(self._tasks)
        for task in self._tasks:
            task.cancel()
        last = max(deadline, time.monotonic() + 0.5)
        while ending and time.monotonic() < last:
            _, ending = await asyncio.wait(ending, timeout=min(_END_SECONDS, last - time.monotonic()))
            for task in ending:
                if (
                    task.get_name() in self._loops
                ):  # a driver may swallow a cancellation; projectors end what they write
                    task.cancel()
        if self._views:
            await self.positions.stop()
        if "sessions" in self.__dict__:
            await self.sessions.stop()
        await self.nats.close()
        if "db" in self.__dict__:
            self.db.client.close()
        _log.info("stopped")

    async def ready(self) -> None:
        """Wait until every view has caught up with its stream; a projector that fails raises its failure."""
        for projector in self.projectors:
            caught_up = asyncio.ensure_future(projector.caught_up.wait())
            tasks = [task for task in self._tasks if task.get_name() == f"view {projector.view.name}"]
            await asyncio.wait([caught_up, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if not caught_up.done():
                caught_up.cancel()
                raise projector.failure or RuntimeError(f"the projector of {projector.view.name} has ended")

    def alive(self) -> Mapping[str, str]:
        """What only a new process mends: a connection that the server ended for good."""
        closed = self._serving and (self.nats.is_closed or self._responder.closed)
        return {"nats": "the connection was closed for good" if closed else ""}

    def readiness(self) -> Mapping[str, str]:
        """What is missing right now: the connection, or views that have not caught up or have failed."""
        connected = self.nats.is_connected and self._responder.connected
        problems = {
            "service": "" if self._serving else "not serving",
            "nats": "" if connected else "not connected",
        }
        for projector in self.projectors:
            problems[f"view {projector.view.name}"] = _problem(projector)
        return problems

    async def _hand_over(self, due: Due) -> None:
        """Raises KeyError for a kind that this release does not know: another one may, so it is kept."""
        await self._due[due.kind](due)

    def _has_personal_data(self) -> bool:
        events = [*self.store.codec.events.values(), *(event for view in self._views.values() for event in view.events)]
        return any(event.personal for event in events)

    def _answers_of(self, view: View) -> Answers:
        if view.name not in self._answers:
            self._answers[view.name] = Answers(view, self.positions)
        return self._answers[view.name]

    def _serve(self, endpoint: Endpoint, run: Callable[[Any], Awaitable[object]]) -> None:
        if any(endpoint.subject == other.subject for other in self.endpoints):
            raise ValueError(f"{endpoint.subject} is answered twice")
        self.endpoints.append(endpoint)

        async def answer(received: Any) -> object:
            try:
                return await run(received)
            except Exception as error:
                if is_away(error):
                    raise Unavailable("the database does not answer") from error
                raise

        self._responder.serve(endpoint.subject, endpoint.message, answer)


def _guarded(handle: Callable[[C], Awaitable[R]], guard: Guard | None) -> Callable[[C], Awaitable[R]]:
    if guard is None:
        return handle

    async def run(command: C) -> R:
        richer: Any = await guard(command)
        return await handle(command if richer is None else richer)

    return run


def _problem(projector: Projector) -> str:
    if projector.state is State.FAILED:
        return "failed; the logs say why"
    return "" if projector.caught_up.is_set() else f"catching up, {projector.lag} to go"


async def _project(projector: Projector) -> None:
    try:
        await projector.run()
    except Exception:
        # The service goes on: its other views and its commands are not concerned.  Readiness tells.
        _log.exception("view stopped", view=projector.view.name)


async def _again_and_again(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await loop()
        except Exception:
            _log.exception("background work failed and begins again", task=name)
            await asyncio.sleep(_BACKGROUND_RETRY_SECONDS)


async def _reach(client: Client, deadline: float) -> None:
    while True:
        try:
            await client.admin.command("ping")
        except Exception as error:
            if not is_transient(error) or time.monotonic() > deadline:
                raise NotReachable(f"MongoDB does not answer: {str(error)[:200]}") from None
        else:
            return
