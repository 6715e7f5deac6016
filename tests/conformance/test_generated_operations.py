"""Operations that schemathesis makes of the schema, each root field in turn, against the whole platform.

Ids and slugs are exchanged for ones of a community that is there, so that what is generated reaches the services.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from graphql import (
    ArgumentNode,
    GraphQLID,
    GraphQLSchema,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, settings

from libs.shared.testing.platform import OPERATOR, Platform
from tests.integration.community import Community, found, furnish
from tests.reports import ROOT

_SDL = ROOT / "services/gateway/schema.graphql"
_EXAMPLES = 25
#: What would be our fault; everything else says what is wrong with the request.
_OURS = {"INTERNAL", "UNAVAILABLE", "TIMEOUT", "STALE_VIEW"}

schema = schemathesis.graphql.from_path(_SDL)


@pytest.fixture(scope="module")
def core() -> GraphQLSchema:
    return build_schema(_SDL.read_text())


@pytest.fixture(scope="module")
def executed() -> list[bool]:
    """Of each operation, whether it was executed; the others were refused before."""
    return []


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as opened:
        yield opened


@pytest.fixture(scope="module")
async def community(platform: Platform) -> Community:
    made = await found(platform)
    await furnish(platform, made)
    return made


class _Real(Visitor):
    """Exchanges every second id and slug, by its text, for a real one."""

    def __init__(self, types: TypeInfo, community: Community) -> None:
        super().__init__()
        self._types = types
        self._ids = sorted(community.ids.values())
        self._slug = community.slug

    def enter_string_value(self, node: StringValueNode, _key: Any, parent: Any, *_: Any) -> StringValueNode | None:
        chosen = zlib.crc32(node.value.encode("utf-8", "surrogatepass"))
        if chosen % 2:
            return None
        if get_named_type(self._types.get_input_type()) is GraphQLID:
            return StringValueNode(value=self._ids[chosen % len(self._ids)])
        if isinstance(parent, ArgumentNode) and parent.name.value.lower().endswith("slug"):
            return StringValueNode(value=self._slug)
        return None


#: After these, who sent them is not who they were: leaving, being erased, signing out oneself or any member.
_FAREWELLS: Final = ("leaveBrand", "eraseMe", "signOut")


@schema.parametrize()
@settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_operation_is_a_server_error(
    case: schemathesis.Case[Any],
    platform: Platform,
    client: httpx.Client,
    core: GraphQLSchema,
    community: Community,
    executed: list[bool],
) -> None:
    types = TypeInfo(core)
    document = print_ast(visit(parse(str(case.body)), TypeInfoVisitor(types, _Real(types, community))))
    # Whoever founded the brand may do everything, and must not go.
    sender = f"guest-{len(executed)}" if any(name in document for name in _FAREWELLS) else OPERATOR
    headers = {"Authorization": f"Bearer {platform.token(sender)}"}
    response = client.post(f"{platform.url}/graphql", json={"query": document}, headers=headers)
    answer = response.json()
    said = f"{document}\n{response.text}"
    assert response.status_code in {200, 400}, said
    assert ("data" in answer) == (response.status_code == 200), said
    assert not {error["extensions"]["code"] for error in answer.get("errors", ())} & _OURS, said
    assert not set(_refusals(answer.get("data"))) & _OURS, said
    executed.append("data" in answer)


def _refusals(data: object) -> Iterator[str]:
    """The codes in the payloads of mutations, wherever they are asked for."""
    for payload in data.values() if isinstance(data, dict) else ():
        for refusal in payload.get("errors", ()) if isinstance(payload, dict) else ():
            yield str(refusal.get("code"))


def test_most_of_it_was_executed(executed: list[bool]) -> None:
    assert len(executed) > 500
    assert executed.count(True) > len(executed) / 3


def test_every_service_has_survived(platform: Platform) -> None:
    for service in platform.services.values():
        assert service.process is not None
        assert service.process.poll() is None, service.name
        assert '"level":"error"' not in service.log.read_text(), service.log.read_text()[-3000:]
