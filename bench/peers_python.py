"""`python -m bench.peers_python router|route|gateway`: a server of the page in Python; prints its address and a token.

`router` is Strawberry's own for FastAPI with its defaults; `route` the gateway's HTTP code on the same static schema;
`gateway` the gateway with its own schema, whose services answer from memory.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, TypeVar
from unittest.mock import patch

import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter

from bench.static_page import POSTS, SCHEMA
from libs.shared.ports import free_port
from libs.shared.testing.issuer import Issuer
from services.gateway.admission import Admission, Bounds
from services.gateway.execution import Engine
from services.gateway.tests.world import FakeBus, world

T = TypeVar("T")

_AT = "2026-02-01T00:00:00Z"
_BRAND = {
    "id": "b1", "network_id": "n1", "slug": "bench", "name": "Bench", "kind": "club", "locale": "en",
    "created_at": _AT, "member_count": 20,
}  # fmt: skip
_POSTS = [
    {
        "id": post.id, "space_id": "s1", "author_id": post.author_id, "title": post.title, "body": post.body,
        "published_at": _AT, "locked": False, "reply_count": post.reply_count, "last_activity_at": _AT,
    }
    for post in POSTS[:20]
]  # fmt: skip
_PAGE = {
    "items": _POSTS, "cursors": [f"c{number}" for number in range(20)], "has_next": True, "has_previous": False,
    "total_count": 100,
}  # fmt: skip


class MemoryBus(FakeBus):
    """Answers with bytes made before, which are decoded as if they had come from NATS."""

    def __init__(self) -> None:
        super().__init__()
        self._replies = {"brand_by_slug": msgspec.json.encode(_BRAND), "post_page": msgspec.json.encode(_PAGE)}

    async def query(
        self,
        service: str,  # noqa: ARG002
        name: str,
        payload: Mapping[str, Any],
        reply: type[T],
        *,
        timeout_seconds: float = 5,  # noqa: ARG002
    ) -> T:
        if name == "members_get_many":
            key = ",".join(payload["ids"])
            if key not in self._replies:
                self._replies[key] = msgspec.json.encode([_member(one) for one in payload["ids"]])
            return msgspec.json.decode(self._replies[key], type=reply)
        return msgspec.json.decode(self._replies[name], type=reply)


def _member(key: str) -> dict[str, Any]:
    return {"id": key, "display_name": f"Member {key}", "bio": "", "roles": ["member"], "joined_at": _AT}


def router() -> None:
    """Strawberry as its documentation shows it."""
    app = FastAPI()
    app.include_router(GraphQLRouter(SCHEMA), prefix="/graphql")
    port = free_port()
    _tell(f"http://127.0.0.1:{port}/graphql")
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, loop="uvloop", http="httptools")


async def gateway(engine: Engine) -> None:
    """The gateway as it is, but for the bus, and that it answers everybody who asks, however late."""
    admission = Admission(Bounds(least=1_000, most=1_000))
    with Issuer("ES256") as issuer, patch("services.gateway.tests.world.FakeBus", lambda answers: MemoryBus()):  # noqa: ARG005
        async with world(issuer, engine=engine, admission=admission) as running:
            _tell(f"{running.url}/graphql", issuer.token("alice"))
            await asyncio.Event().wait()


def _tell(url: str, token: str = "") -> None:
    print(msgspec.json.encode({"url": url, "token": token}).decode(), flush=True)


if __name__ == "__main__":
    match sys.argv[1]:
        case "router":
            router()
        case "route":
            with patch("services.gateway.execution.build", lambda: SCHEMA):
                uvloop.run(gateway(Engine()))
        case "gateway":
            uvloop.run(gateway(Engine()))
