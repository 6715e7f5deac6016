"""What members and leaders decide about networking and blocks: accepted, refused, repeated."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from libs.access.roles import Role
from libs.shared.domain import SYSTEM, Command
from libs.shared.tags import MAX_TAG, normalised
from libs.shared.testing.bdd import given
from services.members.networking import block_list, networking, tag_list
from services.members.networking.block_list import MAX_BLOCKED, BlockMember, MemberBlocked, MemberUnblocked
from services.members.networking.networking import (
    MAX_DISMISSED,
    ChooseNetworking,
    DismissSuggestion,
    LeaveNetworking,
    NetworkingChosen,
    NetworkingLeft,
    SuggestionDismissed,
)
from services.members.networking.tag_list import OfferTags, TagList, TagsOffered
from services.members.networking.tags import from_text, to_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MEMBER = frozenset({Role.MEMBER})
C = TypeVar("C", bound=Command)


def by(kind: type[C], actor: str = "m1", roles: frozenset[Role] = MEMBER, **fields: Any) -> C:
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, roles=roles, **fields)


CHOSEN = NetworkingChosen(interests="boats", skills="knots\npython")


class TestChoosing:
    def test_tags_are_normalised_and_each_once(self) -> None:
        choose = by(ChooseNetworking, member_id="m1", interests=("  Ｂoats ", "BOATS"), skills=("python", "Knots"))
        given(networking.DECIDER).when(choose).then(CHOSEN)

    def test_the_same_again_changes_nothing(self) -> None:
        again = by(ChooseNetworking, member_id="m1", interests=("boats",), skills=("Knots", "Python"))
        given(networking.DECIDER, CHOSEN).when(again).then_nothing()

    def test_one_can_take_part_without_a_tag(self) -> None:
        nothing = by(ChooseNetworking, member_id="m1")
        given(networking.DECIDER).when(nothing).then(NetworkingChosen(interests="", skills=""))

    def test_what_is_no_tag_once_normalised(self) -> None:
        long = by(ChooseNetworking, member_id="m1", skills=("fine", "ﷺ" * MAX_TAG))
        given(networking.DECIDER).when(long).then_raises("INVALID", ("skills", 1))

    def test_nobody_chooses_for_another(self) -> None:
        given(networking.DECIDER).when(by(ChooseNetworking, "m2", member_id="m1")).then_raises("FORBIDDEN")

    def test_strangers_do_not(self) -> None:
        stranger = by(ChooseNetworking, roles=frozenset(), member_id="m1")
        given(networking.DECIDER).when(stranger).then_raises("FORBIDDEN")


class TestLeaving:
    def test_a_member_and_the_platform(self) -> None:
        for actor in ("m1", SYSTEM):
            given(networking.DECIDER, CHOSEN).when(by(LeaveNetworking, actor, member_id="m1")).then(NetworkingLeft())

    def test_who_takes_no_part(self) -> None:
        given(networking.DECIDER).when(by(LeaveNetworking, member_id="m1")).then_nothing()
        given(networking.DECIDER, CHOSEN, NetworkingLeft()).when(by(LeaveNetworking, member_id="m1")).then_nothing()

    def test_the_same_tags_are_shown_again_after_it(self) -> None:
        again = by(ChooseNetworking, member_id="m1", interests=("boats",), skills=("knots", "python"))
        given(networking.DECIDER, CHOSEN, NetworkingLeft()).when(again).then(CHOSEN)


class TestPassingOver:
    def test_once(self) -> None:
        fact = SuggestionDismissed(dismissed_id="m2")
        command = by(DismissSuggestion, member_id="m1", dismissed_id="m2")
        given(networking.DECIDER, CHOSEN).when(command).then(fact)
        given(networking.DECIDER, CHOSEN, fact, NetworkingLeft()).when(command).then_nothing()

    def test_not_oneself(self) -> None:
        oneself = by(DismissSuggestion, member_id="m1", dismissed_id="m1")
        given(networking.DECIDER).when(oneself).then_raises("INVALID", ("dismissed_id",))

    def test_not_without_end(self) -> None:
        many = [SuggestionDismissed(dismissed_id=f"n{number}") for number in range(MAX_DISMISSED)]
        more = by(DismissSuggestion, member_id="m1", dismissed_id="m2")
        given(networking.DECIDER, *many).when(more).then_raises("TOO_MANY", ("dismissed_id",))


class TestBlocks:
    BLOCKED = MemberBlocked(blocked_id="m2")

    def test_a_member_blocks_another_once(self) -> None:
        block = by(BlockMember, member_id="m1", blocked_id="m2")
        given(block_list.DECIDER).when(block).then(self.BLOCKED)
        given(block_list.DECIDER, self.BLOCKED).when(block).then_nothing()

    def test_and_takes_it_back_once(self) -> None:
        unblock = by(block_list.UnblockMember, member_id="m1", blocked_id="m2")
        gone = MemberUnblocked(blocked_id="m2")
        given(block_list.DECIDER, self.BLOCKED).when(unblock).then(gone)
        given(block_list.DECIDER, self.BLOCKED, gone).when(unblock).then_nothing()

    def test_not_oneself(self) -> None:
        block = by(BlockMember, member_id="m1", blocked_id="m1")
        given(block_list.DECIDER).when(block).then_raises("INVALID", ("blocked_id",))

    @pytest.mark.parametrize("command", [BlockMember, block_list.UnblockMember])
    def test_nobody_does_it_for_another(self, command: type[block_list.BlockCommand]) -> None:
        given(block_list.DECIDER).when(by(command, "m3", member_id="m1", blocked_id="m2")).then_raises("FORBIDDEN")
        stranger = by(command, roles=frozenset(), member_id="m1", blocked_id="m2")
        given(block_list.DECIDER).when(stranger).then_raises("FORBIDDEN")

    def test_not_without_end(self) -> None:
        many = [MemberBlocked(blocked_id=f"n{number}") for number in range(MAX_BLOCKED)]
        block = by(BlockMember, member_id="m1", blocked_id="m2")
        given(block_list.DECIDER, *many).when(block).then_raises("TOO_MANY", ("blocked_id",))


class TestTheListOfABrand:
    LEADER = frozenset({Role.MEMBER, Role.BUILDER})
    OFFERED = TagsOffered(tags=("boats", "python"), only_these=True)

    def test_leaders_offer_it(self) -> None:
        offer = by(OfferTags, roles=self.LEADER, brand_id="b1", tags=("Python", "boats"), only_these=True)
        given(tag_list.DECIDER).when(offer).then(self.OFFERED)
        given(tag_list.DECIDER, self.OFFERED).when(offer).then_nothing()

    def test_members_do_not_and_no_other_brand(self) -> None:
        given(tag_list.DECIDER).when(by(OfferTags, brand_id="b1", tags=())).then_raises("FORBIDDEN")
        other = by(OfferTags, roles=self.LEADER, brand_id="b2", tags=())
        given(tag_list.DECIDER).when(other).then_raises("NOT_FOUND", ("brand_id",))

    def test_what_may_be_chosen(self) -> None:
        TagList().check(("anything",), "skills")
        only = TagList(tags=("boats",), only_these=True)
        only.check((" BOATS",), "skills")
        with pytest.raises(Exception, match="a list of tags") as refusal:
            only.check(("boats", "planes"), "skills")
        assert (refusal.value.code, refusal.value.path) == ("TAG_NOT_OFFERED", ("skills", 1))  # type: ignore[attr-defined]


@for_all(st.lists(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])).map(normalised).filter(bool)))
def test_tags_are_read_as_they_were_written(tags: list[str]) -> None:
    assert from_text(to_text(tags)) == tuple(tags)


_OTHERS = st.sampled_from(["m2", "m3"])
_COMMANDS = st.one_of(
    st.builds(lambda: by(LeaveNetworking, member_id="m1")),
    st.builds(lambda other: by(DismissSuggestion, member_id="m1", dismissed_id=other), _OTHERS),
    st.builds(
        lambda tags: by(ChooseNetworking, member_id="m1", interests=tuple(tags)),
        st.lists(st.sampled_from(["A", "a", "b"]), max_size=3),
    ),
)


@for_all(st.lists(_COMMANDS, max_size=12))
def test_a_command_twice_changes_nothing_the_second_time(commands: list[networking.NetworkingCommand]) -> None:
    history: list[networking.NetworkingEvent] = []
    for command in commands:
        state = given(networking.DECIDER, *history).state
        history += networking.decide(state, command)
        given(networking.DECIDER, *history).when(command).then_nothing()
