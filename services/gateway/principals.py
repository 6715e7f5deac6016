"""Who sends a request, and for how long that counts: persons by OIDC tokens, service accounts by API keys."""

import asyncio
from contextlib import suppress

from libs.shared.domain import Unavailable
from services.gateway.api_keys import KNOWN_SECONDS, PREFIX, ApiKeys
from services.gateway.revocation import Revocations
from services.gateway.security import Authenticator, Principal, Unauthenticated


class Principals:
    """Turns an `Authorization` header into a `Principal`, and tells when one ceases to count."""

    def __init__(self, tokens: Authenticator, keys: ApiKeys, revocations: Revocations) -> None:
        self._tokens = tokens
        self._keys = keys
        self._revocations = revocations

    async def authenticate(self, authorization: str) -> Principal:
        """The sender of `Bearer <token or API key>` (RFC 6750).

        Raises `Unauthenticated` alike for whatever is wrong, and `Unavailable` while it cannot be found out.
        """
        scheme, _, credentials = authorization.partition(" ")
        credentials = credentials.strip()
        if scheme.lower() == "bearer" and credentials.startswith(PREFIX):
            return await self._keys.authenticate(credentials)
        principal = await self._tokens.authenticate(authorization)
        if not self._revocations.known:
            raise Unavailable("which sessions were ended is not known yet")
        if self._revocations.refuses(principal.identity, principal.issued_at):
            raise Unauthenticated
        return principal

    def remaining(self, principal: Principal) -> float:
        """For how many more seconds the token or key counts, unless it is revoked."""
        return self._tokens.remaining(principal)

    async def over(self, principal: Principal) -> None:
        """Return when the principal ceases to count, by time or because somebody said so."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.revoked(principal), self.remaining(principal))

    async def revoked(self, principal: Principal) -> None:
        """Return when the principal's session was ended or its key revoked; never for one that lives on.

        A key is asked for again every `KNOWN_SECONDS`; while nobody can say, it goes on to count.
        """
        if principal.key is None:
            await self._revocations.refused(principal.identity, principal.issued_at)
            return
        while True:
            await asyncio.sleep(KNOWN_SECONDS)
            try:
                await self._keys.prove(principal.key)
            except Unauthenticated:
                return
            except Unavailable:
                continue
