"""The TypeScript client of docs/clients: generated, compiled and run against the whole platform."""

import json
from pathlib import Path

from libs.shared.testing.platform import Platform, Service
from tests.conformance.suites import node
from tests.integration.community import found, furnish
from tests.reports import ROOT, check_report

_CLIENT = ROOT / "docs/clients/typescript"


async def test_the_client_joins_writes_and_reads_the_home_page(
    platform: Platform, trusting: Service, tmp_path: Path, write_reports: bool
) -> None:
    await node("generate.mjs", str(tmp_path / "manifest.json"), folder=_CLIENT)
    manifest = (tmp_path / "manifest.json").read_text()
    check_report("docs/clients/trusted/typescript.json", manifest, write=write_reports)
    await node("node_modules/typescript/bin/tsc", folder=_CLIENT)

    made = await found(platform)
    await furnish(platform, made)
    token = platform.token(f"tess-{made.slug}")
    # Again, where only trusted documents run: the same commands change nothing.
    for url, *options in ((platform.url,), (trusting.url, "--trusted")):
        shown = await node("build/main.js", f"{url}/graphql", made.slug, *options, folder=_CLIENT, ARCHIPEL_TOKEN=token)
        assert json.loads(shown) == {
            "name": "Acme",
            "memberCount": 4,
            "viewer": "Tess",
            "posts": ["Hello by Tess", "Hello by Mona"],
            "events": ["Meet-up"],
            "ideas": ["Dark mode"],
        }
