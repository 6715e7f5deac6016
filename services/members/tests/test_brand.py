"""The specification of a brand."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some
from msgspec import structs

from libs.access.gate import Module, Stage
from libs.shared.domain import NO_BRAND, DomainError
from libs.shared.testing.bdd import given
from services.members.brand import (
    DECIDER,
    BrandCreated,
    BrandEvent,
    BrandKind,
    BrandType,
    CreateBrand,
    EnterStage,
    ModuleSwitchedOff,
    ModuleSwitchedOn,
    StageEntered,
    SwitchModule,
)

OWNERS = frozenset({"member", "owner"})
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CREATED = BrandCreated(network_id="n1", slug="alumni", name="Alumni", kind=BrandKind.ALUMNI, locale="fr-FR")


def create(**changes: Any) -> CreateBrand:
    command: dict[str, Any] = {
        "command_id": "c1",
        "brand": "b1",
        "actor": "olga",
        "now": NOW,
        "brand_id": "b1",
        "network_id": "n1",
        "slug": "alumni",
        "name": "Alumni",
        "kind": BrandKind.ALUMNI,
        "locale": "fr-FR",
    }
    return CreateBrand(**{**command, **changes})


def enter(stage: Stage, brand: str = "b1", roles: frozenset[str] = OWNERS) -> EnterStage:
    return EnterStage(command_id="c2", brand=brand, actor="m1", now=NOW, roles=roles, brand_id="b1", stage=stage)


def switch(*, on: bool, roles: frozenset[str] = OWNERS) -> SwitchModule:
    envelope: dict[str, Any] = {"command_id": "c3", "brand": "b1", "actor": "m1", "now": NOW, "roles": roles}
    return SwitchModule(**envelope, brand_id="b1", module=Module.EVENTS, on=on)


def test_a_brand_is_created() -> None:
    given(DECIDER).when(create()).then(CREATED)


def test_creating_it_again_changes_nothing() -> None:
    given(DECIDER, CREATED).when(create(command_id="c2")).then_nothing()


@pytest.mark.parametrize("changes", [{"slug": "other"}, {"network_id": "n2"}])
def test_an_id_is_of_one_brand_only(changes: dict[str, str]) -> None:
    given(DECIDER, CREATED).when(create(**changes)).then_raises("ID_TAKEN", ("brand_id",))


def test_the_envelope_names_the_new_brand() -> None:
    given(DECIDER).when(create(brand="b2")).then_raises("INVALID", ("brand_id",))


def test_no_brand_takes_the_token_of_what_is_above_brands() -> None:
    given(DECIDER).when(create(brand=NO_BRAND, brand_id=NO_BRAND)).then_raises("INVALID", ("brand_id",))


def test_a_founder_has_a_name() -> None:
    given(DECIDER).when(create(founder="olga")).then_raises("INVALID", ("founder_name",))
    given(DECIDER).when(create(founder="olga", founder_name="Olga")).then(CREATED)


@pytest.mark.parametrize("locale", ["fr", "en-GB", "zh-Hant-TW", "es-419"])
def test_a_locale_is_a_language_tag(locale: str) -> None:
    assert msgspec.convert(msgspec.to_builtins(create(locale=locale)), CreateBrand).locale == locale


@pytest.mark.parametrize("locale", ["", "french", "FR", "fr_FR", "fr-fr", "fr-FR\n"])
def test_nothing_else_is_a_locale(locale: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(create(locale=locale)), CreateBrand)


def test_a_brand_says_what_it_is_for() -> None:
    fields: dict[str, Any] = {
        "type": BrandType.RELATION,
        "description": "Ours",
        "furnished": True,
        "stage": Stage.DRAFT,
    }
    given(DECIDER).when(create(**fields)).then(structs.replace(CREATED, **fields))


def test_no_brand_begins_at_its_end() -> None:
    given(DECIDER).when(create(stage=Stage.ARCHIVED)).then_raises("INVALID", ("stage",))


def test_furniture_goes_by_type() -> None:
    given(DECIDER).when(create(furnished=True)).then_raises("INVALID", ("type",))


def in_stage(stage: Stage) -> list[BrandEvent]:
    return [CREATED, StageEntered(stage=stage)]


FORWARD = {(Stage.DRAFT, Stage.BETA), (Stage.DRAFT, Stage.OPEN), (Stage.BETA, Stage.OPEN), (Stage.ARCHIVED, Stage.OPEN)}
FORWARD |= {(stage, Stage.ARCHIVED) for stage in Stage}


@pytest.mark.parametrize("before", Stage)
@pytest.mark.parametrize("after", Stage)
def test_a_brand_goes_forward_and_an_archived_one_is_opened_again(before: Stage, after: Stage) -> None:
    outcome = given(DECIDER, *in_stage(before)).when(enter(after))
    if before is after:
        outcome.then_nothing()
    elif (before, after) in FORWARD:
        outcome.then(StageEntered(stage=after))
    else:
        outcome.then_raises("STAGE_BACKWARD", ("stage",))


def test_modules_are_switched_off_and_on() -> None:
    off, on = ModuleSwitchedOff(module=Module.EVENTS), ModuleSwitchedOn(module=Module.EVENTS)
    given(DECIDER, CREATED).when(switch(on=True)).then_nothing()
    given(DECIDER, CREATED).when(switch(on=False)).then(off)
    given(DECIDER, CREATED, off).when(switch(on=False)).then_nothing()
    given(DECIDER, CREATED, off).when(switch(on=True)).then(on)


@pytest.mark.parametrize("roles", [frozenset(), frozenset({"member", "builder"})])
def test_only_owners_take_a_brand_on(roles: frozenset[str]) -> None:
    given(DECIDER, CREATED).when(enter(Stage.ARCHIVED, roles=roles)).then_raises("FORBIDDEN")
    given(DECIDER, CREATED).when(switch(on=False, roles=roles)).then_raises("FORBIDDEN")


def test_there_is_nothing_to_take_on_without_a_brand() -> None:
    given(DECIDER).when(enter(Stage.OPEN)).then_raises("NOT_FOUND", ("brand_id",))
    given(DECIDER, CREATED).when(enter(Stage.OPEN, brand="b2")).then_raises("NOT_FOUND", ("brand_id",))
    given(DECIDER).when(switch(on=False)).then_raises("NOT_FOUND", ("brand_id",))


slugs, networks = some.sampled_from(["one", "two"]), some.sampled_from(["n1", "n2"])
founders = some.sampled_from([None, "olga"])


@for_all(some.lists(some.builds(create, slug=slugs, network_id=networks, founder=founders)))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[CreateBrand]) -> None:
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
        assert (state.slug, state.network_id) == (one.slug, one.network_id)
        assert DECIDER.decide(state, one) == []
