"""The specification of a network."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import NO_BRAND, SYSTEM, DomainError
from libs.shared.testing.bdd import given
from services.members.network import (
    DECIDER,
    OPERATOR,
    AdminAppointed,
    AdminDismissed,
    AppointAdmin,
    CreateNetwork,
    DismissAdmin,
    NetworkCommand,
    NetworkCreated,
    admit_brand,
)

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


def appoint(identity: str = "ines", actor: str = "olga", **changes: Any) -> AppointAdmin:
    about: dict[str, Any] = {"command_id": "c1", "brand": NO_BRAND, "actor": actor, "now": NOW, "network_id": "n1"}
    return AppointAdmin(**{**about, "identity": identity, **changes})


def dismiss(identity: str = "ines", actor: str = "olga", **changes: Any) -> DismissAdmin:
    about: dict[str, Any] = {"command_id": "c1", "brand": NO_BRAND, "actor": actor, "now": NOW, "network_id": "n1"}
    return DismissAdmin(**{**about, "identity": identity, **changes})


APPOINTED = AdminAppointed(identity="ines")


@pytest.mark.parametrize(
    ("actor", "roles"), [("olga", frozenset()), ("root", frozenset({OPERATOR})), (SYSTEM, frozenset())]
)
def test_admins_operators_and_the_platform_appoint_and_dismiss(actor: str, roles: frozenset[str]) -> None:
    given(DECIDER, CREATED).when(appoint(actor=actor, roles=roles)).then(APPOINTED)
    given(DECIDER, CREATED, APPOINTED).when(dismiss(actor=actor, roles=roles)).then(AdminDismissed(identity="ines"))


def test_nobody_else_does() -> None:
    for command in (appoint(actor="eve"), dismiss(actor="eve"), appoint(actor="eve", roles=frozenset({"owner"}))):
        given(DECIDER, CREATED, APPOINTED).when(command).then_raises("FORBIDDEN")
    given(DECIDER, CREATED, APPOINTED, AdminDismissed(identity="ines")).when(appoint("eve", "ines")).then_raises(
        "FORBIDDEN"
    )
    given(DECIDER).when(appoint()).then_raises("FORBIDDEN")
    given(DECIDER).when(appoint(actor="root", roles=frozenset({OPERATOR}))).then_raises("NOT_FOUND", ("network_id",))


def test_what_is_so_already_changes_nothing() -> None:
    given(DECIDER, CREATED, APPOINTED).when(appoint()).then_nothing()
    given(DECIDER, CREATED).when(appoint("olga")).then_nothing()
    given(DECIDER, CREATED).when(dismiss()).then_nothing()


def test_the_last_admin_cannot_go() -> None:
    given(DECIDER, CREATED).when(dismiss("olga")).then_raises("LAST_ADMIN", ("identity",))
    given(DECIDER, CREATED).when(dismiss("olga", actor=SYSTEM)).then_raises("LAST_ADMIN", ("identity",))
    given(DECIDER, CREATED, APPOINTED).when(dismiss("olga")).then(AdminDismissed(identity="olga"))
    left = given(DECIDER, CREATED, APPOINTED, AdminDismissed(identity="olga"))
    left.when(dismiss("ines", actor="ines")).then_raises("LAST_ADMIN", ("identity",))


def test_an_admin_opens_brands_until_dismissed() -> None:
    admit_brand(given(DECIDER, CREATED, APPOINTED).state, "ines")
    with pytest.raises(DomainError) as refused:
        admit_brand(given(DECIDER, CREATED, APPOINTED, AdminDismissed(identity="ines")).state, "ines")
    assert refused.value.code == "FORBIDDEN"


def test_a_network_of_the_platform_has_no_admin_before_one_is_appointed() -> None:
    history = given(DECIDER, NetworkCreated(name="N", slug="n", admin=SYSTEM))
    assert history.state.admins == frozenset()
    history.when(appoint(actor=SYSTEM)).then(APPOINTED)


def test_a_program_is_no_admin_and_there_are_only_so_many() -> None:
    given(DECIDER, CREATED).when(appoint("sa_bot")).then_raises("INVALID", ("identity",))
    many = [AdminAppointed(identity=f"i{number}") for number in range(99)]
    given(DECIDER, CREATED, *many).when(appoint()).then_raises("TOO_MANY_ADMINS", ("identity",))


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


people = some.sampled_from(["olga", "ines", SYSTEM])
commands = some.one_of(
    some.builds(create, slug=slugs, actor=people, roles=roles),
    some.builds(appoint, people, people),
    some.builds(dismiss, people, people),
)


@for_all(some.lists(commands))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[NetworkCommand]) -> None:
    state = DECIDER.initial
    for one in sent:
        try:
            events = DECIDER.decide(state, one)
        except DomainError:
            continue
        for event in events:
            assert state.exists is not isinstance(event, NetworkCreated)
            had_admins = bool(state.admins)
            state = DECIDER.evolve(state, event)
            assert state.exists
            assert bool(state.admins) or not had_admins, "the last one stays"
        if isinstance(one, CreateNetwork):
            assert state.slug == one.slug
        try:
            assert DECIDER.decide(state, one) == []
        except DomainError as refusal:  # who dismissed themselves says nothing more
            assert refusal.code == "FORBIDDEN" and isinstance(one, DismissAdmin) and one.identity == one.actor
