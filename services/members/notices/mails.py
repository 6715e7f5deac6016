"""Writes the mails of notifications and digests when they are sent: what holds then decides whether and what."""

from typing import Any, Final

from msgspec import structs

from libs.shared.app import App
from services.members.consents.views.consents import ConsentsView
from services.members.mail.mailer import Draft, Mailer
from services.members.notices import digests, telling
from services.members.notices.digests import LISTED, wanted
from services.members.notices.fresh import catch_up
from services.members.notices.inbox import Inbox
from services.members.notices.kinds import Choices, Kind, Mail
from services.members.notices.views.choices import ChoicesView
from services.members.notices.wording import Wording

#: The templates of mails.
NOTIFICATION: Final = "notification"
DIGEST: Final = "digest"


class Mails:
    """Writes both kinds.  Nothing is written for who left, has no address, opted out meanwhile, or has read it."""

    def __init__(
        self,
        app: App,
        *,
        choices: ChoicesView,
        consents: ConsentsView,
        inbox: Inbox,
        wording: Wording,
        mailer: Mailer,
    ) -> None:
        self._app = app
        self._choices = choices
        self._consents = consents
        self._inbox = inbox
        self._wording = wording
        mailer.writes(telling.MAIL, self.notification)
        mailer.writes(digests.MAIL, self.digest)

    async def notification(self, brand: str, about: str) -> Draft | None:
        """The mail about one notification."""
        member, id_ = telling.read_mail_about(about)
        notice = await self._inbox.find(brand, member, id_)
        if notice is None or not notice["unread"]:
            return None
        if (await self._now(brand, member)).of(Kind(notice["kind"])).mail is not Mail.NOW:
            return None
        lines = await self._wording.lines(brand, member, [notice])
        return await self._draft(brand, member, NOTIFICATION, {"line": lines[0]}) if lines else None

    async def digest(self, brand: str, about: str) -> Draft | None:
        """A digest."""
        member, period, after, until = digests.read_mail_about(about)
        kinds = wanted(await self._now(brand, member), period)
        notices = await self._inbox.unread_between(f"{brand}:{member}", kinds, after, until, at_most=LISTED + 1)
        lines = await self._wording.lines(brand, member, notices[:LISTED])
        news = await self._wording.top_posts(brand, member, after, until) if Kind.NEWS in kinds else []
        if not lines and not news:
            return None
        more = len(notices) > LISTED
        values = {"period": period.value, "lines": lines, "more": more, "posts": news}
        return await self._draft(brand, member, DIGEST, values)

    async def _now(self, brand: str, member: str) -> Choices:
        """What a member chose and agrees to, with every word that was accepted until now."""
        await catch_up(self._app, self._choices, self._consents)
        choices, withdrawn = await self._choices.of(brand, member), await self._consents.withdrawn(brand, member)
        return structs.replace(choices, withdrawn=withdrawn)

    async def _draft(self, brand: str, member: str, template: str, values: dict[str, Any]) -> Draft | None:
        to = await self._wording.address(brand, member)
        if to is None:
            return None
        return Draft(to=to.email, template=template, values={"name": to.name, **values}, language=to.language)
