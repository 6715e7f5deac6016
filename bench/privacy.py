"""What encryption costs: joining and appending with and without it, and a projector that decrypts what it reads."""

import asyncio
import base64
import contextlib
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import nats
from nats.aio.client import Client as Nats
from pymongo import IndexModel, ReplaceOne

from bench.harness import Line, compare, in_turn, mongo_server, nats_server, rate
from libs.shared import mongo
from libs.shared.codec import CONTENT_TYPE, Codec
from libs.shared.commands import CommandHandler
from libs.shared.domain import Event, Owner
from libs.shared.event_store import Pending, Subject
from libs.shared.ids import uuid7
from libs.shared.jetstream import JetStreamEventStore
from libs.shared.positions import Positions
from libs.shared.privacy import MasterKeys
from libs.shared.projection import Change, View, Write
from libs.shared.projector import Projector
from libs.shared.recorded import Recorded
from libs.shared.streams import ensure_streams, event_stream, key_stream, snapshot_stream
from libs.shared.vault import Vault
from services.members.member import (
    ChangeProfile,
    JoinBrand,
    Member,
    MemberCommand,
    MemberEvent,
    ProfileChanged,
)
from services.members.member_decisions import DECIDER

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BRAND, _SERVICE = "b1", "members"
_JOINS = {1: 500, 32: 50}
_CHANGES = {1: 1_000, 32: 100}
_JOINS_A_SECOND = 500
_TEXTS, _AUTHORS = 4_000, 100

Handler = CommandHandler[Member, MemberCommand, MemberEvent]


class TextWritten(Event, frozen=True, kw_only=True):
    """Somebody wrote 150 characters."""

    wire_name: ClassVar[str] = "text_written"
    personal: ClassVar[frozenset[str]] = frozenset({"text"})
    owner: ClassVar[Owner] = Owner.ACTOR

    text: str


class _Texts(View):
    """A document a text."""

    name = "texts"
    events: ClassVar[tuple[type[Event], ...]] = (TextWritten,)
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {"text": ()}

    def __init__(self, service: str) -> None:
        self.stream = service.upper()  # type: ignore[misc]  # the same view of two streams

    def project(self, recorded: Recorded[TextWritten]) -> Iterable[Change]:
        """One document."""
        document = {"_id": recorded.id, "author": recorded.actor, "text": recorded.event.text}
        yield Write("text", ReplaceOne({"_id": recorded.id}, document, upsert=True))


async def run() -> list[Line]:
    """Rows for joining, for appending and for projecting."""
    masters = MasterKeys.parse(f"bench:{base64.b64encode(bytes(32)).decode()}")
    with nats_server() as nats_url, mongo_server() as mongo_url:
        connection = await nats.connect(nats_url)
        streams = [event_stream(name) for name in (_SERVICE, "sealed", "plain")]
        await ensure_streams(connection, key_stream(), snapshot_stream(), *streams)
        vault = Vault(connection, masters)
        lines = [*await _joining(connection, vault), *await _changing(connection, vault)]
        lines.append(await _projecting(connection, vault, mongo_url))
        await connection.close()
    return lines


async def _joining(connection: Nats, vault: Vault) -> list[Line]:
    """Joins, each of which appends a key and a commit, beside joins without a key and beside two raw publishes."""
    lines = []
    sealed, plain = _handler(connection, vault), _handler(connection, None)
    raw = _Raw(connection, await _commit(vault))
    for writers, each in _JOINS.items():

        async def joined(handler: Handler, writers: int = writers, each: int = each) -> float:
            return await rate(writers, each, lambda _, __: handler.handle(_join(uuid7())))

        async def published(writers: int = writers, each: int = each) -> float:
            return await rate(writers, each, lambda _, __: _twice(raw))

        measured, unsealed, limit = await in_turn(partial(joined, sealed), partial(joined, plain), published)
        what = f"joining with a new key, {_writers(writers)}"
        lines.append(
            Line(
                what=what,
                measured=measured,
                unit="/s",
                limit=unsealed,
                limit_what="joining without encryption",
                ratio=measured / unsealed,
                budget=f"≥ {_JOINS_A_SECOND} /s",
                met=measured >= _JOINS_A_SECOND,
            )
        )
        at_least = 0.5 if writers > 1 else None
        lines.append(compare(what, measured, limit, limit_what="two raw nats-py publishes", at_least=at_least))
    return lines


async def _twice(raw: "_Raw") -> None:
    for _ in range(2):
        await raw.publish(uuid7())


async def _changing(connection: Nats, vault: Vault) -> list[Line]:
    """Appends of two encrypted fields, beside raw publishes of the same bytes with the same expectation."""
    lines = []
    handler = _handler(connection, vault)
    raw = _Raw(connection, await _commit(vault))
    numbers = itertools.count()
    for writers, each in _CHANGES.items():
        members = [uuid7() for _ in range(writers)]
        await asyncio.gather(*(handler.handle(_join(member)) for member in members))

        async def changed(writers: int = writers, each: int = each, members: list[str] = members) -> float:
            return await rate(
                writers, each, lambda writer, _: handler.handle(_change(members[writer], f"{next(numbers):0150}"))
            )

        async def published(writers: int = writers, each: int = each) -> float:
            return await rate(writers, each, lambda writer, _: raw.publish(f"raw-{writers}-{writer}"))

        measured, limit = await in_turn(changed, published)
        what = f"append of encrypted fields through the command handler, {_writers(writers)}"
        lines.append(compare(what, measured, limit, limit_what="raw nats-py publish", at_least=0.5))
    await handler.settle()
    return lines


async def _projecting(connection: Nats, vault: Vault, mongo_url: str) -> Line:
    client = mongo.connect(mongo_url)
    fresh = itertools.count()
    await _fill(JetStreamEventStore(connection, Codec("sealed", [TextWritten]), vault=vault), "sealed")
    await _fill(JetStreamEventStore(connection, Codec("plain", [TextWritten])), "plain")

    async def projected(service: str) -> float:
        # Nothing is in memory at first, as in a rebuild.
        cold = Vault(connection, vault._masters)
        return await _project(connection, _Texts(service), client[f"bench_{next(fresh)}"], cold)

    measured, limit = await in_turn(partial(projected, "sealed"), partial(projected, "plain"))
    client.close()
    return compare(
        "projector that decrypts a field an event",
        measured,
        limit,
        limit_what="the same in plain text",
        unit="events/s",
    )


async def _project(connection: Nats, view: _Texts, database: mongo.Database, vault: Vault) -> float:
    positions = Positions("bench", connection, database)
    await positions.start()
    projector = Projector(view, nats=connection, database=database, positions=positions, vault=vault)
    began = time.perf_counter()
    running = asyncio.create_task(projector.run())
    await positions.wait(view, {view.stream: _TEXTS}, timeout_seconds=60)
    seconds = time.perf_counter() - began
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await positions.stop()
    await database.client.drop_database(database.name)
    return _TEXTS / seconds


class _Raw:
    """What nats-py does at best: the same bytes with the same headers, and nothing decided or encrypted."""

    def __init__(self, connection: Nats, commit: bytes) -> None:
        self._js = connection.jetstream()
        self._sequences: dict[str, int] = {}
        self._commit = commit

    async def publish(self, member: str) -> None:
        subject = f"evt.{_SERVICE}.{_BRAND}.member.{member}"
        headers = {
            "Nats-Msg-Id": uuid7(),
            "Nats-Expected-Last-Subject-Sequence": str(self._sequences.get(subject, 0)),
            "Content-Type": CONTENT_TYPE,
        }
        self._sequences[subject] = (await self._js.publish(subject, self._commit, headers=headers)).seq


async def _commit(vault: Vault) -> bytes:
    """What a changed profile is in the log."""
    event = ProfileChanged(display_name="Marie Curie", bio=f"{0:0150}")
    pending = Pending(
        event=event, id=uuid7(), brand=_BRAND, aggregate="member", aggregate_id=uuid7(), actor="m1", time=_NOW,
        causation_id=uuid7(), correlation_id=uuid7(),
    )  # fmt: skip
    codec = Codec(_SERVICE, [ProfileChanged])
    return codec.encode([pending], await vault.to_write(codec.writers_need([pending])))


async def _fill(store: JetStreamEventStore, service: str) -> None:
    def append(number: int) -> "asyncio.Future[int]":
        author = f"m{number % _AUTHORS}"
        subject = Subject(service, _BRAND, "text", author)
        pending = Pending(
            event=TextWritten(text="x" * 150), id=uuid7(), brand=_BRAND, aggregate="text", aggregate_id=author,
            actor=author, time=_NOW, causation_id=uuid7(), correlation_id=uuid7(),
        )  # fmt: skip
        return asyncio.ensure_future(store.append(subject, [pending], expected=None))

    for start in range(0, _TEXTS, 500):
        await asyncio.gather(*(append(number) for number in range(start, start + 500)))


def _handler(connection: Nats, vault: Vault | None) -> Handler:
    return CommandHandler(DECIDER, JetStreamEventStore(connection, Codec(_SERVICE), vault=vault), _SERVICE)


def _join(member: str) -> JoinBrand:
    return JoinBrand(
        command_id=uuid7(), brand=_BRAND, actor=member, now=_NOW, member_id=member, identity=member,
        display_name="Marie Curie", email="marie.curie@example.org",
    )  # fmt: skip


def _change(member: str, bio: str) -> ChangeProfile:
    return ChangeProfile(command_id=uuid7(), brand=_BRAND, actor=member, now=_NOW, member_id=member, bio=bio)


def _writers(count: int) -> str:
    return f"{count} writer{'s' if count > 1 else ''}"
