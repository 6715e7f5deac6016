"""What the SCIM door sends fits the members service's commands and queries, and what that answers fits what it reads.

No server runs: requests are answered over a bus that checks every message against the owner's own types.
"""

import json
from typing import Any, Final

import pytest

from services.gateway.context import Context
from services.gateway.scim.directory import Directory
from services.gateway.scim.door import route
from services.gateway.scim.request import Request
from services.gateway.security import Principal
from tests.integration.scim_client import GROUP, PATCH, USER
from tests.integration.test_contracts import SCIM, CheckingBus

_NAMES: Final = {"formatted": "A B", "familyName": "B", "givenName": "A", "middleName": "C", "honorificPrefix": "Dr."}
_WORK: Final = {"employeeNumber": "1", "costCenter": "2", "organization": "3", "division": "4", "department": "5"}
_USER: Final = {
    "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"], "userName": "a@example.org",
    "externalId": "e1", "name": {**_NAMES, "honorificSuffix": "II"}, "displayName": "A", "nickName": "N", "title": "T",
    "userType": "Employee", "preferredLanguage": "fr", "locale": "fr-FR", "timezone": "Europe/Paris", "active": True,
    "emails": [{"value": "a@example.org", "type": "work", "primary": True, "display": "A"}],
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": _WORK,
}  # fmt: skip
_GROUP: Final = {"schemas": [GROUP], "displayName": "G", "externalId": "x", "members": [{"value": "m1"}]}
_EVERY: Final = (
    'id eq "x" or userName sw "a" or externalId eq "b" or displayName eq "c" or active eq true or emails.value eq "d" '
    'or emails[type eq "work" and primary eq true] or meta.created ge "2026-01-01T00:00:00Z" or meta.lastModified gt '
    '"2026-01-01T00:00:00Z" and userName eq "x"'
)

#: Each request: method, path, query, body.
REQUESTS: Final[dict[str, tuple[str, str, str, Any]]] = {
    "list users": ("GET", "/Users", "startIndex=2&count=3&attributes=groups,userName", None),
    "find users": ("POST", "/Users/.search", "", {"filter": _EVERY}),
    "create the least user": ("POST", "/Users", "", {"schemas": [USER], "userName": "a", "externalId": "e"}),
    "create the most user": ("POST", "/Users", "", _USER),
    "get a user": ("GET", "/Users/u1", "", None),
    "replace a user": ("PUT", "/Users/u1", "", _USER),
    "change a user": (
        "PATCH", "/Users/u1", "",
        {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]},
    ),
    "delete a user": ("DELETE", "/Users/u1", "", None),
    "list groups": ("GET", "/Groups", "", None),
    "find groups": ("GET", "/Groups", "filter=displayName eq %22G%22", None),
    "create the least group": ("POST", "/Groups", "", {"schemas": [GROUP], "displayName": "G"}),
    "create the most group": ("POST", "/Groups", "", _GROUP),
    "get a group": ("GET", "/Groups/g1", "", None),
    "replace a group": ("PUT", "/Groups/g1", "", _GROUP),
    "change a group": (
        "PATCH", "/Groups/g1", "",
        {"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": "m2"}]}]},
    ),
    "delete a group": ("DELETE", "/Groups/g1", "", None),
}  # fmt: skip


async def answered(bus: CheckingBus, method: str, path: str, query: str, body: Any) -> int:
    principal = Principal(identity="sa_scim", email=None, expires_at=9e12, brand="b1")
    directory = Directory(Context(bus, b"k" * 32, principal), "b1")
    text = b"" if body is None else json.dumps(body).encode()
    request = Request(method, path, query.replace(" ", "%20").encode(), {}, text)
    return (await route(directory, request, "https://example.org/scim/v2/b1")).status


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("full", [True, False], ids=["full", "sparse"])
async def test_a_request_fits_the_service(request_: tuple[str, str, str, Any], full: bool) -> None:
    assert await answered(CheckingBus(full=full), *request_) in {200, 201, 204}


async def test_everything_that_is_for_directories_is_used() -> None:
    bus = CheckingBus()
    for request in REQUESTS.values():
        await answered(bus, *request)
    assert {subject for subject in bus.used if subject in SCIM} == SCIM
