"""Digests: once a day and once a week, in the morning where the member lives, what they have not read and what was new.

A schedule a brand wakes this process when a digest is due in some zone of its members (`digest_brands` has what was
done before).  It makes a job of it (`digest_jobs`), of which each step looks at a slice of the members in that zone and
has a mail sent to whom there is something to tell.  What the mail says is found when it is sent.  Its id is derived
from member, period and day: whoever repeats a step, and however many processes do, sends it once.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from libs.shared.app import App
from libs.shared.domain import SYSTEM
from libs.shared.follower import BatchFollower
from libs.shared.ids import derived_id
from libs.shared.recorded import Recorded
from libs.shared.schedules import Due
from libs.shared.times import from_ms, to_ms
from services.members.mail.mailer import Mailer
from services.members.notices.digest_times import Digest, Period, due, next_due
from services.members.notices.foreign import MemberJoined, MemberLocaleChosen
from services.members.notices.inbox import Inbox
from services.members.notices.kinds import Choices, Kind, Mail
from services.members.notices.places import nth_slice, slices_for
from services.members.notices.preferences import DigestZoneChosen
from services.members.notices.turns import Turns
from services.members.notices.views.choices import ChoicesView
from services.members.notices.views.readers import ReadersView
from services.members.notices.wording import Wording

#: How the schedules are called, and the mails.
SCHEDULE: Final = "digests"
MAIL: Final = "digest"
#: How many notifications a digest lists.
LISTED: Final = 20

_SUBJECTS: Final = ("evt.members.*.member.>", "evt.members.*.notification_defaults.>")


def mail_about(member: str, period: Period, after: datetime, until: datetime) -> str:
    """What a mail of the kind `MAIL` is about: a member, a period, and its ends in seconds."""
    return f"{member}-{period[0]}-{int(after.timestamp()):x}-{int(until.timestamp()):x}"


def read_mail_about(about: str) -> tuple[str, Period, datetime, datetime]:
    """The member, the period and its ends."""
    member, letter, after, until = about.rsplit("-", 3)
    [period] = [one for one in Period if one[0] == letter]
    return member, period, _second(after), _second(until)


class Digests:
    """The process."""

    def __init__(
        self, app: App, *, readers: ReadersView, choices: ChoicesView, inbox: Inbox, wording: Wording, mailer: Mailer
    ) -> None:
        self._app = app
        self._readers = readers
        self._choices = choices
        self._inbox = inbox
        self._wording = wording
        self._mailer = mailer
        self._known: set[str] = set()
        self._turns = Turns(app, "digest_jobs", self.step)
        events = (MemberJoined, MemberLocaleChosen, DigestZoneChosen)
        follower = BatchFollower("digests", "MEMBERS", _SUBJECTS, events, self.take)
        app.background(follower.name, lambda: follower.run(app.nats, app.db))
        app.on_due(SCHEDULE, self.wake)

    async def take(self, recorded: Sequence[Recorded[Any]]) -> None:
        """Schedule the digests of brands that have members now, or members in another zone."""
        changed = {
            one.brand: one.sequence
            for one in recorded
            if not (isinstance(one.event, MemberJoined) and one.brand in self._known)
        }
        for brand, sequence in changed.items():
            await self._app.positions.wait(self._readers, {self._readers.stream: sequence})
            await self._schedule(brand)
            self._known.add(brand)

    async def wake(self, woken: Due) -> None:
        """Make a job of each digest of a brand that came due since this was done the last time."""
        brand, now = woken.id, self._app.clock.now()
        since = await self._since(brand)
        for chosen, zone in (await self._readers.zones(brand)).items():
            for digest in due(zone, since, now):
                await self._add(brand, chosen, digest)
        done = {"_id": brand, "since_ms": to_ms(since)}
        await self._brands.update_one(done, {"$set": {"since_ms": to_ms(now)}})
        await self._schedule(brand)

    async def step(self, job: dict[str, Any]) -> bool:
        """Have the mails sent for a slice of those in a zone; whether more is to be done."""
        brand, period = job["brand"], Period(job["period"])
        after, until = from_ms(job["after_ms"]), from_ms(job["until_ms"])
        readers = await self._readers.readers(brand, job["zone"], nth_slice(job["slice"], job["slices"]))
        choices = await self._choices.of_many(brand, readers)
        for reader in readers:
            if await self._is_told(brand, reader, choices[reader], job):
                mail_id = derived_id("digest", brand, reader, period, job["day"])
                await self._mailer.send(mail_id, brand, MAIL, mail_about(reader, period, after, until))
        it = {"_id": job["_id"], "slice": job["slice"]}
        if job["slice"] + 1 == job["slices"]:
            await self._turns.jobs.delete_one(it)
            return False
        await self._turns.jobs.update_one(it, {"$inc": {"slice": 1}})
        return True

    async def _is_told(self, brand: str, reader: str, choices: Choices, job: dict[str, Any]) -> bool:
        """Whether there is something to tell, as far as can be seen cheaply: the mail itself looks again."""
        kinds = wanted(choices, Period(job["period"]))
        if Kind.NEWS in kinds and job["news"]:
            return True
        after, until = from_ms(job["after_ms"]), from_ms(job["until_ms"])
        return bool(kinds) and bool(
            await self._inbox.unread_between(f"{brand}:{reader}", kinds, after, until, at_most=1)
        )

    async def _add(self, brand: str, chosen: str, digest: Digest) -> None:
        news = await self._wording.top_posts(brand, SYSTEM, digest.after, digest.until)
        id_ = derived_id("digest", brand, chosen, digest.period, digest.day.isoformat())
        job = {
            "_id": id_,
            "brand": brand,
            "zone": chosen,
            "period": digest.period.value,
            "day": digest.day.isoformat(),
            "after_ms": to_ms(digest.after),
            "until_ms": to_ms(digest.until),
            "news": bool(news),
            "slice": 0,
            "slices": slices_for(await self._readers.how_many(brand, chosen)),
        }
        with suppress(DuplicateKeyError):
            await self._turns.jobs.insert_one(job)
        self._turns.add(id_)

    async def _schedule(self, brand: str) -> None:
        await self._since(brand)
        zones = await self._readers.zones(brand)
        if zones:  # else somebody who joins wakes it again
            at = next_due(zones.values(), self._app.clock.now())
            await self._app.timetable.reschedule(SCHEDULE, brand, at)
        else:
            self._known.discard(brand)

    async def _since(self, brand: str) -> datetime:
        """Until when the digests of a brand were done; those of a new one begin now."""
        found = await self._brands.find_one({"_id": brand})
        if found is None:
            now = {"_id": brand, "since_ms": to_ms(self._app.clock.now())}
            with suppress(DuplicateKeyError):
                await self._brands.insert_one(now)
            found = await self._brands.find_one({"_id": brand}) or now
        return from_ms(found["since_ms"])

    @property
    def _brands(self) -> Any:
        return self._app.db["digest_brands"]


def wanted(choices: Choices, period: Period) -> list[Kind]:
    """The kinds that somebody wants to have in the digests of a period."""
    return [kind for kind in Kind if choices.of(kind).mail is Mail(period)]


def _second(text: str) -> datetime:
    return datetime.fromtimestamp(int(text, 16), UTC)
