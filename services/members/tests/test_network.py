"""The specification of a network."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import NO_BRAND, SYSTEM, DomainError
from libs.shared.testing.bdd import given
from services.members.network import DECIDER, OPERATOR, CreateNetwork, NetworkCreated, admit_brand

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CREATED = NetworkCreated(name="Côte d'Azur", slug="cote-d-azur", admin="olga")


def create(**changes: Any) -> CreateNetwork:
    command: dict[str, Any] = {
        "command_id": "c1",
        "brand": NO_BRAND,
        "actor": "olga",
        "now": NOW,
        "roles": frozenset({OPERATOR}),
        "network_id": "n1",
        "name": "Côte d'Azur",
        "slug": "cote-d-azur",
    }
    return CreateNetwork(**{**command, **changes})


def test_an_operator_creates_a_network_and_becomes_its_admin() -> None:
    given(DECIDER).when(create()).then(CREATED)


def test_the_platform_creates_a_network() -> None:
    created = NetworkCreated(name="Côte d'Azur", slug="cote-d-azur", admin=SYSTEM)
    given(DECIDER).when(create(actor=SYSTEM, roles=frozenset())).then(created)


def test_nobody_else_creates_a_network() -> None:
    given(DECIDER).when(create(roles=frozenset({"owner", "member"}))).then_raises("FORBIDDEN")


def test_a_network_is_above_brands() -> None:
    given(DECIDER).when(create(brand="b1")).then_raises("INVALID", ("brand",))


def test_creating_it_again_changes_nothing() -> None:
    given(DECIDER, CREATED).when(create(command_id="c2")).then_nothing()


def test_an_id_is_of_one_network_only() -> None:
    given(DECIDER, CREATED).when(create(slug="other")).then_raises("ID_TAKEN", ("network_id",))


@pytest.mark.parametrize("actor", ["olga", SYSTEM])
def test_its_admins_and_the_platform_open_brands(actor: str) -> None:
    admit_brand(given(DECIDER, CREATED).state, actor)


def test_others_open_no_brand() -> None:
    with pytest.raises(DomainError) as refused:
        admit_brand(given(DECIDER, CREATED).state, "paul")
    assert refused.value.code == "FORBIDDEN"


def test_no_brand_opens_in_a_missing_network() -> None:
    with pytest.raises(DomainError) as refused:
        admit_brand(given(DECIDER).state, SYSTEM)
    assert (refused.value.code, refused.value.path) == ("NOT_FOUND", ("network_id",))


slugs = some.sampled_from(["one", "two"])
roles = some.sampled_from([frozenset[str](), frozenset({OPERATOR})])


@for_all(some.lists(some.builds(create, slug=slugs, actor=some.sampled_from(["olga", SYSTEM]), roles=roles)))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[CreateNetwork]) -> None:
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
