"""graphql-sse in distinct connections mode: the reference client of npm against the real gateway."""

from services.gateway.tests.world import World
from tests.conformance.suites import check_all_ok, nobody_listens, outcomes, package_version
from tests.reports import check_report, table


async def test_the_reference_client(publishing: World, write_reports: bool) -> None:
    token = publishing.issuer.token("alice")
    results = await outcomes("sse.mjs", f"{publishing.url}/graphql", token, "acme")
    check_all_ok(results)
    assert len({result.name for result in results}) == len(results) > 15
    await nobody_listens(publishing)
    rows = [(one.section, one.name, one.status) for one in results]
    text = f"""# GraphQL over SSE (graphql-sse, distinct connections)

What npm's graphql-sse {package_version("graphql-sse")} and plain requests for a stream met at the gateway, written by
`make conformance ARGS=--write-reports`: {len(results)} of {len(results)}.

{table(["Part", "What was seen", "Result"], rows)}
"""
    check_report("docs/conformance/graphql-sse.md", text, write=write_reports)
