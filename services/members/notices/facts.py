"""Which events are news, and for whom: an event of any service in, at most one fact to tell out.  Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from msgspec import Struct, structs

from libs.shared.domain import Event
from libs.shared.recorded import Recorded
from libs.shared.tags import tag_key
from libs.shared.times import to_ms
from services.members.notices.follow import Target, TargetKind
from services.members.notices.foreign import (
    BadgeAwarded,
    EventCancelled,
    IdeaStatusChanged,
    IdeaSubmitted,
    MemberLeft,
    MemberNudged,
    MembersInvited,
    MemberSpotlighted,
    PostPublished,
    ReactionAdded,
    ReplyPublished,
    RoleGranted,
    RsvpPromoted,
    StepReminded,
)
from services.members.notices.kinds import Kind

#: What happened longer ago is no news any more: an import, or the history of a brand that was there before this was.
NEWS: Final = timedelta(days=3)

#: What is read, by the stream in which it stands, and under which subjects.
STREAMS: Final[dict[str, tuple[tuple[str, ...], tuple[type[Event], ...]]]] = {
    "MEMBERS": (
        (
            "evt.members.*.member.>",
            "evt.members.*.score.>",
            "evt.members.*.spotlight.>",
            "evt.members.*.progress.>",
            "evt.members.*.nudge.>",
        ),
        (RoleGranted, BadgeAwarded, MemberSpotlighted, StepReminded, MemberNudged, MemberLeft),
    ),
    "DISCUSSIONS": (
        ("evt.discussions.*.thread.>", "evt.discussions.*.reaction.>"),
        (PostPublished, ReplyPublished, ReactionAdded),
    ),
    "EVENTS": (("evt.events.*.event.>",), (MembersInvited, RsvpPromoted, EventCancelled)),
    "FEEDBACK": (("evt.feedback.*.idea.>",), (IdeaSubmitted, IdeaStatusChanged)),
}

#: Whose people hear of something without following it.
People = Literal["thread", "event", "idea"]


class Reason(Struct, frozen=True, kw_only=True):
    """A notification of `kind` about `subject`, together with others about it; who follows `target` is told so."""

    kind: Kind
    subject: str
    target: Target | None = None


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to tell.  Each receiver is told once, for the first of the `reasons` that holds for them.

    Beside who follows a target, those hear of it for the first reason who take part (`people` of its subject) or are
    among `members`.  Who muted one of `concerns` hears nothing.  `by_a_person`: the actor did it as one member among
    others, so nobody hears of it whom a block keeps apart from them.  `refs` are the ids by which it can be shown.
    """

    id: str
    brand: str
    actor: str
    at_ms: int
    reasons: tuple[Reason, ...]
    concerns: tuple[Target, ...] = ()
    by_a_person: bool = False
    people: People | None = None
    members: tuple[str, ...] = ()
    refs: dict[str, str] = {}


def is_news(happened_at: datetime, now: datetime) -> bool:
    """Whether something is told at all."""
    return now - happened_at <= NEWS


def fact_of(recorded: Recorded[Any]) -> Fact | None:
    """What there is to tell of an event; None for nothing.

    A reaction still lacks whom it is for, and what happens in a thread lacks its space and tags: `with_thread` adds
    them.
    """
    id_ = recorded.aggregate_id
    by = Target(TargetKind.MEMBER, recorded.actor)
    match recorded.event:
        case PostPublished(space_id=space, tags=tags, official=official):
            in_space, thread = Target(TargetKind.SPACE, space), Target(TargetKind.THREAD, id_)
            with_tags = targets_of(tags)
            person = Reason(kind=Kind.POST_BY_PERSON, subject=recorded.actor, target=by)
            tagged = [Reason(kind=Kind.POST_WITH_TAG, subject=tag.id, target=tag) for tag in with_tags]
            posted = Reason(kind=Kind.POST_IN_SPACE, subject=space, target=in_space)
            refs = {"thread": id_, "space": space}
            concerns = (by, in_space, thread, *with_tags)
            return _fact(recorded, (person, *tagged, posted), concerns=concerns, by_a_person=not official, refs=refs)
        case ReplyPublished(reply_id=reply, official=official):
            thread = Target(TargetKind.THREAD, id_)
            reason = Reason(kind=Kind.REPLY, subject=id_, target=thread)
            refs = {"thread": id_, "reply": reply}
            return _fact(
                recorded,
                (reason,),
                concerns=(by, thread),
                by_a_person=not official,
                people="thread",
                refs=refs,
            )
        case ReactionAdded(target_id=target):
            thread = Target(TargetKind.THREAD, id_)
            reason = Reason(kind=Kind.REACTION, subject=target)
            refs = {"thread": id_, "target": target}
            return _fact(recorded, (reason,), concerns=(by, thread), by_a_person=True, refs=refs)
        case MembersInvited(member_ids=members):
            reason = Reason(kind=Kind.EVENT_INVITATION, subject=id_)
            event = Target(TargetKind.EVENT, id_)
            return _fact(recorded, (reason,), concerns=(by, event), members=members, refs={"event": id_})
        case RsvpPromoted(member_id=member):
            # Whose plans change hears of it, whatever they muted.
            reason = Reason(kind=Kind.RSVP_PROMOTED, subject=id_)
            return _fact(recorded, (reason,), members=(member,), refs={"event": id_})
        case EventCancelled():
            event = Target(TargetKind.EVENT, id_)
            reason = Reason(kind=Kind.EVENT_CANCELLED, subject=id_, target=event)
            return _fact(recorded, (reason,), people="event", refs={"event": id_})
        case IdeaSubmitted(board_id=board):
            on = Target(TargetKind.BOARD, board)
            reason = Reason(kind=Kind.IDEA_SUBMITTED, subject=board, target=on)
            refs = {"idea": id_, "board": board}
            return _fact(recorded, (reason,), concerns=(by, on), by_a_person=True, refs=refs)
        case IdeaStatusChanged():
            idea = Target(TargetKind.IDEA, id_)
            reason = Reason(kind=Kind.IDEA_STATUS, subject=id_, target=idea)
            return _fact(recorded, (reason,), concerns=(idea,), people="idea", refs={"idea": id_})
        case _:
            return _of_one(recorded)


def _of_one(recorded: Recorded[Any]) -> Fact | None:
    """What there is to tell the member whose aggregate the event belongs to."""
    id_ = recorded.aggregate_id
    match recorded.event:
        case RoleGranted(role=role):
            reason = Reason(kind=Kind.ROLE_GRANTED, subject=role)
            return _fact(recorded, (reason,), members=(id_,), refs={"role": role})
        case BadgeAwarded(badge=badge, name=name):
            reason = Reason(kind=Kind.BADGE_AWARDED, subject=badge)
            return _fact(recorded, (reason,), members=(id_,), refs={"badge": badge, "name": name})
        case MemberSpotlighted(spotlight_id=spotlight):
            reason = Reason(kind=Kind.SPOTLIGHT, subject=spotlight)
            return _fact(recorded, (reason,), members=(id_,), refs={"spotlight": spotlight})
        case StepReminded(step_id=step):
            reason = Reason(kind=Kind.JOURNEY_STEP, subject=step)
            return _fact(recorded, (reason,), members=(id_,), refs={"step": step})
        case MemberNudged():
            return _fact(recorded, (Reason(kind=Kind.NUDGE, subject=id_),), members=(id_,), refs={})
        case _:
            return None


def targets_of(tags: Iterable[str]) -> tuple[Target, ...]:
    """Tags, normalised, as what is followed."""
    return tuple(Target(TargetKind.TAG, tag_key(tag)) for tag in tags)


def with_thread(fact: Fact, *, author: str, space: str, tags: Iterable[str] = ()) -> Fact:
    """A fact in a thread, with its space and tags; a reaction also with whom it is for, the author."""
    concerns = (*fact.concerns, *targets_of(tags))
    if space:
        concerns = (*concerns, Target(TargetKind.SPACE, space))
    members = (author,) if fact.reasons[0].kind is Kind.REACTION else fact.members
    return structs.replace(fact, concerns=concerns, members=members, refs={**fact.refs, "space": space})


def _fact(
    recorded: Recorded[Any],
    reasons: tuple[Reason, ...],
    *,
    refs: dict[str, str],
    concerns: tuple[Target, ...] = (),
    by_a_person: bool = False,
    people: People | None = None,
    members: tuple[str, ...] = (),
) -> Fact:
    return Fact(
        id=recorded.id,
        brand=recorded.brand,
        actor=recorded.actor,
        at_ms=to_ms(recorded.time),
        reasons=reasons,
        concerns=concerns,
        by_a_person=by_a_person,
        people=people,
        members=members,
        refs=refs,
    )
