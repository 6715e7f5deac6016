"""Waits until every view of every service shows what an import brought, so that whoever looks next sees all of it."""

from typing import Any

from libs.access.erasure import SERVICES
from libs.cli.import_sender import Sender
from libs.shared.domain import BrandId


async def wait_for_views(sender: Sender, brand: BrandId) -> None:
    """Returns when they have; raises `PlatformGone` when one does not get there in a quarter of an hour.

    Views of one service follow the streams of others, so each is asked about everything that was sent.
    """
    for service in SERVICES:
        await sender.ask(service, "views_shown", Any, brand=brand, at_least=dict(sender.position))
