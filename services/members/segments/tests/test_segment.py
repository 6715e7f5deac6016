"""What leaders and the platform decide about segments: accepted, refused, repeated."""

from datetime import UTC, date, datetime
from typing import Any, TypeVar

import pytest

from libs.access.roles import ALL_ROLES, Role
from libs.shared.domain import SYSTEM, Command
from libs.shared.testing.bdd import given
from services.members.profiles.audience import ONESELF, Audience, Reach
from services.members.profiles.fields import FieldType
from services.members.profiles.tests.builders import field, form
from services.members.segments import membership, segment
from services.members.segments.membership import MoveMembers, SegmentEntered, SegmentLeft, part
from services.members.segments.rules import READING, Act, AllOf, Did, HasRole, HasValue, Not, Rule
from services.members.segments.segment import (
    ChangeSegment,
    ChangeSegmentBy,
    CreateSegment,
    CreateSegmentBy,
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


TYPES = (FieldType.TEXT, FieldType.CHOICE, FieldType.MULTI_CHOICE, FieldType.YES_NO, FieldType.NUMBER, FieldType.DATE)
FORM = form(
    *(field(one.value.replace("_", "-"), one) for one in TYPES),
    field("old", FieldType.YES_NO),
    field("private", FieldType.YES_NO, audience=ONESELF),
    field("owners", FieldType.YES_NO, audience=Audience(reach=Reach.ROLES, roles=[Role.OWNER])),
    field("leaders", FieldType.YES_NO, audience=Audience(reach=Reach.ROLES, roles=[Role.BUILDER, Role.OWNER])),
    retired=("old",),
)


class TestFields:
    @pytest.mark.parametrize(
        "rule",
        [
            HasValue(field="choice", one_of=("red", "blue")),
            HasValue(field="multi-choice", one_of=("green",)),
            HasValue(field="yes-no", yes=False),
            HasValue(field="number", minimum=0),
            HasValue(field="date", earliest=date(2026, 1, 1), latest=date(2026, 12, 31)),
            HasValue(field="leaders", yes=True),
        ],
    )
    def test_a_rule_asks_by_the_type_of_the_field(self, rule: Rule) -> None:
        create = by(CreateSegmentBy, name="Some", rule=rule, form=FORM)
        fact = SegmentCreated(name="Some", rule=rule)
        given(segment.DECIDER).when(create).then(fact)
        retired = by(CreateSegmentBy, name="Some", rule=rule, form=form())
        given(segment.DECIDER, fact).when(retired).then_nothing()

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            (HasValue(field="boat", yes=True), "FIELD_UNKNOWN"),
            (HasValue(field="old", yes=True), "FIELD_RETIRED"),
            (HasValue(field="private", yes=True), "FIELD_NOT_FOR_LEADERS"),
            (HasValue(field="owners", yes=True), "FIELD_NOT_FOR_LEADERS"),
            (HasValue(field="choice", one_of=("red", "pink")), "FIELD_NOT_A_CHOICE"),
            (HasValue(field="choice"), "FIELD_WRONG_TYPE"),
            (HasValue(field="choice", one_of=("red",), yes=True), "FIELD_WRONG_TYPE"),
            (HasValue(field="text", one_of=("red",)), "FIELD_WRONG_TYPE"),
            (HasValue(field="number", latest=date(2026, 1, 1)), "FIELD_WRONG_TYPE"),
        ],
    )
    def test_what_it_cannot_ask(self, rule: HasValue, code: str) -> None:
        inside = AllOf(rules=(WRITERS, Not(rule=rule)))
        path = ("rule", rule.field)
        given(segment.DECIDER).when(by(CreateSegmentBy, name="x", rule=inside, form=FORM)).then_raises(code, path)
        given(segment.DECIDER, CREATED).when(by(ChangeSegmentBy, rule=inside, form=FORM)).then_raises(code, path)

    def test_one_that_is_there_is_renamed_whatever_became_of_its_field(self) -> None:
        created = SegmentCreated(name="Old", rule=HasValue(field="old", yes=True))
        same = by(ChangeSegmentBy, name="New", rule=created.rule, form=FORM)
        given(segment.DECIDER, created).when(same).then(SegmentRenamed(name="New"))


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
