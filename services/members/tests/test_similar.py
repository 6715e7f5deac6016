"""Which brands are alike, and which of a network are named."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.domain import DomainError
from libs.shared.testing.views import view_bench
from services.members.brand import BrandCreated, BrandKind
from services.members.similar import THRESHOLD, Words, folded, score
from services.members.views.brands import BrandsView
from services.members.views.similar_brands import SimilarBrands, SimilarBrandsQueries, SimilarToBrand

ANYBODY: dict[str, Any] = {"brand": "_", "viewer": "anybody"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Été à Paris", "ETE A PARIS"),
        ("Sailors of the Coast", "Coast Sailors"),
        ("Alumni", "Alumni Paris"),
        ("Lighthouse", "Lighthose"),
        ("Acme customers", "Acme Customer Club"),
    ],
)
def test_names_that_are_alike(one: str, other: str) -> None:
    assert score(Words(one), Words(other)) >= THRESHOLD


@pytest.mark.parametrize(
    ("one", "other"),
    [("Acme staff", "Acme customers"), ("Investors", "Resellers"), ("Bike lights", "Gardeners"), ("!!!", "???")],
)
def test_names_that_are_not(one: str, other: str) -> None:
    assert score(Words(one), Words(other)) < THRESHOLD


def test_an_address_or_a_description_tells_too() -> None:
    assert score(Words("One", "bike-lights"), Words("Other", "bikelights")) >= THRESHOLD
    about = "People who ride at night and talk about lights"
    assert score(Words("One", "", about), Words("Other", "", about.upper() + "!")) == 100
    assert score(Words("One", "", "All of us"), Words("Other", "", "All of us")) < THRESHOLD, "too few words"


def test_folding() -> None:
    assert folded("  L'Été\nà  Paris! ") == "l ete a paris"


@for_all(some.text(max_size=50), some.text(max_size=50))
def test_a_score_is_within_its_range_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= score(Words(one), Words(other)) == score(Words(other), Words(one)) <= 100


async def test_the_likest_of_the_same_network_are_named(mongo_url: str) -> None:
    async with view_bench(BrandsView(), mongo_url) as bench:
        names = {"b1": "Coast Sailors", "b2": "Sailors", "b3": "Gardeners", "b4": "Coast Sailors"}
        for id_, name in names.items():
            network = "n2" if id_ == "b4" else "n1"
            created = BrandCreated(
                network_id=network, slug=f"slug-{id_}-x", name=name, kind=BrandKind.CLUB, locale="fr"
            )
            await bench.given(created, brand=id_, aggregate="brand", id=id_)
        queries = SimilarBrandsQueries(bench.view)
        found = await queries.similar_brands(SimilarBrands(**ANYBODY, network_id="n1", name="coast sailors"))
        assert [(item.id, item.name) for item in found] == [("b1", "Coast Sailors"), ("b2", "Sailors")]
        assert found[0].score == 100 > found[1].score
        like = await queries.similar_to_brand(SimilarToBrand(**ANYBODY, brand_id="b1"))
        assert "b1" not in [item.id for item in like] and like[0].id == "b2"
        assert await queries.similar_brands(SimilarBrands(**ANYBODY, network_id="n9", name="Sailors")) == []
        with pytest.raises(DomainError) as refused:
            await queries.similar_to_brand(SimilarToBrand(**ANYBODY, brand_id="b9"))
        assert refused.value.code == "NOT_FOUND"
