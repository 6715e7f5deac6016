"""`python -m bench.bare PORT BYTES`: the limit of HTTP here, an ASGI app that answers the same bytes each time."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

_Message = MutableMapping[str, Any]


class Bare:
    """Answers every request with a body of `size_bytes`, after reading the request's."""

    def __init__(self, size_bytes: int) -> None:
        self._start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(size_bytes).encode())],
        }
        self._body = {"type": "http.response.body", "body": b"x" * size_bytes}

    async def __call__(
        self, _scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
    ) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(self._start)
        await send(self._body)


if __name__ == "__main__":
    uvicorn.run(Bare(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off")
