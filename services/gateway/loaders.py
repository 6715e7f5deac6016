"""Asks a service for many things with one question: what a field needs of all objects of a level."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from libs.executor.with_strawberry import Answers
from libs.shared.domain import DomainError, Forbidden
from services.gateway import replies as rows
from services.gateway.context import Scope
from services.gateway.limits import MAX_PAGE
from services.gateway.profile_replies import ProfileReply

V = TypeVar("V")
N = TypeVar("N")

#: The services of a brand; an export goes through them in this order.
SERVICES: Final = ("members", "discussions", "events", "feedback")

#: What is wanted of each object, in their order: a key within a scope, or nothing.
Asked: TypeAlias = Iterable[tuple[Scope, str] | None]

#: The answer, or the question, does not fit in one message: fewer keys may.
_TOO_LARGE: Final = "TOO_LARGE"


class Many(Generic[V]):
    """A query of a service that answers many keys at once, at most 100; V is what it answers for each."""

    def __init__(self, service: str, name: str, reply: type[list[V]], keys: str = "ids") -> None:
        self._service = service
        self._name = name
        self._reply = reply
        self._keys = keys

    async def rows(self, asked: Asked, **fields: Any) -> Answers[V | None]:
        """A value or exception for each that was asked for, None for nothing: one question a scope, each key once."""
        wanted = list(asked)
        scopes: dict[Scope, dict[str, None]] = {}
        for one in wanted:
            if one is not None:
                scopes.setdefault(one[0], {})[one[1]] = None
        fetched = await _all(self._scope(scope, list(keys), fields) for scope, keys in scopes.items())
        known = dict(zip(scopes, fetched, strict=True))
        return [None if one is None else known[one[0]][one[1]] for one in wanted]

    async def objects(self, asked: Asked, make: Callable[[Any, Scope], N], **fields: Any) -> Answers[N | None]:
        """What `make` makes of each row; None where there is none."""
        wanted = list(asked)
        made: Answers[N | None] = []
        for row, one in zip(await self.rows(wanted, **fields), wanted, strict=True):
            if row is None or one is None:
                made.append(None)
            elif isinstance(row, Exception):
                made.append(row)
            else:
                made.append(_made(make, row, one[0]))
        return made

    async def present(self, asked: Asked, make: Callable[[Any, Scope], N], **fields: Any) -> Answers[N]:
        """As `objects`, of what there is for every key."""
        return cast(Answers[N], await self.objects(asked, make, **fields))

    async def shown(self, asked: Asked, make: Callable[[Any, Scope], N], **fields: Any) -> Answers[N | None]:
        """As `objects`; `Forbidden` where the service shows this viewer nothing."""
        return [Forbidden() if one is None else one for one in await self.objects(asked, make, **fields)]

    async def object(self, scope: Scope, key: str, make: Callable[[Any, Scope], N]) -> N | None:
        """One of them; raises its exception."""
        (found,) = await self.objects([(scope, key)], make)
        if isinstance(found, Exception):
            raise found
        return found

    async def _scope(self, scope: Scope, keys: list[str], fields: dict[str, Any]) -> dict[str, V | Exception]:
        parts = [keys[start : start + MAX_PAGE] for start in range(0, len(keys), MAX_PAGE)]
        answers = await _all(self._fetch(scope, part, fields) for part in parts)
        return {
            key: value
            for part, values in zip(parts, answers, strict=True)
            for key, value in zip(part, values, strict=True)
        }

    async def _fetch(self, scope: Scope, keys: list[str], fields: dict[str, Any]) -> Answers[V]:
        """The values of at most 100 keys; when they do not fit in a message, of each half."""
        try:
            values = await scope.ask(self._service, self._name, self._reply, **{self._keys: keys}, **fields)
            if len(values) != len(keys):
                raise ValueError(f"{self._service}.{self._name} answered {len(values)} values for {len(keys)} keys")
        except DomainError as refusal:
            if refusal.code == _TOO_LARGE and len(keys) > 1:
                middle = len(keys) // 2
                halves = await _all(self._fetch(scope, half, fields) for half in (keys[:middle], keys[middle:]))
                return [value for half in halves for value in half]
            return [refusal] * len(keys)
        except Exception as error:
            return [error] * len(keys)
        return list[V | Exception](values)


def _made(make: Callable[[Any, Scope], N], row: Any, scope: Scope) -> N | Exception:
    try:
        return make(row, scope)
    except Exception as error:  # of this one
        return error


async def _all(questions: Iterable[Any]) -> Sequence[Any]:
    """The answers to questions that are asked at the same time; who asks alone needs no task."""
    coroutines = list(questions)
    return [await coroutines[0]] if len(coroutines) == 1 else await asyncio.gather(*coroutines)


SERVICE_ACCOUNTS: Final = Many("members", "service_accounts_get_many", list[rows.ServiceAccountReply | None])
INVITATIONS: Final = Many("members", "invitations_get_many", list[rows.InvitationReply | None])
PROVISIONED_GROUPS: Final = Many("members", "provisioned_groups_get_many", list[rows.ProvisionedGroupReply | None])
MEMBERS: Final = Many("members", "members_get_many", list[rows.MemberReply | None])
STANDINGS: Final = Many("members", "standings_get_many", list[rows.MemberStandingReply])
#: Takes `day`, whose rules say what the levels are.
SCORES: Final = Many("members", "scores_get_many", list[rows.ScoreReply | None])
#: Takes `page`, `fact` and `through`; None for whom the viewer sees nothing of.
SCORE_ENTRIES: Final = Many("members", "score_entries", list[rows.PageReply[rows.EntryReply] | None])
BADGES: Final = Many("members", "badges_get_many", list[list[rows.BadgeReply]])
#: Takes `at`, the moment.
SPOTLIGHTS: Final = Many("members", "spotlights_get_many", list[rows.SpotlightReply | None])
#: As the viewer may see them.
PROFILES: Final = Many("members", "profiles_get_many", list[ProfileReply | None])
#: None of others for who is no owner.
ERASURES: Final = Many("members", "erasures_get_many", list[rows.ErasureReply | None])
#: Whether the viewer blocks a member.
BLOCKS: Final = Many("members", "viewer_blocks", list[bool])
SEGMENTS: Final = Many("members", "segments_get_many", list[rows.SegmentReply | None])
#: Takes `page`.
SEGMENT_MEMBERS: Final = Many("members", "segment_members", list[rows.PageReply[rows.InSegmentReply]])
#: How far a segment is, from 0 to 1.
SEGMENT_PROGRESS: Final = Many("members", "segment_progress", list[float])
BRANDS: Final = Many("members", "brands_get_many", list[rows.BrandReply | None])
NETWORKS: Final = Many("members", "networks_get_many", list[rows.NetworkReply | None])
#: Takes `page`: the same page of brands of many networks.
BRAND_PAGES: Final = Many("members", "brand_pages", list[rows.PageReply[rows.BrandReply]])
#: None for who is no admin and no operator.
NETWORK_ADMINS: Final = Many("members", "network_admins", list[list[rows.NetworkAdminReply] | None])
SPACES: Final = Many("discussions", "spaces_get_many", list[rows.SpaceReply | None])
POSTS: Final = Many("discussions", "posts_get_many", list[rows.PostReply | None])
#: Takes `page`: the same page of posts of many spaces.
POST_PAGES: Final = Many("discussions", "post_pages", list[rows.PageReply[rows.PostReply]])
#: Takes `page`: the same page of posts of many tags.
TAG_POSTS: Final = Many("discussions", "tag_posts", list[rows.PageReply[rows.PostReply]])
TAGS: Final = Many("discussions", "tags_get_many", list[rows.TagReply | None])
REPLIES: Final = Many("discussions", "replies_get_many", list[rows.ReplyReply | None])
#: Takes `page`: the same page of replies of many posts.
REPLY_PAGES: Final = Many("discussions", "reply_pages", list[rows.PageReply[rows.ReplyReply]], "thread_ids")
REACTIONS: Final = Many("discussions", "reactions_get_many", list[rows.ReactionsReply], "target_ids")
EVENTS: Final = Many("events", "events_get_many", list[rows.EventReply | None])
AGENDAS: Final = Many("events", "agendas_get_many", list[list[rows.SessionReply] | None])
#: The viewer's own, by the id of the event.
RSVPS: Final = Many("events", "viewer_rsvps", list[rows.AttendeeReply | None])
#: Whether the viewer is invited, by the id of the event.
INVITED: Final = Many("events", "viewer_invited", list[bool])
BOARDS: Final = Many("feedback", "boards_get_many", list[rows.BoardReply | None])
IDEAS: Final = Many("feedback", "ideas_get_many", list[rows.IdeaReply | None])
#: Takes `page`: the same page of ideas of many boards.
IDEA_PAGES: Final = Many("feedback", "idea_pages", list[rows.PageReply[rows.IdeaReply]])
#: Takes `page`: the same page of votes for many ideas.
VOTER_PAGES: Final = Many("feedback", "voter_pages", list[rows.PageReply[rows.VoterReply]])
#: Whether the viewer voted, by the id of the idea.
VOTES: Final = Many("feedback", "viewer_votes", list[bool])
#: The viewer's own.
NOTICES: Final = Many("members", "notices_get_many", list[rows.NoticeReply | None])
#: How the viewer stands to things of one `kind`, by id.
FOLLOW_STATES: Final = Many("members", "follow_states", list[str])
