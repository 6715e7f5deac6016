"""Does a community for this exist already: which brands of a network are like one that is, or one that is to be?"""

import heapq
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from libs.shared.domain import Id, NotFound, Query
from libs.shared.text import Line
from services.members.brand import Summary
from services.members.similar import THRESHOLD, Words, score
from services.members.views.brands import BrandsView

#: No more brands of a network than this are looked at, and no more than the second are named.
MAX_COMPARED = 5_000
MAX_NAMED = 5


class SimilarBrand(Struct, frozen=True, kw_only=True):
    """A brand that is like the one asked about; `score` is 80–100."""

    id: str
    slug: str
    name: str
    score: int


class SimilarBrands(Query, frozen=True, kw_only=True):
    """Brands of a network like one that is to be, the likest first; at most 5."""

    wire_name: ClassVar[str] = "similar_brands"

    network_id: Id
    name: Line
    slug: Annotated[str, Meta(max_length=63)] = ""
    description: Summary = ""


class SimilarToBrand(Query, frozen=True, kw_only=True):
    """Brands of its network like one that is; NOT_FOUND when it is not."""

    wire_name: ClassVar[str] = "similar_to_brand"

    brand_id: Id


class SimilarBrandsQueries:
    """Answers both from the documents of `BrandsView`."""

    def __init__(self, view: BrandsView) -> None:
        self._view = view

    async def similar_brands(self, query: SimilarBrands) -> list[SimilarBrand]:
        """The brands like one that is to be."""
        return await self._like(Words(query.name, query.slug, query.description), query.network_id)

    async def similar_to_brand(self, query: SimilarToBrand) -> list[SimilarBrand]:
        """The brands like one that is.  Raises NOT_FOUND."""
        document = await self._view.collection("brands").find_one({"_id": query.brand_id})
        if document is None:
            raise NotFound("there is no such brand", ("brand_id",))
        return await self._like(_words(document), document["network_id"], but=query.brand_id)

    async def _like(self, words: Words, network_id: str, but: str | None = None) -> list[SimilarBrand]:
        found = self._view.collection("brands").find(
            {"network_id": network_id}, {"name": True, "slug": True, "description": True}
        )
        scored = [
            (score(words, _words(document)), document)
            for document in await found.to_list(MAX_COMPARED)
            if document["_id"] != but
        ]
        best = heapq.nsmallest(MAX_NAMED, scored, key=lambda pair: (-pair[0], pair[1]["_id"]))
        return [
            SimilarBrand(id=document["_id"], slug=document["slug"], name=document["name"], score=points)
            for points, document in best
            if points >= THRESHOLD
        ]


def _words(document: Mapping[str, Any]) -> Words:
    return Words(document["name"], document["slug"], document["description"])
