"""graphql-transport-ws: the reference client of npm and frames that it would never send, against the real gateway."""

from services.gateway.tests.world import World
from tests.conformance.suites import check_all_ok, nobody_listens, outcomes, package_version
from tests.reports import check_report, table


async def test_the_reference_client_and_hostile_frames(publishing: World, write_reports: bool) -> None:
    token = publishing.issuer.token("alice")
    results = await outcomes("transport_ws.mjs", publishing.ws_url, token, "acme")
    check_all_ok(results)
    assert len({result.name for result in results}) == len(results) > 40
    await nobody_listens(publishing)
    rows = [(one.section, one.name, one.status) for one in results]
    text = f"""# GraphQL over WebSocket (graphql-transport-ws)

What npm's graphql-ws {package_version("graphql-ws")} and frames that it would never send met at the gateway, written
by `make conformance ARGS=--write-reports`: {len(results)} of {len(results)}. While one connection is misused, another
one has a subscription that must go on.

{table(["Message", "What was seen", "Result"], rows)}
"""
    check_report("docs/conformance/graphql-transport-ws.md", text, write=write_reports)
