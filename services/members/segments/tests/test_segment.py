"""What leaders and the platform decide about segments: accepted, refused, repeated."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from libs.access.roles import ALL_ROLES, Role
from libs.shared.domain import SYSTEM, Command
from libs.shared.testing.bdd import given
from services.members.segments import membership, segment
from services.members.segments.membership import MoveMembers, SegmentEntered, SegmentLeft, part
from services.members.segments.rules import READING, Act, AllOf, Did, HasRole, Rule
from services.members.segments.segment import (
    ChangeSegment,
    CreateSegment,
    DeleteSegment,
    SegmentCreated,
    SegmentDeleted,
    SegmentRedefined,
    SegmentRenamed,
    SegmentSettled,
    SettleSegment,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEADER = frozenset({Role.MEMBER, Role.BUILDER})
WRITERS: Rule = Did(act=Act.POSTED, at_least=3)
LEADERS: Rule = HasRole(role=Role.BUILDER)
C = TypeVar("C", bound=Command)


def by(kind: type[C], actor: str = "olga", roles: frozenset[Role] = LEADER, **fields: Any) -> C:
    fields["segment_id"] = "s1"
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, roles=roles, **fields)


def settled(edition: int) -> SegmentSettled:
    return SegmentSettled(edition=edition, reading=READING)


CREATED = SegmentCreated(name="Writers", rule=WRITERS)
CREATE = by(CreateSegment, name="Writers", rule=WRITERS)


class TestCreating:
    def test_leaders_once(self) -> None:
        given(segment.DECIDER).when(CREATE).then(CREATED)
        given(segment.DECIDER, CREATED).when(CREATE).then_nothing()

    def test_a_list(self) -> None:
        given(segment.DECIDER).when(by(CreateSegment, name="Jury")).then(SegmentCreated(name="Jury", rule=None))

    def test_an_id_is_for_one_segment(self) -> None:
        for other in (by(CreateSegment, name="Others", rule=WRITERS), by(CreateSegment, name="Writers")):
            given(segment.DECIDER, CREATED).when(other).then_raises("ID_TAKEN", ("segment_id",))
        given(segment.DECIDER, CREATED, SegmentDeleted(edition=2)).when(CREATE).then_raises("ID_TAKEN")

    def test_a_rule_has_a_size(self) -> None:
        large = by(CreateSegment, name="Large", rule=AllOf(rules=(WRITERS,) * 50))
        given(segment.DECIDER).when(large).then_raises("INVALID", ("rule",))


class TestChanging:
    def test_the_name(self) -> None:
        rename = by(ChangeSegment, name="Authors")
        given(segment.DECIDER, CREATED).when(rename).then(SegmentRenamed(name="Authors"))
        given(segment.DECIDER, CREATED, SegmentRenamed(name="Authors")).when(rename).then_nothing()

    def test_the_rule_makes_an_edition(self) -> None:
        redefine = by(ChangeSegment, name="Writers", rule=LEADERS)
        fact = SegmentRedefined(edition=2, rule=LEADERS)
        given(segment.DECIDER, CREATED).when(redefine).then(fact)
        given(segment.DECIDER, CREATED, fact).when(redefine).then_nothing()

    def test_a_list_stays_one(self) -> None:
        redefine = by(ChangeSegment, rule=LEADERS)
        given(segment.DECIDER, SegmentCreated(name="Jury", rule=None)).when(redefine).then_raises("INVALID", ("rule",))

    def test_a_large_rule(self) -> None:
        large = by(ChangeSegment, rule=AllOf(rules=(WRITERS,) * 50))
        given(segment.DECIDER, CREATED).when(large).then_raises("INVALID", ("rule",))

    def test_what_is_not_there(self) -> None:
        given(segment.DECIDER).when(by(ChangeSegment, name="x")).then_raises("NOT_FOUND", ("segment_id",))
        given(segment.DECIDER, CREATED, SegmentDeleted(edition=2)).when(by(ChangeSegment)).then_raises("NOT_FOUND")


class TestDeletingAndSettling:
    GONE = SegmentDeleted(edition=2)

    def test_it_is_deleted_once(self) -> None:
        given(segment.DECIDER, CREATED).when(by(DeleteSegment)).then(self.GONE)
        given(segment.DECIDER, CREATED, self.GONE).when(by(DeleteSegment)).then_nothing()
        given(segment.DECIDER).when(by(DeleteSegment)).then_raises("NOT_FOUND")

    def test_the_platform_settles_the_current_edition_once(self) -> None:
        settle = by(SettleSegment, SYSTEM, ALL_ROLES, edition=1)
        given(segment.DECIDER, CREATED).when(settle).then(settled(1))
        given(segment.DECIDER, CREATED, settled(1)).when(settle).then_nothing()
        given(segment.DECIDER, CREATED, SegmentRedefined(edition=2, rule=LEADERS)).when(settle).then_nothing()
        last = by(SettleSegment, SYSTEM, ALL_ROLES, edition=2)
        given(segment.DECIDER, CREATED, self.GONE).when(last).then(settled(2))

    def test_what_was_settled_by_another_reading_of_rules_is_settled_again(self) -> None:
        settle = by(SettleSegment, SYSTEM, ALL_ROLES, edition=1)
        before = SegmentSettled(edition=1, reading=READING - 1)
        given(segment.DECIDER, CREATED, before).when(settle).then(settled(1))
        given(segment.DECIDER, CREATED, before, settled(1)).when(settle).then_nothing()

    def test_nobody_else_settles(self) -> None:
        given(segment.DECIDER, CREATED).when(by(SettleSegment, edition=1)).then_raises("FORBIDDEN")


@pytest.mark.parametrize(
    "command",
    [
        by(CreateSegment, "paul", frozenset({Role.MODERATOR, Role.MEMBER}), name="Mine", rule=WRITERS),
        by(ChangeSegment, "paul", frozenset({Role.MEMBER}), name="Mine"),
        by(DeleteSegment, "paul", frozenset({Role.MEMBER})),
        by(SettleSegment, "paul", frozenset({Role.MEMBER}), edition=1),
    ],
)
def test_members_do_not(command: segment.SegmentCommand) -> None:
    given(segment.DECIDER, CREATED).when(command).then_raises("FORBIDDEN")


class TestMoving:
    ENTERED = SegmentEntered(segment_id="s1", edition=1, member_ids=("m1", "m2"))
    LEFT = SegmentLeft(segment_id="s1", edition=1, member_ids=("m3",))

    def test_who_enters_and_leaves(self) -> None:
        move = by(MoveMembers, part=7, edition=1, based_on=0, entered=("m2", "m1"), left=("m3",))
        given(membership.DECIDER).when(move).then(self.ENTERED, self.LEFT)

    def test_nobody(self) -> None:
        given(membership.DECIDER).when(by(MoveMembers, part=7, edition=1, based_on=0)).then_nothing()

    def test_what_was_worked_out_before_somebody_else_moved(self) -> None:
        late = by(MoveMembers, part=7, edition=1, based_on=1, left=("m1",))
        given(membership.DECIDER, self.ENTERED, self.LEFT).when(late).then_raises("STALE_EVALUATION")
        current = by(MoveMembers, part=7, edition=1, based_on=2, left=("m1",))
        gone = SegmentLeft(segment_id="s1", edition=1, member_ids=("m1",))
        given(membership.DECIDER, self.ENTERED, self.LEFT).when(current).then(gone)

    def test_members_do_not(self) -> None:
        move = by(MoveMembers, "paul", frozenset({Role.MEMBER}), part=7, edition=1, based_on=0, entered=("paul",))
        given(membership.DECIDER).when(move).then_raises("FORBIDDEN")

    def test_the_parts_of_an_aggregate_have_ids_of_their_own(self) -> None:
        assert membership.DECIDER.identify(by(MoveMembers, part=7, edition=1, based_on=0)) == "s1-07"
        assert {part(f"m{number}") for number in range(2_000)} == set(range(64))
