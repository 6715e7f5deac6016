"""The audit suite of the npm package graphql-http, by the editors of the specification, against the real gateway."""

import httpx

from tests.conformance.suites import check_all_ok, outcomes, package_version
from tests.reports import check_report, table

_LEVELS = ("MUST", "SHOULD", "MAY")


async def test_every_audit_passes(client: httpx.AsyncClient, write_reports: bool) -> None:
    results = await outcomes("http_audit.mjs", f"{client.base_url}/graphql")
    check_all_ok(results)
    by_level = {level: [one for one in results if one.name.startswith(level)] for level in _LEVELS}
    assert sum(map(len, by_level.values())) == len(results) > 60
    rows = [(level, one.name.removeprefix(level).strip(), one.id, "ok") for level in _LEVELS for one in by_level[level]]
    counts = ", ".join(f"{level} {len(found)} of {len(found)}" for level, found in by_level.items())
    text = f"""# GraphQL over HTTP

What the server audit of npm's graphql-http {package_version("graphql-http")} says of the gateway, written by
`make conformance ARGS=--write-reports`: {counts}.

{table(["Level", "Requirement", "Audit", "Result"], rows)}
"""
    check_report("docs/conformance/graphql-http.md", text, write=write_reports)
