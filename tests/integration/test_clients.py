"""The Python client of docs/clients against the whole platform, and the trusted documents that come without Node."""

import asyncio
import hashlib
import json
import os
import re
import shlex
import sys
from pathlib import Path

import httpx

from libs.shared.testing.platform import Platform, Service
from tests.integration.community import found, furnish
from tests.reports import ROOT, check_report

_CLIENT = ROOT / "docs/clients/python/home.py"


async def run_client(*arguments: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(_CLIENT), *arguments, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return output.decode()


async def test_the_client_joins_writes_and_reads_the_home_page(platform: Platform, trusting: Service) -> None:
    made = await found(platform)
    await furnish(platform, made)
    token = platform.token(f"pia-{made.slug}")
    expected = {
        "name": "Acme",
        "memberCount": 4,
        "viewer": "Pia",
        "posts": ["Hi by Pia", "Hello by Mona"],
        "events": ["Meet-up"],
        "ideas": ["Dark mode"],
    }
    shown = await run_client(f"{platform.url}/graphql", made.slug, ARCHIPEL_TOKEN=token)
    assert json.loads(shown) == expected
    # Again, where only trusted documents run: the same commands change nothing.
    shown = await run_client(f"{trusting.url}/graphql", made.slug, "--trusted", ARCHIPEL_TOKEN=token)
    assert json.loads(shown) == expected


async def test_the_operations_of_the_readme_run_where_only_trusted_documents_do(trusting: Service) -> None:
    manifest = json.loads((ROOT / "docs/clients/trusted/readme.json").read_text())
    async with httpx.AsyncClient(base_url=trusting.url, timeout=30) as client:
        refused = await client.post("/graphql", json={"query": "{ __typename }"})
        assert refused.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
        for key in manifest:
            asked = {"documentId": f"sha256:{key}", "variables": {"post": "x"}}
            assert "data" in (await client.post("/graphql", json=asked)).json()


async def test_the_manifest_of_the_client(write_reports: bool) -> None:
    check_report("docs/clients/trusted/python.json", await run_client("--manifest"), write=write_reports)


def test_the_manifest_of_the_readme(write_reports: bool) -> None:
    """The operations that the README shows, word for word, so that they run where only trusted documents do.

    Kustomize reads no file outside of its folder, so the deployment has a copy.
    """
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(r"^```graphql\n(.*?)\n```$", readme, re.DOTALL | re.MULTILINE)
    for command in re.findall(r"^\$ (curl(?:.*\\\n)*.*)$", readme, re.MULTILINE):
        arguments = shlex.split(command.replace("\\\n", " "))
        shown.append(json.loads(arguments[arguments.index("-d") + 1])["query"])
    assert len(shown) == 3
    manifest = {hashlib.sha256(text.encode()).hexdigest(): text for text in shown}
    for folder in ("docs/clients/trusted", "deploy/k8s/base/gateway/documents"):
        check_report(f"{folder}/readme.json", json.dumps(manifest, indent=2) + "\n", write=write_reports)


def test_every_manifest_names_documents_by_their_hash() -> None:
    manifests = sorted(Path(ROOT / "docs/clients/trusted").glob("*.json"))
    assert [path.stem for path in manifests] == ["python", "readme", "typescript"]
    for path in manifests:
        for key, text in json.loads(path.read_text()).items():
            assert hashlib.sha256(text.encode()).hexdigest() == key.removeprefix("sha256:"), path.name
