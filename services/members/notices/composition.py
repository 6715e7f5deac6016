"""Composes notifications: following, choices, inboxes, and the processes that tell members."""

from collections.abc import Awaitable, Callable, Sequence

from libs.access.authorizer import Authorizer
from libs.access.export import Kept, Source
from libs.access.view import AccessView
from libs.shared.app import App
from libs.shared.domain import Query
from services.members.consents.views.consents import ConsentsView
from services.members.mail.mailer import Mailer
from services.members.notices import preferences
from services.members.notices.audience import Audience
from services.members.notices.digests import Digests
from services.members.notices.following import Following, FollowState, FollowStates
from services.members.notices.inbox import (
    Inbox,
    NoticePage,
    NoticePageResult,
    NoticesGetMany,
    NoticeView,
    ReadNotices,
    UnreadNotices,
)
from services.members.notices.mails import Mails
from services.members.notices.telling import Telling
from services.members.notices.views.choices import (
    ChoicesReply,
    ChoicesView,
    NotificationChoices,
    NotificationDefaults,
)
from services.members.notices.views.follows import FollowPage, FollowPageResult, FollowsView
from services.members.notices.views.readers import ReadersView
from services.members.notices.wording import Wording
from services.members.notices.writers import Writers

#: Lets go of what is kept of a member of a brand.
Forget = Callable[[str, str], Awaitable[None]]


def compose_notices(
    app: App, authorizer: Authorizer, access: AccessView, mailer: Mailer, consents: ConsentsView
) -> tuple[Sequence[Source | Kept], Forget]:
    """Register everything about notifications.

    Returns where things of members stand, and what lets go of what is in no view.
    """
    follows, choices = app.view(FollowsView()), app.view(ChoicesView())
    audience = Audience(app, access, follows, choices)
    following = Following(app, follows, audience)
    app.aggregate(preferences.CHOICES)
    app.aggregate(preferences.DEFAULTS)
    writers = Writers(app)
    inbox = Inbox(app, writers)
    Telling(app, audience, inbox, writers, mailer)
    readers, wording = app.view(ReadersView()), Wording(app, follows)
    Digests(app, readers=readers, choices=choices, inbox=inbox, wording=wording, mailer=mailer)
    Mails(app, choices=choices, consents=consents, inbox=inbox, wording=wording, mailer=mailer)

    async def people(query: Query) -> None:
        await authorizer.member_only(query)

    app.query(FollowPage, FollowPageResult, follows.follow_page, view=follows, allow=people)
    app.query(FollowStates, list[FollowState], following.follow_states, view=follows, allow=people)
    app.query(NotificationChoices, ChoicesReply, choices.notification_choices, view=choices, allow=people)
    app.query(NotificationDefaults, ChoicesReply, choices.notification_defaults, view=choices, allow=people)
    app.query(NoticePage, NoticePageResult, inbox.notice_page, view=None, allow=people)
    app.query(NoticesGetMany, list[NoticeView | None], inbox.notices_get_many, view=None, allow=people)
    app.query(UnreadNotices, int, inbox.unread_notices, view=None, allow=people)
    app.command("inbox", ReadNotices, inbox.read_notices, rehearse=inbox.would_read)
    sources: list[Source | Kept] = [
        Source("follow", follows, "words", lambda brand, member: {"whose": f"{brand}:{member}"}),
        Source("notification choices", choices, "choices", lambda brand, member: {"_id": f"{brand}:{member}"}),
        Source("digests", readers, "readers", lambda brand, member: {"_id": f"{brand}:{member}"}),
        Kept("notification", lambda: app.db["notices"], lambda brand, member: {"whose": f"{brand}:{member}"}),
    ]
    return sources, inbox.forget
