"""A typed client of one gateway for one sender; it reads what it has written.

The type of an operation's data says what the operation selects, no more and no less: an answer that does not fit is
a `msgspec.ValidationError`.
"""

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx
import msgspec

_OPERATIONS = Path(__file__).resolve().parents[1] / "operations"


class Failure(Exception):
    """Why the gateway did not answer, or a command was refused; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Data(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A selection of fields."""


class Refusal(Data, frozen=True):
    """Why a command was refused."""

    code: str
    message: str
    path: list[str]


class Payload(Data, frozen=True):
    """What every mutation answers beside its object."""

    consistency_token: str | None
    errors: list[Refusal]


class _Extensions(msgspec.Struct, frozen=True):
    code: str


class _Error(msgspec.Struct, frozen=True):
    message: str
    extensions: _Extensions


D = TypeVar("D", bound=Data)
P = TypeVar("P", bound=Payload)


class _Answer(msgspec.Struct, Generic[D], frozen=True):
    data: D | None = None
    errors: list[_Error] = []


class Operation(Generic[D]):
    """One operation: its document, a file of the folder `operations`, and the type of its data."""

    def __init__(self, name: str, data: type[D]) -> None:
        self.document = (_OPERATIONS / f"{name}.graphql").read_text()
        self.sha256 = hashlib.sha256(self.document.encode()).hexdigest()
        self.decoder = msgspec.json.Decoder(_Answer[data])  # type: ignore[valid-type]


def manifest(*operations: Operation[Any]) -> str:
    """The manifest by which a gateway knows these operations as trusted documents."""
    return json.dumps({one.sha256: one.document for one in operations}, indent=2, ensure_ascii=False) + "\n"


class Client:
    """Use it as an async context manager; `trusted` sends hashes of documents instead of their text."""

    def __init__(self, url: str, token: str, *, trusted: bool = False) -> None:
        self._url = url
        self._trusted = trusted
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}", "Accept": "application/graphql-response+json"}
        )

    async def run(self, operation: Operation[D], **variables: object) -> D:
        """The data of an operation; raises `Failure` when any field of it failed."""
        what = {"documentId": f"sha256:{operation.sha256}"} if self._trusted else {"query": operation.document}
        response = await self._http.post(self._url, json={**what, "variables": variables})
        answer: _Answer[D] = operation.decoder.decode(response.content)
        if answer.errors:
            raise Failure(answer.errors[0].extensions.code, answer.errors[0].message)
        if answer.data is None:
            raise Failure("NO_DATA", f"the gateway answered {response.status_code}")
        return answer.data

    def accepted(self, payload: P) -> P:
        """The payload of a command that was carried out; raises `Failure` when it was refused.

        What is read from now on shows what it wrote.
        """
        if payload.errors:
            raise Failure(payload.errors[0].code, payload.errors[0].message)
        if payload.consistency_token is not None:
            self._http.headers["Archipel-Consistency-Token"] = payload.consistency_token
        return payload

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
