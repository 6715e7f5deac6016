"""Who puts whom in the light, for how long, and who ends it."""

from datetime import timedelta
from typing import Any

import pytest

from libs.access.roles import Role
from libs.shared.domain import SYSTEM
from libs.shared.testing.bdd import given
from services.members.recognition.spotlight import DECIDER, EndSpotlight, MemberSpotlighted, ShineOn, SpotlightEnded
from services.members.recognition.tests.examples import NOON

UNTIL = NOON + timedelta(days=7)
LIT = MemberSpotlighted(spotlight_id="s1", text="Look at her maps.", until=UNTIL)
ENDED = SpotlightEnded(spotlight_id="s1")


def shine(**changes: Any) -> ShineOn:
    fields = {
        "command_id": "c1", "brand": "b1", "actor": "olga", "now": NOON, "roles": frozenset({Role.BUILDER}),
        "member_id": "m1", "spotlight_id": "s1", "text": "Look at her maps.", "until": UNTIL, "joined": True,
    }  # fmt: skip
    return ShineOn(**{**fields, **changes})


def end(**changes: Any) -> EndSpotlight:
    fields = {"command_id": "c9", "brand": "b1", "actor": "olga", "now": NOON, "member_id": "m1"}
    return EndSpotlight(**{**fields, "roles": frozenset({Role.OWNER}), **changes})


def test_a_leader_puts_somebody_in_the_light() -> None:
    given(DECIDER).when(shine()).then(LIT)
    given(DECIDER, LIT).when(shine(command_id="c2")).then_nothing()
    given(DECIDER, LIT, ENDED).when(shine(command_id="c2")).then_nothing()


def test_another_light_replaces_the_one_that_shines() -> None:
    other = MemberSpotlighted(spotlight_id="s2", text="And at her songs.", until=UNTIL)
    given(DECIDER, LIT).when(shine(spotlight_id="s2", text="And at her songs.")).then(ENDED, other)


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"roles": frozenset({Role.MEMBER, Role.MODERATOR})}, "FORBIDDEN", ()),
        ({"member_id": "olga"}, "FORBIDDEN", ("member_id",)),
        ({"joined": False}, "NOT_A_MEMBER", ("member_id",)),
        ({"until": NOON}, "INVALID", ("until",)),
        ({"until": NOON + timedelta(days=92, seconds=1)}, "INVALID", ("until",)),
    ],
)
def test_a_light_that_is_not_lit(changes: dict[str, Any], code: str, path: tuple[str, ...]) -> None:
    given(DECIDER).when(shine(**changes)).then_raises(code, path)


@pytest.mark.parametrize("who", [{}, {"actor": SYSTEM}, {"actor": "m1", "roles": frozenset({Role.MEMBER})}])
def test_leaders_the_platform_and_who_stands_in_it_end_it(who: dict[str, Any]) -> None:
    given(DECIDER, LIT).when(end(**who)).then(ENDED)
    given(DECIDER, LIT).when(end(**who, spotlight_id="s1")).then(ENDED)
    given(DECIDER, LIT).when(end(**who, spotlight_id="s0")).then_nothing()
    given(DECIDER, LIT, ENDED).when(end(**who)).then_nothing()


def test_others_do_not_end_it() -> None:
    given(DECIDER, LIT).when(end(actor="m2", roles=frozenset({Role.MEMBER}))).then_raises("FORBIDDEN")
