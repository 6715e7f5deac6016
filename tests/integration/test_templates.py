"""Templates on the real platform: their commands are those of the services, and a crash leaves each thing once."""

import asyncio
import random
import signal
import time
from datetime import UTC, datetime
from itertools import product
from typing import Any

import msgspec
import pytest

from libs.shared.domain import NO_BRAND, SYSTEM
from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from services.members.brand import BrandCreated, BrandKind, BrandType
from services.members.templates import plan
from tests.integration.test_contracts import OWNERS

BRANDS = 12


@pytest.mark.parametrize(("type_", "kind"), list(product(BrandType, BrandKind)))
@pytest.mark.parametrize("locale", ["en", "fr"])
def test_every_step_is_a_command_of_its_service(type_: BrandType, kind: BrandKind, locale: str) -> None:
    created = BrandCreated(network_id="n", slug="s", name="N", kind=kind, type=type_, locale=locale, furnished=True)
    for step in plan("b1", created):
        envelope = {"command_id": step.command_id, "brand": "b1", "actor": SYSTEM, "now": datetime.now(UTC)}
        msgspec.convert({**envelope, **step.fields}, OWNERS[f"cmd.{step.to}"].message)


def furniture(brand_id: str, type_: BrandType, kind: BrandKind) -> dict[str, Any]:
    """What a brand shows once it is furnished, as `things` reads it."""
    created = BrandCreated(network_id="n", slug="s", name="N", kind=kind, type=type_, locale="fr", furnished=True)
    steps = plan(brand_id, created)

    def fields(name: str, field: str) -> list[str]:
        return sorted(step.fields[field] for step in steps if step.to.endswith(name))

    off = {module.upper() for module in fields("switch_module", "module")}
    return {
        "spaces": fields("create_space", "slug"),
        "posts": fields("publish_post", "title"),
        "boards": fields("open_board", "slug"),
        "modules": [module for module in ("DISCUSSIONS", "EVENTS", "FEEDBACK") if module not in off],
        "editions": {"MANIFESTO": 1, "RULES": 1},
        "journey": 1,
    }


async def shows(platform: Platform, slug: str, subject: str, wanted: dict[str, Any]) -> None:
    """Wait until a brand says that it is furnished, and its views show exactly what is wanted.

    When it says so, all commands have been carried out: what is not shown by then is only not shown yet, and what is
    there twice stays so.
    """
    query = """query($slug: String!) { brand(slug: $slug) {
      furnishedAt modules spaces(first: 100) { nodes { slug } } posts(first: 100) { nodes { title } }
      boards(first: 100) { nodes { slug } } journey { version }
      manifesto: charterEditions(part: MANIFESTO) { nodes { version } }
      rules: charterEditions(part: RULES) { nodes { version } } } }"""
    deadline = time.monotonic() + 90
    while True:
        answer = await platform.graphql(query, {"slug": slug}, platform.token(subject))
        brand = (answer.get("data") or {}).get("brand")
        found = brand and brand["furnishedAt"] and "errors" not in answer and things(brand)
        if found == wanted:
            return
        assert time.monotonic() < deadline, (answer, wanted)
        await asyncio.sleep(0.1)


def things(brand: dict[str, Any]) -> dict[str, Any]:
    """What an answer shows, as `furniture` says it."""
    return {
        "spaces": sorted(node["slug"] for node in brand["spaces"]["nodes"]),
        "posts": sorted(node["title"] for node in brand["posts"]["nodes"]),
        "boards": sorted(node["slug"] for node in brand["boards"]["nodes"]),
        "modules": brand["modules"],
        "journey": brand["journey"] and brand["journey"]["version"],
        "editions": {"MANIFESTO": len(brand["manifesto"]["nodes"]), "RULES": len(brand["rules"]["nodes"])},
    }


Brands = list[tuple[str, BrandType, BrandKind]]


async def create(platform: Platform, brands: Brands, founder: str) -> None:
    """Open brands of these types and kinds in a network of their own, all at once."""
    network = uuid7()
    async with platform.bus() as bus:

        async def send(aggregate: str, of: str, /, **fields: Any) -> None:
            envelope = {"command_id": uuid7(), "brand": of, "actor": SYSTEM, "now": datetime.now(UTC)}
            payload = {**envelope, **fields}
            await bus.command("members", aggregate, f"create_{aggregate}", payload, timeout_seconds=30)

        await send("network", NO_BRAND, network_id=network, name="Net", slug=f"n-{network}")
        await asyncio.gather(
            *(
                send(
                    "brand", id_, brand_id=id_, network_id=network, slug=f"b-{id_}", name="Brand", locale="fr",
                    kind=kind.value, type=type_.value, stage="draft", furnished=True,
                    founder=platform.identity(founder), founder_name="Founder",
                )
                for id_, type_, kind in brands
            )
        )  # fmt: skip


async def begun(platform: Platform, brands: Brands) -> None:
    """Wait until one of the brands has rules: its furnishing is under way."""
    slugs = [f"b-{brand_id}" for brand_id, _, _ in brands]
    fields = " ".join(
        f'b{number}: brand(slug: "{slug}") {{ charter {{ rules {{ version }} }} }}' for number, slug in enumerate(slugs)
    )
    deadline = time.monotonic() + 60
    while True:
        answer = await platform.graphql(f"{{ {fields} }}")
        if any(found and found["charter"]["rules"] for found in (answer.get("data") or {}).values()):
            return
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.05)


@pytest.mark.timeout(300)  # five services are started, killed and started again
async def test_a_process_that_is_killed_in_the_middle_leaves_each_thing_once(platform: Platform) -> None:
    every = list(product(BrandType, BrandKind))
    brands = [(uuid7(), type_, kind) for type_, kind in every[:: len(every) // BRANDS]]
    founder = f"founder-{brands[0][0]}"
    members, discussions = platform.services["members"], platform.services["discussions"]
    # Without discussions no brand gets further than its texts.
    discussions.end(signal.SIGKILL)
    await create(platform, brands, founder)
    await begun(platform, brands)
    members.end(signal.SIGKILL)
    discussions.start()
    members.start()
    await asyncio.to_thread(members.wait_ready)
    await asyncio.sleep(random.uniform(0, 0.3))  # somewhere on the way, each time elsewhere
    members.end(signal.SIGKILL)
    members.start()
    for service in (members, discussions):
        await asyncio.to_thread(service.wait_ready)
    for brand_id, type_, kind in brands:
        await shows(platform, f"b-{brand_id}", founder, furniture(brand_id, type_, kind))
