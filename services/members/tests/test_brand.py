"""The specification of a brand."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import NO_BRAND, DomainError
from libs.shared.testing.bdd import given
from services.members.brand import DECIDER, BrandCreated, BrandKind, CreateBrand

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
