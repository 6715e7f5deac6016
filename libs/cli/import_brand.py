"""The brand that an import goes into: found by its slug, or created in the network `default`."""

from datetime import datetime

from msgspec import Struct

from libs.cli.import_plan import brand_command, network_command
from libs.cli.import_sender import Bus, PlatformGone, Sender
from libs.cli.problems import CannotRun
from libs.shared.domain import NO_BRAND, BrandId, Command, DomainError

_NETWORK = "default"
_ANSWER_SECONDS = 5


class _Found(Struct):
    id: str


async def find_brand(bus: Bus, slug: str, now: datetime, *, create: bool) -> BrandId:
    """The id of the brand; raises `CannotRun` when it cannot be had."""
    sender = Sender(bus, patience_seconds=_ANSWER_SECONDS)
    try:
        found = await _by_slug(sender, "brand", slug)
        if found is None and create:
            network = await _by_slug(sender, "network", _NETWORK)
            if network is None:
                opening = network_command(_NETWORK, now)
                network = await _created(sender, "network", _NETWORK, opening.network_id, opening)
            founding = brand_command(network, slug, now)
            found = await _created(sender, "brand", slug, founding.brand_id, founding)
    except PlatformGone as gone:
        raise CannotRun(f"the platform does not answer ({gone})") from gone
    except DomainError as refusal:
        raise CannotRun(f"brand {slug!r}: {refusal.message}") from refusal
    if found is None:
        raise CannotRun(f"there is no brand {slug!r}: create it first, or let --create do it")
    return BrandId(found)


async def _by_slug(sender: Sender, what: str, slug: str) -> str | None:
    try:
        return (await sender.ask("members", f"{what}_by_slug", _Found, brand=NO_BRAND, slug=slug)).id
    except DomainError as refusal:
        if refusal.code != "NOT_FOUND":
            raise
        return None


async def _created(sender: Sender, what: str, slug: str, id_: str, command: Command) -> str:
    """Its id, also when somebody else was faster."""
    try:
        await sender.send(command)
    except DomainError as refusal:
        if refusal.code != "NAME_TAKEN":
            raise
        found = await _by_slug(sender, what, slug)
        if found is None:
            raise CannotRun(f"the {what} {slug!r} is just being created: run the import again") from refusal
        return found
    return id_
