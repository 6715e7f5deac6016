"""A service that is dead or hangs fails its own fields; the rest of the page still comes, in bounded time."""

import asyncio
import signal
import time
from typing import Any

from libs.shared.testing.platform import Platform
from services.gateway.deadline import QUERY_SECONDS
from tests.integration.community import Community, found, furnish

PAGE = """query($slug: String!) { brand(slug: $slug) { name posts { nodes { title author { displayName } } }
  events { nodes { title } } } }"""


async def page(platform: Platform, made: Community) -> tuple[dict[str, Any], list[dict[str, Any]], float]:
    """The page's brand, its errors, and how many seconds it took."""
    began = time.monotonic()
    answer = await platform.graphql(PAGE, {"slug": made.slug}, platform.token(made.owner))
    return answer["data"]["brand"], answer.get("errors", []), time.monotonic() - began


def failed(errors: list[dict[str, Any]]) -> list[tuple[list[str], str]]:
    return [(error["path"], error["extensions"]["code"]) for error in errors]


async def test_a_service_that_hangs_fails_its_fields_alone(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    events = platform.services["events"].process
    assert events is not None
    events.send_signal(signal.SIGSTOP)
    try:
        brand, errors, seconds = await page(platform, made)
    finally:
        events.send_signal(signal.SIGCONT)
    assert brand["posts"]["nodes"] and brand["events"] is None
    assert failed(errors) == [(["brand", "events"], "TIMEOUT")]
    assert seconds < QUERY_SECONDS + 15
    brand, errors, _ = await page(platform, made)
    assert brand["events"]["nodes"] and not errors


async def test_a_service_that_is_gone_fails_its_fields_at_once(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    events = platform.services["events"]
    await asyncio.to_thread(events.end, signal.SIGTERM)
    try:
        brand, errors, _ = await page(platform, made)
        assert brand["posts"]["nodes"] and brand["events"] is None
        assert failed(errors) == [(["brand", "events"], "UNAVAILABLE")]
    finally:
        events.start()
        await asyncio.to_thread(events.wait_ready)
    brand, errors, _ = await page(platform, made)
    assert brand["events"]["nodes"] and not errors
