"""That everything personal of a member is destroyed: how far that is, and the certificate of it."""

from datetime import datetime

import strawberry

from libs.executor.with_strawberry import Answers, batch
from services.gateway import replies
from services.gateway.context import Scope
from services.gateway.loaders import ERASURES


@strawberry.type(description="A service in which nothing readable is left.")
class ErasedService:
    """A part of a certificate."""

    service: str
    views: list[str] = strawberry.field(description="Its read models that were scrubbed.")


@strawberry.type(description="The erasure of a member from a brand, with its certificate once it is complete.")
class Erasure:
    """An erasure."""

    requested_at: datetime
    key_destroyed_at: datetime | None = strawberry.field(
        description="When the key was destroyed without which nothing personal in the log can be read."
    )
    certified_at: datetime | None = strawberry.field(description="When all services had done it; null until then.")
    services: list[ErasedService]

    @staticmethod
    def of(row: replies.ErasureReply, _: Scope) -> "Erasure":
        """An erasure as a service sees it."""
        return Erasure(
            requested_at=row.requested_at,
            key_destroyed_at=row.key_destroyed_at,
            certified_at=row.certified_at,
            services=[ErasedService(service=one.service, views=one.views) for one in row.services],
        )


@strawberry.type
class ErasurePart:
    """The part of a member about their erasure."""

    scope: strawberry.Private[Scope]
    key: strawberry.Private[str]

    @batch
    @staticmethod
    async def erasure(those: list["ErasurePart"]) -> Answers[Erasure | None]:
        """How far their erasure is, for owners and the member; null for others, and when nobody asked for one."""
        return await ERASURES.objects(((one.scope, one.key) for one in those), Erasure.of)


async def load_erasure(scope: Scope, key: str) -> Erasure | None:
    """The erasure of a member; None without one."""
    return await ERASURES.object(scope, key, Erasure.of)
