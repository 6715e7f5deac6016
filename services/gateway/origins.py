"""Which web pages may use the gateway beside its own: those that the operator names, and the homes of brands."""

import re
import time
from collections.abc import Callable
from typing import Final

from cachetools import TLRUCache
from msgspec import Struct

from libs.shared.domain import NO_BRAND, DomainError
from services.gateway.context import ANONYMOUS, Bus

#: For so long is not asked again whether an origin is the home of a brand: when it is, and when it is not.
HOME_SECONDS: Final = 60.0
STRANGER_SECONDS: Final = 10.0

_KNOWN: Final = 10_000
_HOME: Final = re.compile(r"https://((?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63})")
_LONGEST: Final = len("https://") + 253


class _Brand(Struct, frozen=True):
    id: str


class Origins:
    """What is known of origins: `origin in origins` once it was learnt.  `timer` is monotonic, in seconds."""

    def __init__(self, named: frozenset[str], bus: Bus, timer: Callable[[], float] = time.monotonic) -> None:
        self._named = named
        self._bus = bus
        self._homes: TLRUCache[str, bool] = TLRUCache(
            _KNOWN, ttu=lambda _, home, now: now + (HOME_SECONDS if home else STRANGER_SECONDS), timer=timer
        )

    def __contains__(self, origin: object) -> bool:
        return isinstance(origin, str) and (origin in self._named or bool(self._homes.get(origin)))

    async def learn(self, origin: str) -> None:
        """Ask whether the origin is `https://<domain>` of a brand, unless that is known; who cannot say says no."""
        if origin in self._named or origin in self._homes or len(origin) > _LONGEST:
            return
        home = _HOME.fullmatch(origin)
        if home is None:
            return
        question = {"brand": NO_BRAND, "viewer": ANONYMOUS, "domain": home[1]}
        try:
            await self._bus.query("members", "brand_by_domain", question, _Brand)
        except DomainError as error:
            if error.code in {"NOT_FOUND", "INVALID"}:
                self._homes[origin] = False
        else:
            self._homes[origin] = True
