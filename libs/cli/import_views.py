"""Waits until every view shows what an import brought, so that whoever looks next sees all of it."""

from typing import Any

from libs.cli.import_sender import Sender
from libs.shared.domain import NO_BRAND, BrandId

_SOME_ID = "none"

#: One question to each view that an import changes; the answers do not matter, only that they wait.
_QUESTIONS: dict[str, tuple[tuple[str, dict[str, object]], ...]] = {
    "members": (("brands_get_many", {"ids": [_SOME_ID]}), ("members_get_many", {"ids": [_SOME_ID]})),
    "discussions": (
        ("spaces_get_many", {"ids": [_SOME_ID]}),
        ("posts_get_many", {"ids": [_SOME_ID]}),
        ("replies_get_many", {"ids": [_SOME_ID]}),
    ),
    "events": (("events_get_many", {"ids": [_SOME_ID]}),),
    "feedback": (
        ("boards_get_many", {"ids": [_SOME_ID]}),
        ("ideas_get_many", {"ids": [_SOME_ID]}),
    ),
}


async def wait_for_views(sender: Sender, brand: BrandId) -> None:
    """Returns when they have; raises `PlatformGone` when one does not get there in a quarter of an hour."""
    for service, questions in _QUESTIONS.items():
        if service.upper() in sender.position:
            for query, fields in questions:
                scope = NO_BRAND if query == "brands_get_many" else brand
                await sender.ask(service, query, Any, brand=scope, **fields)
