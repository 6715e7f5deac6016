"""A gateway over a real socket, whose services answer from a table instead of from NATS."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import httpx
import msgspec

from libs.shared.domain import Accepted, DomainError, NotFound
from libs.shared.health import Health, HttpServer
from libs.shared.ids import identity_id, member_id
from libs.shared.testing.issuer import AUDIENCE, Issuer
from services.gateway.admission import Admission, Bounds
from services.gateway.api_keys import ApiKeys
from services.gateway.execution import Engine
from services.gateway.feed import Feed
from services.gateway.gateway import Gateway
from services.gateway.limits import MAX_BODY_BYTES
from services.gateway.observation import ObservedBus
from services.gateway.origins import Origins
from services.gateway.principals import Principals
from services.gateway.rates import Rates
from services.gateway.revocation import Revocations
from services.gateway.security import Authenticator, Keys, http_fetch
from services.gateway.service import Application

IDENTITY_KEY = b"k" * 32
BRAND = "b1"

T = TypeVar("T")
Answer = Callable[[dict[str, Any]], Any]


@dataclass
class FakeBus:
    """Answers queries from a table of `service.name` and notes what was sent."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuse: DomainError | Exception | None = None
    accepted_id: str = "t1"

    async def command(
        self, service: str, aggregate: str, name: str, payload: Mapping[str, Any], *, timeout_seconds: float = 0
    ) -> Accepted:
        self.sent.append((f"{service}.{aggregate}.{name}", dict(payload)))
        if self.refuse is not None:
            raise self.refuse
        return Accepted(id=self.accepted_id, position={service.upper(): 7})

    async def query(
        self, service: str, name: str, payload: Mapping[str, Any], reply: type[T], *, timeout_seconds: float = 0
    ) -> T:
        plain = msgspec.json.decode(msgspec.json.encode(payload))
        self.asked.append((f"{service}.{name}", plain))
        await asyncio.sleep(0)
        if f"{service}.{name}" not in self.answers:
            raise NotFound("nothing")
        return msgspec.json.decode(msgspec.json.encode(self.answers[f"{service}.{name}"](plain)), type=reply)

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@dataclass
class World:
    """One gateway and a client of it."""

    issuer: Issuer
    bus: FakeBus
    gateway: Gateway
    client: httpx.AsyncClient
    url: str
    revocations: Revocations

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws") + "/graphql"

    def identity(self, subject: str = "alice") -> str:
        return identity_id(IDENTITY_KEY, self.issuer.url, subject)

    def member(self, subject: str = "alice", brand: str = BRAND) -> str:
        return member_id(IDENTITY_KEY, brand, self.identity(subject))

    def headers(self, subject: str | None = "alice") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(subject)}"} if subject else {}

    async def graphql(self, query: str, subject: str | None = "alice", **variables: Any) -> dict[str, Any]:
        """Run an operation; whatever comes back must be 200 JSON.  Without `extensions`."""
        body = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=body, headers=self.headers(subject))
        assert response.status_code == 200 or response.headers["content-type"].startswith("application/graphql"), (
            response.text
        )
        answer: dict[str, Any] = response.json()
        answer.pop("extensions", None)  # what it cost has tests of its own
        return answer


@cache
def engine() -> Engine:
    """The schema, built once for all tests."""
    return Engine()


@asynccontextmanager
async def world(issuer: Issuer, **parts: Any) -> AsyncGenerator[World, None]:
    """Serve a gateway on a free port; `parts` stand in for parts of `Gateway`, its origins by their names."""
    bus = FakeBus(answers=brand_answers())
    async with httpx.AsyncClient() as fetching:
        keys = Keys(http_fetch(fetching, issuer=issuer.url, jwks_url=issuer.jwks_url))
        tokens = Authenticator(keys, issuer=issuer.url, audience=AUDIENCE, identity_key=IDENTITY_KEY)
        revocations = Revocations()
        revocations.known = True
        # A machine that is busy with other tests is no overload.
        admission = Admission(Bounds(least=256))
        given = {
            "engine": engine(),
            "feed": Feed(),
            "rates": Rates(secret=IDENTITY_KEY),
            "admission": admission,
            **parts,
            "origins": Origins(parts.get("origins", frozenset()), bus),
        }
        gateway = Gateway(
            bus=ObservedBus(bus),
            principals=Principals(tokens, ApiKeys(bus), revocations),
            identity_key=IDENTITY_KEY,
            **given,
        )
        server = HttpServer(Application(gateway, Health(dict, dict)), "127.0.0.1", 0, grace_seconds=1)
        server.config.ws_max_size = MAX_BODY_BYTES
        serving = asyncio.create_task(server.run_until_stopped())
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            try:
                yield World(issuer, bus, gateway, client, url, revocations)
            finally:
                server.stop()
                await serving


def brand_answers() -> dict[str, Answer]:
    """A brand with one space, posts and members, as the services would tell of it."""
    at = "2026-01-02T03:04:05Z"

    def member(key: str) -> dict[str, Any]:
        return {"id": key, "display_name": f"Name of {key}", "bio": "", "roles": ["member"], "joined_at": at}

    def post(key: str) -> dict[str, Any]:
        return {
            "id": key, "space_id": "s1", "author_id": f"m{key}", "title": f"Title {key}", "body": "Body " * 20,
            "published_at": at, "locked": False, "reply_count": 2, "last_activity_at": at,
        }  # fmt: skip

    def reply(thread: str, number: int) -> dict[str, Any]:
        return {
            "id": f"{thread}r{number}", "thread_id": thread, "author_id": f"m{number}", "body": "Yes", "number": number,
            "published_at": at, "reply_to": f"{thread}r1" if number > 1 else None,
        }  # fmt: skip

    def page(items: list[Any]) -> dict[str, Any]:
        cursors = [f"c{number}" for number in range(len(items))]
        return {"items": items, "cursors": cursors, "has_next": True, "has_previous": False, "total_count": 99}

    brand = {
        "id": BRAND, "network_id": "n1", "slug": "acme", "name": "Acme", "kind": "club", "locale": "fr",
        "created_at": at, "member_count": 3,
    }  # fmt: skip
    space = {"id": "s1", "slug": "general", "name": "General", "kind": "discussion", "created_at": at, "post_count": 99}

    def by_slug(row: dict[str, Any]) -> Answer:
        def answer(asked: dict[str, Any]) -> dict[str, Any]:
            if asked["slug"] != row["slug"]:
                raise NotFound("no")
            return row

        return answer

    return {
        "members.brand_by_slug": by_slug(brand),
        "members.brands_get_many": lambda asked: [brand if key == BRAND else None for key in asked["ids"]],
        "members.members_get_many": lambda asked: [member(key) for key in asked["ids"]],
        "members.memberships_of_identity": lambda _: {"items": [{"brand_id": BRAND, "member_id": "m1"}]},
        "discussions.space_by_slug": by_slug(space),
        "discussions.spaces_get_many": lambda asked: [space if key == "s1" else None for key in asked["ids"]],
        "discussions.post_page": lambda asked: page([post(f"t{n}") for n in range(asked["page"].get("first", 20))]),
        "discussions.posts_get_many": lambda asked: [post(key) for key in asked["ids"]],
        "discussions.reply_pages": lambda asked: [page([reply(key, 1), reply(key, 2)]) for key in asked["thread_ids"]],
        "discussions.replies_get_many": lambda asked: [reply(*_split(key)) for key in asked["ids"]],
        "discussions.reactions_get_many": lambda asked: [
            {"target_id": key, "counts": [{"emoji": "heart", "count": 2}], "mine": ["heart"]}
            for key in asked["target_ids"]
        ],
    }


def _split(key: str) -> tuple[str, int]:
    thread, _, number = key.rpartition("r")
    return thread, int(number)
