"""The commands on homes: a domain is taken and left together with the claim that makes it the only one."""

from dataclasses import replace
from typing import Any

from msgspec import structs

from libs.shared.claims import Claim, Release, claims
from libs.shared.commands import handle_together
from libs.shared.domain import NO_BRAND, Accepted, DomainError
from libs.shared.ids import derived_id
from libs.shared.service import App
from services.members import home
from services.members.home import MoveDomain, SetDomain, canonical_domain


class Homes:
    """Registers and answers them."""

    def __init__(self, app: App) -> None:
        others = tuple(command for command in home.DECIDER.commands if command is not SetDomain)
        self._homes = app.aggregate(replace(home.DECIDER, commands=others))
        self._claims = app.aggregate(replace(claims("brand_domain"), commands=()))
        app.command("home", SetDomain, self._set_domain, rehearse=self._homes)

    async def _set_domain(self, command: SetDomain) -> Accepted:
        domain = None if command.domain is None else canonical_domain(command.domain)
        before = (await self._homes.state(command.brand, command.brand_id, fresh=True)).domain
        fields = structs.asdict(command)
        move = MoveDomain(**{**fields, "domain": domain}, before=before)
        about: dict[str, Any] = {
            "command_id": command.command_id,
            "brand": NO_BRAND,
            "actor": command.actor,
            "now": command.now,
        }
        leaving = [Release(**about, name=_token(before), holder=command.brand)] if before and before != domain else []
        # Claimed also where the brand has it, so that a repeat finds the end of its batch.
        taking = [Claim(**about, name=_token(domain), holder=command.brand)] if domain else []
        try:
            return await handle_together((self._homes, move), *((self._claims, step) for step in (*leaving, *taking)))
        except DomainError as refusal:
            if refusal.code == "NAME_TAKEN":
                raise DomainError("NAME_TAKEN", "another brand has this domain", ("domain",)) from None
            raise


def _token(domain: str) -> str:
    """A domain as one token of a subject, which has no dots."""
    return derived_id("domain", domain)
