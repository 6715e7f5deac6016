"""Awaiting several things at once, so that none is left behind."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from graphql.pyutils import gather_with_cancel


async def together(awaitables: list[Awaitable[Any]]) -> list[Any]:
    """The results in their order, exceptions among them."""
    if len(awaitables) == 1:
        try:
            return [await awaitables[0]]
        except Exception as error:
            return [error]
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
    return results


async def quiet(awaitable: Awaitable[Any]) -> None:
    """Await something whose result, and whose exception, is nobody's."""
    await asyncio.gather(awaitable, return_exceptions=True)


async def gather(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    """The results in their order; at the first exception the others are cancelled."""
    return await gather_with_cancel(*awaitables)
