"""Whether a community for this exists already: brands of the same network that are called or described alike."""

import strawberry
from strawberry import ID

from libs.shared.domain import NO_BRAND
from services.gateway import ids, replies
from services.gateway.context import Info, Scope
from services.gateway.schema.common import Payload, field


@strawberry.type(description="A brand that is like another one.")
class SimilarBrand:
    """A candidate to join instead."""

    brand_id: ID
    slug: str
    name: str
    score: int = strawberry.field(description="How alike, 80–100: names, addresses or descriptions, whatever is most.")

    @staticmethod
    def of(row: replies.SimilarBrandReply) -> "SimilarBrand":
        """A brand as a service found it."""
        return SimilarBrand(
            brand_id=ids.encode("Brand", NO_BRAND, row.id), slug=row.slug, name=row.name, score=row.score
        )


@strawberry.type
class SimilarBrandsQuery:
    """The question before a brand is opened."""

    @field
    async def similar_brands(
        self, info: Info, network_id: ID, name: str, slug: str = "", description: str = ""
    ) -> list[SimilarBrand]:
        """Brands of a network like one that is to be, the likest first; at most 5.  Public."""
        network = ids.expect(network_id, "networkId", "Network").key
        fields = {"network_id": network, "name": name, "slug": slug, "description": description}
        return await _ask(info.context.everywhere(), "similar_brands", **fields)


@strawberry.type
class SimilarBrandsPayload(Payload):
    """The answer after it was."""

    key: strawberry.Private[str] = ""

    @field
    async def similar_brands(self, info: Info) -> list[SimilarBrand] | None:
        """A warning, never a refusal: brands of the network like this one, the likest first; at most 5."""
        if self.done is None:
            return None
        return await _ask(info.context.everywhere(self.done.position), "similar_to_brand", brand_id=self.key)


async def _ask(scope: Scope, query: str, /, **fields: str) -> list[SimilarBrand]:
    rows = await scope.ask("members", query, list[replies.SimilarBrandReply], **fields)
    return [SimilarBrand.of(row) for row in rows]
