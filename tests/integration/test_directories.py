"""What Entra and Okta document that they send, in the order in which they send it, and what comes of it."""

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from tests.integration.scim_client import PATCH, REQUESTS, ScimBrand, scim_brand

WORK: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Directory:
    """Sends documented requests of one directory; `known` stands for what is in double braces."""

    def __init__(self, brand: ScimBrand, name: str) -> None:
        self.brand = brand
        self.name = name
        self.known = {"name": f"p{uuid7()[-8:]}", "subject": f"sub-{uuid7()[-12:]}"}

    async def send(self, request: str) -> dict[str, Any]:
        text = (REQUESTS / self.name / f"{request}.json").read_text()
        for key, value in self.known.items():
            text = text.replace("{{" + key + "}}", value)
        given = json.loads(text)
        return await self.brand.done(given["method"], given["path"], given.get("body"))


@pytest.fixture(scope="module")
async def brand(platform: Platform) -> Any:
    made = await scim_brand(platform)
    yield made
    await made.http.aclose()


async def test_entra(brand: ScimBrand) -> None:
    entra = Directory(brand, "entra")
    assert (await entra.send("find_user"))["totalResults"] == 0
    created = await entra.send("create_user")
    entra.known["user"] = created["id"]
    assert created[WORK] == {"department": "Retail", "employeeNumber": "7"}
    assert not {"addresses", "phoneNumbers", "roles"} & set(created), "what is not kept is dropped"
    assert (await entra.send("find_user"))["Resources"] == [await entra.send("get_user")]
    changed = await entra.send("update_multi_valued")
    assert changed["emails"] == [{"primary": True, "type": "work", "value": "adele@contoso.example"}]
    assert changed["name"]["familyName"] == "Vance-Dupont"
    assert (await entra.send("update_single_valued"))["userName"] == f"{entra.known['name']}.vance@contoso.example"
    added = await entra.send("add_to_missing_value")
    assert {"type": "other", "value": "vance@contoso.example"} in added["emails"]
    added = await entra.send("add_without_path")
    assert (added["name"]["givenName"], added["title"], added[WORK]["department"]) == ("Adèle", "Lead", "Support")
    assert (await entra.send("add_manager"))["meta"] == added["meta"], "what is not kept changes nothing"
    assert (await entra.send("disable_user"))["active"] is False
    again = await entra.send("disable_user")
    assert (await entra.send("disable_user_compliant"))["meta"] == again["meta"], "off is off"
    assert (await entra.send("enable_user"))["active"] is True

    assert (await entra.send("find_group"))["totalResults"] == 0
    entra.known["group"] = (await entra.send("create_group"))["id"]
    assert "members" not in await entra.send("get_group")
    assert (await entra.send("rename_group"))["displayName"] == "Retail France"
    for _ in range(2):
        assert [one["value"] for one in (await entra.send("add_members"))["members"]] == [created["id"]]
    for _ in range(2):
        assert "members" not in await entra.send("remove_members")
    await entra.send("delete_group")
    await entra.send("delete_user")
    assert (await entra.send("find_user"))["totalResults"] == 0


async def test_okta(brand: ScimBrand) -> None:
    other = await brand.user()
    okta = Directory(brand, "okta")
    okta.known["other"] = other["id"]
    assert (await okta.send("find_user"))["totalResults"] == 0
    created = await okta.send("create_user")
    okta.known["user"] = created["id"]
    assert "password" not in created
    assert (await okta.send("find_user"))["Resources"] == [await okta.send("get_user")]
    updated = await okta.send("update_user")
    assert updated["name"] == {"givenName": "Another", "middleName": "Excited", "familyName": "User"}
    assert updated["externalId"] == okta.known["subject"], "a PUT without it does not make another person of them"
    assert "displayName" not in updated, "what a PUT leaves out is gone"
    assert (await okta.send("deactivate_user"))["active"] is False
    assert (await okta.send("activate_user"))["active"] is True
    assert {created["id"], other["id"]} <= {one["id"] for one in (await okta.send("list_users"))["Resources"]}

    okta.known["group"] = (await okta.send("create_group"))["id"]
    assert (await okta.send("rename_group"))["displayName"] == "Test SCIMv3"
    replaced = await okta.send("replace_group")
    assert [one["value"] for one in replaced["members"]] == [other["id"]]
    for _ in range(2):
        assert [one["value"] for one in (await okta.send("change_members"))["members"]] == [created["id"]]
    assert okta.known["group"] in {one["id"] for one in (await okta.send("list_groups"))["Resources"]}
    assert (await okta.send("get_group"))["displayName"] == "Test SCIMv2"
    await okta.send("delete_group")


_WORDS: Final = some.sampled_from(
    ["userName", "emails", "emails.value", 'emails[type eq "work"]', 'emails[type eq "work"].value', "name", "active",
     "name.familyName", "members", 'members[value eq "x"]', "displayName", "externalId", "id", "meta.version",
     "schemas", f"{WORK}:department", WORK, "password", "nothing", "", "[", "a.b.c", "members.value", "groups"]
)  # fmt: skip
_VALUES: Final = some.recursive(
    some.one_of(
        some.none(), some.booleans(), some.integers(), some.floats(allow_nan=False), some.text(max_size=20),
        some.sampled_from(["True", "x@example.org", "work", "replace"]),
    ),
    lambda inner: some.one_of(
        some.lists(inner, max_size=3), some.dictionaries(some.one_of(_WORDS, some.text(max_size=5)), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
_LIKELY: Final = some.sampled_from(
    [None, True, "False", "text", "x@example.org", ["x"], [{"value": "x@example.org", "type": "work"}], {"value": "y"},
     {"givenName": "G"}, {"active": "True", "name.familyName": "F", f"{WORK}:department": "D"}, {"displayName": "N"}]
)  # fmt: skip
_OPS: Final = some.sampled_from(["add", "replace", "Replace", "Add", "remove"])
_WHOLE_OPERATION: Final = some.fixed_dictionaries({"op": _OPS, "path": _WORDS, "value": _LIKELY})
_LIKELY_OPERATION: Final = some.fixed_dictionaries({"op": _OPS}, optional={"path": _WORDS, "value": _LIKELY})
_ANY_OPERATION: Final = some.fixed_dictionaries({}, optional={"op": _VALUES, "path": some.text(), "value": _VALUES})
_OPERATIONS: Final = some.one_of(
    some.lists(_WHOLE_OPERATION, min_size=1, max_size=2),
    some.lists(some.one_of(_WHOLE_OPERATION, _LIKELY_OPERATION), min_size=1, max_size=2),
    some.lists(_ANY_OPERATION, max_size=2),
)
_TERMS: Final = some.one_of(
    some.sampled_from(
        ['userName eq "x"', "active eq true", 'displayName sw "a"', 'meta.lastModified gt "2026-01-01T00:00:00Z"',
         'emails[type eq "work" and value eq "x"]', 'id eq "x"', 'externalId eq "é\u0000"', 'userName sw ""']
    ),
    some.builds(
        "{} {} {}".format,
        _WORDS,
        some.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "le", "pr", "EQ", "is"]),
        some.sampled_from(['"x"', "true", "5", "null", '"2026-01-01T00:00:00Z"', "", '"', "-1e99"]),
    ),
    some.text(max_size=20),
)  # fmt: skip
_FILTERS: Final = some.recursive(
    _TERMS,
    lambda inner: some.one_of(
        some.builds("{} and {}".format, inner, inner), some.builds("{} or {}".format, inner, inner),
        some.builds("({})".format, inner), some.builds("not ({})".format, inner),
        some.builds("emails[{}]".format, inner),
    ),
    max_leaves=6,
)  # fmt: skip
_FUZZ: Final = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
async def things(brand: ScimBrand) -> tuple[str, str]:
    """A user and a group to try things on."""
    user = await brand.user()
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": uuid7()}
    return f"/Users/{user['id']}", f"/Groups/{(await brand.done('POST', '/Groups', group))['id']}"


@_FUZZ
@given(operations=_OPERATIONS, which=some.integers(0, 1))
async def test_whatever_a_patch_says_it_is_answered(
    brand: ScimBrand, things: tuple[str, str], operations: list[Any], which: int
) -> None:
    body = {"schemas": [PATCH], "Operations": operations}
    response = await brand.send("PATCH", things[which], body)
    assert response.status_code in {200, 400, 409}, response.text
    if response.status_code == 400:
        assert response.json()["scimType"], response.text
        return
    again = await brand.send("PATCH", things[which], body)
    assert again.status_code in {200, 400}, "what was removed may not be there to be changed"
    if len(operations) == 1 and again.status_code == 200:
        assert again.json()["meta"] == response.json()["meta"], "twice changes nothing the second time"


@_FUZZ
@given(body=_VALUES, path=some.sampled_from(["/Users", "/Groups", "/Users/.search"]))
async def test_whatever_is_sent_it_is_answered(brand: ScimBrand, body: Any, path: str) -> None:
    response = await brand.send("POST", path, body)
    assert response.status_code in {200, 201, 400, 409}, response.text


@_FUZZ
@given(where=_FILTERS, path=some.sampled_from(["/Users", "/Groups"]))
async def test_whatever_a_filter_says_it_is_answered(brand: ScimBrand, where: str, path: str) -> None:
    response = await brand.send("POST", f"{path}/.search", {"filter": where})
    assert response.status_code in {200, 400}, response.text
    if response.status_code == 400:
        assert response.json()["scimType"] == "invalidFilter", response.text
