"""One SCIM request: its address below the brand, its parameters, its body and the conditions that it sets."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from services.gateway.requests import BadRequest, read_json
from services.gateway.scim.errors import Refused

_MAX_PARAMETERS: Final = 20
#: The most operations of a PATCH.  Each of them looks at the whole resource again.
MAX_OPERATIONS: Final = 200


class Request:
    """What was asked; `path` is what follows the brand, `headers` have names in lower case."""

    def __init__(self, method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.steps = [step for step in path.split("/") if step]
        self._query = query
        self._headers = headers
        self._body = body

    def allow(self, *methods: str) -> None:
        """Raise `Refused` for any other method."""
        if self.method not in methods:
            raise Refused(405, f"use one of {', '.join(methods)}", Allow=", ".join(methods))

    def document(self) -> dict[str, Any]:
        """The JSON object in the body; raises `BadRequest`."""
        document = read_json(self._body, "the body")
        if not isinstance(document, dict):
            raise BadRequest(400, "BAD_REQUEST", "the body must be a JSON object")
        return document

    def operations(self) -> dict[str, Any]:
        """The body of a PATCH; raises `BadRequest`, and `Refused` for too many operations."""
        document = self.document()
        if any(isinstance(value, list) and len(value) > MAX_OPERATIONS for value in document.values()):
            raise Refused(413, f"a PATCH has at most {MAX_OPERATIONS} operations")
        return document

    def parameters(self) -> dict[str, Any]:
        """The parameters of the address; raises `BadRequest`."""
        try:
            pairs = parse_qsl(self._query.decode("ascii"), errors="strict", max_num_fields=_MAX_PARAMETERS)
        except ValueError:
            raise BadRequest(400, "BAD_REQUEST", "the query of the URL is not form-encoded UTF-8") from None
        return dict(pairs)

    def must_have_seen(self, tag: str) -> bool:
        """Whether the sender names the version that they saw (RFC 9110, section 13.1.1); `Refused` if it is another.

        Tags are compared weakly, as SCIM's must be.
        """
        given = self._headers.get("if-match", "").strip()
        if given in {"", "*"}:
            return False
        if tag not in _tags(given):
            raise Refused(412, "the resource was changed meanwhile")
        return True

    def has(self, tag: str) -> bool:
        """Whether the sender has this version at hand (RFC 9110, section 13.1.2)."""
        given = self._headers.get("if-none-match", "").strip()
        return given == "*" or tag in _tags(given)


def with_defaults(document: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """The document with what it does not mention; names of attributes have no case (RFC 7643, section 2.1)."""
    named = {str(name).lower() for name in document}
    return {**document, **{name: value for name, value in defaults.items() if name.lower() not in named}}


def _tags(given: str) -> set[str]:
    """Entity tags, weak ones as strong ones."""
    return {f"W/{tag.strip().removeprefix('W/')}" for tag in given.split(",") if tag.strip()}
