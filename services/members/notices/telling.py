"""Tells members what happened: from the facts of all streams to inboxes and e-mail, each receiver once for each fact.

Two steps, each with a checkpoint in the same transaction as what it writes, so that a process that is killed anywhere,
or runs beside another, only does over what was not done:

1. a follower of each stream turns an event into a job, unless it has made it before (`notice_streams`);
2. jobs (`notice_jobs`) take turns, a slice of the audience each: an audience of many thousands holds up nobody else.
"""

from contextlib import suppress
from typing import Any, Final

import msgspec
from nats.errors import Error as NatsError

from libs.shared.app import App
from libs.shared.follower import Follower
from libs.shared.ids import derived_id
from libs.shared.mongo import Session
from libs.shared.recorded import Recorded
from services.members.mail.mailer import Mailer
from services.members.notices.audience import Audience, Receiver
from services.members.notices.facts import STREAMS, Fact, fact_of, is_news, with_thread
from services.members.notices.foreign import MemberLeft
from services.members.notices.inbox import Inbox
from services.members.notices.kinds import Kind, Mail
from services.members.notices.notice import Told
from services.members.notices.places import nth_slice
from services.members.notices.turns import Turns
from services.members.notices.writers import Writers

#: How mails about one notification are called; what they are about is `mail_about`.
MAIL: Final = "notification"

_IN_THREADS: Final = frozenset({Kind.REPLY, Kind.REACTION})
_EVENTS_IN_A_COMMIT: Final = 1_000_000


def live_subject(brand: str) -> str:
    """Where it is said whose inbox has changed, for who listens now."""
    return f"live.notices.{brand}"


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Inboxes that changed: member → the id of the notification."""

    brand: str
    notices: dict[str, str]


def mail_about(member: str, notice: str) -> str:
    """What a mail of the kind `MAIL` is about; a notification's id has 32 characters."""
    return f"{member}{notice}"


def read_mail_about(about: str) -> tuple[str, str]:
    """The member and the notification that a mail is about."""
    return about[:-32], about[-32:]


class Telling:
    """Both steps."""

    def __init__(self, app: App, audience: Audience, inbox: Inbox, writers: Writers, mailer: Mailer) -> None:
        self._app = app
        self._audience = audience
        self._inbox = inbox
        self._writers = writers
        self._mailer = mailer
        self._turns = Turns(app, "notice_jobs", self.step)
        for stream, (subjects, events) in STREAMS.items():
            self._follow(Follower(f"notices_{stream.lower()}", stream, subjects, events, self.take))
        app.on_start(self._inbox.prepare)

    def _follow(self, follower: Follower) -> None:
        self._app.background(follower.name, lambda: follower.run(self._app.nats, self._app.db))

    # Step 1

    async def take(self, recorded: Recorded[Any]) -> bool:
        """Make a job of an event; False when there is nothing to do.  What a member was told goes when they leave."""
        if isinstance(recorded.event, MemberLeft):
            await self._inbox.forget(recorded.brand, recorded.aggregate_id)
            return True
        if not is_news(recorded.time, self._app.clock.now()):
            return False
        fact = fact_of(recorded)
        if fact is not None and fact.reasons[0].kind in _IN_THREADS:
            fact = await self._in_thread(fact, recorded)
        if fact is None:
            return False
        job = {
            "_id": fact.id,
            "fact": msgspec.to_builtins(fact),
            "slice": 0,
            "slices": await self._audience.size(fact),
            "mails": [],
        }
        place = recorded.sequence * _EVENTS_IN_A_COMMIT + recorded.index
        await self._streams.update_one({"_id": recorded.stream}, {"$setOnInsert": {"place": 0}}, upsert=True)
        if await self._writers.run(lambda session: self._add(recorded.stream, place, job, session)):
            self._turns.add(fact.id)
        return True

    async def _in_thread(self, fact: Fact, recorded: Recorded[Any]) -> Fact | None:
        threads = self._audience.threads
        await self._app.positions.wait(threads, {recorded.stream: recorded.sequence})
        written = await threads.written(fact.brand, fact.refs.get("reply") or fact.refs["target"])
        if written is None or not written.space:  # nobody knows who is let in there
            return None
        return with_thread(fact, author=written.author, space=written.space, tags=written.tags)

    async def _add(self, stream: str, place: int, job: dict[str, Any], session: Session) -> bool:
        """Add a job, within a transaction; False when the stream was read further before."""
        further = {"_id": stream, "place": {"$lt": place}}
        moved = await self._streams.update_one(further, {"$set": {"place": place}}, session=session)
        if moved.matched_count:
            await self._turns.jobs.insert_one(job, session=session)
        return bool(moved.matched_count)

    # Step 2

    async def step(self, job: dict[str, Any]) -> bool:
        """Tell the next slice of a job; whether more is to be done."""
        fact = msgspec.convert(job["fact"], Fact)
        if job["mails"]:
            await self._send(fact, job)
            return True
        if job["slice"] == job["slices"]:
            await self._turns.jobs.delete_one({"_id": job["_id"], "slice": job["slice"], "mails": []})
            return False
        receivers = await self._audience.receivers(fact, nth_slice(job["slice"], job["slices"]))
        told, mails = await self._writers.run(lambda session: self._tell(fact, job, receivers, session))
        await self._announce(fact, told)
        return mails or job["slice"] + 1 < job["slices"]

    async def _tell(
        self, fact: Fact, job: dict[str, Any], receivers: list[Receiver], session: Session
    ) -> tuple[list[tuple[Receiver, Told]], bool]:
        """Write a slice and that it is done, within a transaction; nothing when another process was faster.

        Returns whose notification changed, and whether there are mails to be sent.
        """
        jobs, it = self._turns.jobs, {"_id": job["_id"]}
        step = {**it, "slice": job["slice"], "mails": []}
        if not (await jobs.update_one(step, {"$inc": {"slice": 1}}, session=session)).matched_count:
            return [], False
        told = await self._inbox.tell(fact, receivers, session)
        mails = [
            [one.member, new.document["notice"], new.document["since_ms"]]
            for one, new in told
            if one.choice.mail is Mail.NOW
        ]
        if mails:
            await jobs.update_one(it, {"$set": {"mails": mails}}, session=session)
        elif job["slice"] + 1 == job["slices"]:
            await jobs.delete_one(it, session=session)
        return told, bool(mails)

    async def _send(self, fact: Fact, job: dict[str, Any]) -> None:
        """Have the mails sent that the slice before asked for: one for each notification until it is read."""
        for member, notice, since_ms in job["mails"]:
            mail_id = derived_id("notice_mail", fact.brand, member, notice, str(since_ms))
            await self._mailer.send(mail_id, fact.brand, MAIL, mail_about(member, notice))
        await self._turns.jobs.update_one({"_id": job["_id"], "slice": job["slice"]}, {"$set": {"mails": []}})

    async def _announce(self, fact: Fact, told: list[tuple[Receiver, Told]]) -> None:
        """Say it to who listens; who misses it sees it in the inbox."""
        notices = {one.member: new.document["notice"] for one, new in told if new.document["shown"]}
        if notices:
            changed = Changed(brand=fact.brand, notices=notices)
            with suppress(NatsError, OSError):
                await self._app.nats.publish(live_subject(fact.brand), msgspec.json.encode(changed))

    @property
    def _streams(self) -> Any:
        return self._app.db["notice_streams"]
