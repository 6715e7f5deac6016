"""The specification of a space."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.domain import DomainError
from libs.shared.testing.bdd import given
from services.discussions.space import (
    DECIDER,
    ChangeSpaceAudience,
    CreateSpace,
    SpaceAudienceChanged,
    SpaceCreated,
    SpaceKind,
    admit_post,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
MEMBERS = frozenset({"member"})
CREATED = SpaceCreated(slug="help", name="Help", kind=SpaceKind.QUESTIONS)
BROADCAST = SpaceCreated(slug="news", name="News", kind=SpaceKind.BROADCAST)


def create(role: str = "builder", **changes: Any) -> CreateSpace:
    command: dict[str, Any] = {
        "command_id": "c1",
        "brand": "b1",
        "actor": "m1",
        "now": NOW,
        "roles": frozenset({"member", role}),
        "space_id": "s1",
        "slug": "help",
        "name": "Help",
        "kind": SpaceKind.QUESTIONS,
    }
    return CreateSpace(**{**command, **changes})


@pytest.mark.parametrize("role", ["owner", "builder"])
def test_leaders_create_a_space(role: str) -> None:
    given(DECIDER).when(create(role)).then(CREATED)


@pytest.mark.parametrize("role", ["member", "moderator", "ambassador"])
def test_nobody_else_creates_one(role: str) -> None:
    given(DECIDER).when(create(role)).then_raises("FORBIDDEN")


def test_creating_it_again_changes_nothing() -> None:
    given(DECIDER, CREATED).when(create(command_id="c2")).then_nothing()


def test_an_id_is_of_one_space_only() -> None:
    given(DECIDER, CREATED).when(create(slug="other")).then_raises("ID_TAKEN", ("space_id",))


FEW = Audience(roles=(Role.AMBASSADOR,), segments=("sg1",))


def change(audience: Audience | None, role: str = "builder") -> ChangeSpaceAudience:
    roles = frozenset({"member", role})
    return ChangeSpaceAudience(
        command_id="c1", brand="b1", actor="m1", now=NOW, roles=roles, space_id="s1", audience=audience
    )


def test_a_space_is_opened_for_an_audience() -> None:
    created = SpaceCreated(slug="help", name="Help", kind=SpaceKind.QUESTIONS, audience=FEW)
    given(DECIDER).when(create(audience=FEW)).then(created)
    given(DECIDER, created).when(change(None)).then(SpaceAudienceChanged(audience=None))


def test_leaders_change_for_whom_a_space_is() -> None:
    changed = SpaceAudienceChanged(audience=FEW)
    given(DECIDER, CREATED).when(change(FEW)).then(changed)
    given(DECIDER, CREATED, changed).when(change(FEW)).then_nothing()
    given(DECIDER, CREATED).when(change(None)).then_nothing()
    given(DECIDER, CREATED).when(change(FEW, "moderator")).then_raises("FORBIDDEN")
    given(DECIDER).when(change(FEW)).then_raises("NOT_FOUND", ("space_id",))


def refusal(event: SpaceCreated | None, roles: frozenset[str]) -> str | None:
    try:
        admit_post(given(DECIDER, *(event,) if event else ()).state, roles)
    except DomainError as refused:
        return refused.code
    return None


def test_members_post_in_a_space() -> None:
    assert refusal(CREATED, MEMBERS) is None


def test_in_a_broadcast_space_leaders_post() -> None:
    assert refusal(BROADCAST, MEMBERS) == "FORBIDDEN"
    assert refusal(BROADCAST, MEMBERS | {"moderator"}) == "FORBIDDEN"
    assert refusal(BROADCAST, MEMBERS | {"builder"}) is None
    assert refusal(BROADCAST, MEMBERS | {"owner"}) is None


def test_nobody_posts_in_a_missing_space_and_strangers_do_not_learn_which_exist() -> None:
    assert refusal(None, MEMBERS) == "NOT_FOUND"
    assert refusal(None, frozenset()) == refusal(CREATED, frozenset()) == "FORBIDDEN"


commands = some.builds(
    create,
    some.sampled_from(["member", "builder"]),
    slug=some.sampled_from(["one", "two"]),
    kind=some.sampled_from(SpaceKind),
)


@for_all(some.lists(commands))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[CreateSpace]) -> None:
    state = DECIDER.initial
    for one in sent:
        try:
            events = DECIDER.decide(state, one)
        except DomainError:
            continue
        for event in events:
            assert not state.exists
            state = DECIDER.evolve(state, event)
            assert state.exists
        assert state.slug == one.slug
        assert DECIDER.decide(state, one) == []
