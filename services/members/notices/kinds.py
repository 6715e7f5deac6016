"""What members are told of, on which channels, and what holds when nobody said anything.  Pure."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from services.members.consents.purposes import BuiltInPurpose


class Kind(StrEnum):
    """What a notification is about.  NEWS is in digests alone: the posts of a brand that were talked about most."""

    REPLY = "reply"
    POST_BY_PERSON = "post_by_person"
    POST_WITH_TAG = "post_with_tag"
    POST_IN_SPACE = "post_in_space"
    REACTION = "reaction"
    EVENT_INVITATION = "event_invitation"
    RSVP_PROMOTED = "rsvp_promoted"
    EVENT_CANCELLED = "event_cancelled"
    IDEA_SUBMITTED = "idea_submitted"
    IDEA_STATUS = "idea_status"
    ROLE_GRANTED = "role_granted"
    BADGE_AWARDED = "badge_awarded"
    SPOTLIGHT = "spotlight"
    JOURNEY_STEP = "journey_step"
    NUDGE = "nudge"
    NEWS = "news"


class Mail(StrEnum):
    """When somebody gets e-mail about a kind: for each notification, in a digest, or never."""

    NOW = "now"
    DAILY = "daily"
    WEEKLY = "weekly"
    OFF = "off"


class Choice(Struct, frozen=True, kw_only=True):
    """The channels of a kind: whether it comes into the inbox, and when by e-mail."""

    inbox: bool
    mail: Mail


class Word(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a member, or a brand for its members, said about a kind; None: nothing about this channel."""

    inbox: bool | None = None
    mail: Mail | None = None

    def over(self, choice: Choice) -> Choice:
        """The choice with this word said."""
        return Choice(
            inbox=choice.inbox if self.inbox is None else self.inbox,
            mail=choice.mail if self.mail is None else self.mail,
        )


#: What holds where neither member nor brand said anything.  E-mail at once is for what changes somebody's plans or
#: rights; what comes often and can wait never makes e-mail of its own.
QUIET: Final[dict[Kind, Choice]] = {
    Kind.REPLY: Choice(inbox=True, mail=Mail.DAILY),
    Kind.POST_BY_PERSON: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.POST_WITH_TAG: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.POST_IN_SPACE: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.REACTION: Choice(inbox=True, mail=Mail.OFF),
    Kind.EVENT_INVITATION: Choice(inbox=True, mail=Mail.NOW),
    Kind.RSVP_PROMOTED: Choice(inbox=True, mail=Mail.NOW),
    Kind.EVENT_CANCELLED: Choice(inbox=True, mail=Mail.NOW),
    Kind.IDEA_SUBMITTED: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.IDEA_STATUS: Choice(inbox=True, mail=Mail.DAILY),
    Kind.ROLE_GRANTED: Choice(inbox=True, mail=Mail.DAILY),
    Kind.BADGE_AWARDED: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.SPOTLIGHT: Choice(inbox=True, mail=Mail.DAILY),
    Kind.JOURNEY_STEP: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.NUDGE: Choice(inbox=True, mail=Mail.WEEKLY),
    Kind.NEWS: Choice(inbox=False, mail=Mail.WEEKLY),
}


class Choices(Struct, frozen=True, kw_only=True):
    """What a member and their brand said; `mail_off`: the member wants no e-mail at all, whatever else was said.

    `withdrawn` are the purposes that the member agreed to once and does not any more.
    """

    own: dict[str, Word] = {}
    brand: dict[str, Word] = {}
    mail_off: bool = False
    withdrawn: frozenset[str] = frozenset()

    def of(self, kind: Kind) -> Choice:
        """What holds for a kind: the member's word over the brand's over `QUIET`; an opt-out over all of them."""
        choice = QUIET[kind]
        for words in (self.brand, self.own):
            choice = words.get(kind, Word()).over(choice)
        return Choice(inbox=choice.inbox, mail=Mail.OFF) if self._opted_out(kind, choice.mail) else choice

    def _opted_out(self, kind: Kind, mail: Mail) -> bool:
        if BuiltInPurpose.DIGEST in self.withdrawn and mail in (Mail.DAILY, Mail.WEEKLY):
            return True
        return self.mail_off or (BuiltInPurpose.NUDGES in self.withdrawn and kind is Kind.NUDGE)
