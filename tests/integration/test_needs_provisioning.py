"""Members by a directory: SCIM 2.0 against the running platform, and what it means for people (needs 31, 33, 43)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from scim2_client import BaseSyncSCIMClient
from scim2_tester import Status, check_server

from libs.shared.ids import uuid7
from libs.shared.testing.platform import OPERATOR, Platform
from services.gateway import ids
from tests.integration.community import accepted, api_key, refused, run
from tests.integration.scim_client import GROUP, PATCH, USER, ScimBrand, client, scim_brand

LEGAL = {"formatted": "Augusta Ada King", "familyName": "King", "givenName": "Augusta"}
MEMBERS = "query($slug: String!) { brand(slug: $slug) { members(first: 100) { nodes { id displayName bio roles } } } }"


@pytest.fixture(scope="module")
async def brand(platform: Platform) -> AsyncIterator[ScimBrand]:
    """One brand for all tests that bring people of their own."""
    made = await scim_brand(platform)
    yield made
    await made.http.aclose()


@pytest.fixture
async def fresh(platform: Platform) -> AsyncIterator[ScimBrand]:
    """A brand of the test's own."""
    made = await scim_brand(platform)
    yield made
    await made.http.aclose()


async def members(brand: ScimBrand) -> dict[str, dict[str, Any]]:
    """The members by their ids in SCIM, as the owner sees them."""
    token = brand.platform.token(brand.made.owner)
    answer = await brand.platform.graphql(MEMBERS, {"slug": brand.made.slug}, token)
    found: dict[str, dict[str, Any]] = {}
    for node in answer["data"]["brand"]["members"]["nodes"]:
        global_id = ids.decode(node["id"])
        assert global_id is not None
        found[global_id.key] = node
    return found


async def until(brand: ScimBrand, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
    """The members once a condition holds of them: what follows from groups comes a moment later."""
    deadline = time.monotonic() + 30
    while not holds(found := await members(brand)):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return found


async def configure(brand: ScimBrand, subject: str = "EXTERNAL_ID", shown_name: str = "NICK_NAME") -> None:
    given = {"brandId": brand.made.ids["Brand"], "subject": subject, "shownName": shown_name}
    await accepted(brand.platform, brand.made.owner, "configureDirectory", **given)


class Client(BaseSyncSCIMClient):
    """The testers' client on httpx."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self.http = http

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return self.http.request(method, url, **given)

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return str(self.http.build_request("GET", endpoint).url).startswith(str(self.http.base_url))


@pytest.mark.parametrize("subject", ["EXTERNAL_ID", "USER_NAME"])
async def test_the_testers_of_the_standard_find_nothing(fresh: ScimBrand, subject: str) -> None:
    await configure(fresh, subject)
    with httpx.Client(base_url=str(fresh.http.base_url), headers=fresh.http.headers, timeout=30) as http:
        results = await asyncio.to_thread(check_server, Client(http))
    assert len(results) > 90
    skipped = {result.title for result in results if result.status is Status.SKIPPED}
    assert skipped <= {"search_with_attributes"}, "searching users and groups at once is answered 501"
    assert [one for one in results if one.status not in {Status.SUCCESS, Status.COMPLIANT, Status.SKIPPED}] == []


async def test_need_33_who_is_provisioned_is_the_member_who_signs_in_later(brand: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await brand.user(externalId=subject, nickName="Adele")
    assert user["id"] == brand.platform.member(subject, brand.made.brand)
    await until(brand, lambda seen: user["id"] in seen)
    query = "{ me { memberships { brand { slug } member { id displayName roles email } } } }"
    answer = await brand.platform.graphql(query, token=brand.platform.token(subject))
    [membership] = answer["data"]["me"]["memberships"]
    assert membership["brand"]["slug"] == brand.made.slug
    assert membership["member"]["displayName"] == "Adele"
    await accepted(brand.platform, subject, "changeProfile", brandId=brand.made.ids["Brand"], displayName="Addie")
    await brand.patch(f"/Users/{user['id']}", {"op": "replace", "path": "nickName", "value": "Adele II"})
    seen = await until(brand, lambda seen: seen[user["id"]]["displayName"] != "Adele")
    assert seen[user["id"]]["displayName"] == "Addie", "what members call themselves is theirs"


async def test_need_31_nobody_is_shown_under_their_legal_name(fresh: ScimBrand) -> None:
    plain = await fresh.user(name=LEGAL, displayName="Augusta Ada King", title="Countess", emails=[_email("a@x.org")])
    nicked = await fresh.user(name=LEGAL, displayName="Augusta Ada King", nickName="Ada")
    seen = await until(fresh, lambda seen: plain["id"] in seen and nicked["id"] in seen)
    assert (seen[plain["id"]]["displayName"], seen[nicked["id"]]["displayName"]) == (
        f"Member {plain['id'][:6]}",
        "Ada",
    )
    assert not any(word in json.dumps(seen) for word in ("Augusta", "King", "Countess", "a@x.org"))
    await configure(fresh, shown_name="DISPLAY_NAME")
    shown = await fresh.user(displayName="Augusta Ada King")
    seen = await until(fresh, lambda seen: shown["id"] in seen)
    assert seen[shown["id"]]["displayName"] == "Augusta Ada King"


async def test_need_43_a_provisioned_member_is_asked_to_accept_the_rules(fresh: ScimBrand) -> None:
    platform, made = fresh.platform, fresh.made
    await accepted(platform, made.owner, "publishRules", brandId=made.ids["Brand"], text="Be kind.")
    subject = f"oid-{uuid7()[-12:]}"
    await fresh.user(externalId=subject)
    query = "query($slug: String!) { brand(slug: $slug) { viewerMustAcceptRules } }"
    answer = await platform.graphql(query, {"slug": made.slug}, platform.token(subject))
    assert answer == {"data": {"brand": {"viewerMustAcceptRules": True}}}
    await accepted(platform, subject, "acceptRules", brandId=made.ids["Brand"], version=1)


async def test_who_is_a_member_already_is_taken_over(brand: ScimBrand) -> None:
    subject = brand.made.member
    user = await brand.user(externalId=subject, nickName="Somebody else")
    seen = await members(brand)
    assert seen[user["id"]]["displayName"] == "Mona", "and keeps their name"


async def test_nobody_is_brought_twice(brand: ScimBrand) -> None:
    first = await brand.user("Grace")
    again = {"schemas": [USER], "userName": "Grace@example.org", "externalId": "sub-Grace"}
    assert await brand.refused("POST", "/Users", again) == (409, "uniqueness")
    same_name = {**again, "userName": "GRACE@EXAMPLE.ORG", "externalId": "another"}
    assert await brand.refused("POST", "/Users", same_name) == (409, "uniqueness")
    same_id = {**again, "userName": "another@example.org"}
    assert await brand.refused("POST", "/Users", same_id) == (409, "uniqueness")
    other = await brand.user("Heidi")
    taken = {"op": "replace", "path": "userName", "value": "grace@example.org"}
    assert await brand.refused("PATCH", f"/Users/{other['id']}", _patch(taken)) == (409, "uniqueness")
    await brand.patch(f"/Users/{first['id']}", {"op": "replace", "path": "userName", "value": "hopper@example.org"})
    renamed = await brand.patch(f"/Users/{other['id']}", taken)
    assert renamed["userName"] == "grace@example.org", "who is called otherwise lets the name go"


async def test_of_many_at_once_one_is_created(brand: ScimBrand) -> None:
    body = {"schemas": [USER], "userName": "rush@example.org", "externalId": "rush"}
    answers = await asyncio.gather(*(brand.send("POST", "/Users", body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    [created] = [answer.json() for answer in answers if answer.status_code == 201]
    attributes = ("title", "nickName", "locale", "timezone", "userType", "displayName")
    await asyncio.gather(
        *(
            brand.patch(f"/Users/{created['id']}", {"op": "add", "path": attribute, "value": f"my {attribute}"})
            for attribute in attributes
        )
    )
    user = await brand.done("GET", f"/Users/{created['id']}")
    assert {attribute: user[attribute] for attribute in attributes} == {name: f"my {name}" for name in attributes}


async def test_who_is_let_go_is_no_member_and_may_be_brought_again(brand: ScimBrand) -> None:
    user = await brand.user("Ivan")
    await until(brand, lambda seen: user["id"] in seen)
    assert (await brand.send("DELETE", f"/Users/{user['id']}")).status_code == 204
    assert await brand.refused("GET", f"/Users/{user['id']}") == (404, None)
    assert await brand.refused("DELETE", f"/Users/{user['id']}") == (404, None)
    await until(brand, lambda seen: user["id"] not in seen)
    again = await brand.user("Ivan")
    assert again["id"] == user["id"]
    assert again["meta"]["created"] > user["meta"]["created"]
    await until(brand, lambda seen: user["id"] in seen)


async def test_an_owner_hands_over_before(brand: ScimBrand) -> None:
    user = await brand.user("boss", externalId=brand.made.owner)
    assert await brand.refused("DELETE", f"/Users/{user['id']}") == (409, None)
    assert (await brand.done("GET", f"/Users/{user['id']}"))["userName"] == "boss@example.org"


async def test_who_left_by_themselves_is_not_pulled_back(brand: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await brand.user(externalId=subject)
    await accepted(brand.platform, subject, "leaveBrand", brandId=brand.made.ids["Brand"])
    await brand.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "Gone"})
    assert user["id"] not in await members(brand)
    for active in (False, True):
        await brand.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": active})
    await until(brand, lambda seen: user["id"] in seen)  # the directory may say so


async def may_write(brand: ScimBrand, subject: str) -> bool:
    """Whether a person may write as the member that they are."""
    given = {"brandId": brand.made.ids["Brand"], "displayName": f"N{uuid7()[-8:]}"}
    answer = await run(brand.platform, subject, "changeProfile", **given)
    codes = [error["code"] for error in answer["errors"]]
    assert codes in ([], ["SUSPENDED"]), codes
    return not codes


async def settled(brand: ScimBrand, subject: str, *, may: bool) -> None:
    """Wait until a person may write, or may not: a yes may be as old as a view is behind."""
    deadline = time.monotonic() + 30
    while await may_write(brand, subject) is not may:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _access(*, active: bool) -> dict[str, Any]:
    return {"op": "replace", "path": "active", "value": active}


async def test_who_has_no_access_writes_nothing_until_they_have_it_again(brand: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await brand.user(externalId=subject)
    path, member = f"/Users/{user['id']}", ids.encode("Member", brand.made.brand, user["id"])
    assert await may_write(brand, subject)
    for _ in range(2):
        assert (await brand.patch(path, _access(active=False)))["active"] is False
        await settled(brand, subject, may=False)
    await accepted(brand.platform, brand.made.owner, "reinstateMember", memberId=member)
    await settled(brand, subject, may=False)  # people do not give what the directory takes
    for _ in range(2):
        assert (await brand.patch(path, _access(active=True)))["active"] is True
        await settled(brand, subject, may=True)


async def test_a_suspension_by_people_is_not_the_directorys_to_lift(brand: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await brand.user(externalId=subject)
    path, member = f"/Users/{user['id']}", ids.encode("Member", brand.made.brand, user["id"])
    await accepted(brand.platform, brand.made.owner, "suspendMember", memberId=member, reason="Spam")
    for active in (False, True):
        await brand.patch(path, _access(active=active))
    await settled(brand, subject, may=False)
    await accepted(brand.platform, brand.made.owner, "reinstateMember", memberId=member)
    await settled(brand, subject, may=True)
    await accepted(brand.platform, brand.made.owner, "banMember", memberId=member, reason="Spam")
    await brand.patch(path, _access(active=False))
    assert await brand.refused("PATCH", path, _patch(_access(active=True))) == (403, None)


async def test_who_is_brought_without_access_has_none_though_they_join(brand: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await brand.user(externalId=subject, active=False)
    await accepted(brand.platform, subject, "joinBrand", brandId=brand.made.ids["Brand"], displayName="Me")
    await settled(brand, subject, may=False)
    await brand.patch(f"/Users/{user['id']}", _access(active=True))
    await settled(brand, subject, may=True)


async def test_who_is_let_go_without_access_may_be_brought_again_with_it(brand: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await brand.user("Judy", externalId=subject)
    await brand.patch(f"/Users/{user['id']}", _access(active=False))
    await brand.send("DELETE", f"/Users/{user['id']}")
    await brand.user("Judy", externalId=subject)
    await settled(brand, subject, may=True)


async def test_a_version_that_was_not_seen_is_not_changed(brand: ScimBrand) -> None:
    user = await brand.user()
    path, tag = f"/Users/{user['id']}", user["meta"]["version"]
    first = await brand.send("GET", path)
    assert first.headers["etag"] == tag
    assert first.headers["content-location"] == user["meta"]["location"] == str(first.url)
    assert (await brand.send("GET", path, If_None_Match=tag)).status_code == 304
    changed = await brand.patch(path, {"op": "add", "path": "title", "value": "T"}, If_Match=tag)
    assert changed["meta"]["version"] != tag
    assert changed["meta"]["lastModified"] > user["meta"]["lastModified"]
    assert (await brand.send("GET", path, If_None_Match=tag)).status_code == 200
    for method, body in (("PUT", {**user, "title": "U"}), ("PATCH", _patch(_title("U"))), ("DELETE", None)):
        assert await brand.refused(method, path, body, If_Match=tag) == (412, None)
    same = await brand.patch(path, {"op": "replace", "path": "title", "value": "T"})
    assert same["meta"] == changed["meta"], "what is so already is no new version"
    assert (await brand.send("DELETE", path, If_Match=same["meta"]["version"])).status_code == 204


async def test_who_somebody_is_cannot_be_changed(brand: ScimBrand) -> None:
    user = await brand.user()
    change = {"op": "replace", "path": "externalId", "value": "somebody-else"}
    assert await brand.refused("PATCH", f"/Users/{user['id']}", _patch(change)) == (400, "mutability")
    moved = {**user, "externalId": "somebody-else"}
    assert await brand.refused("PUT", f"/Users/{user['id']}", moved) == (400, "mutability")
    body = {"schemas": [USER], "userName": "nobody@example.org"}
    assert await brand.refused("POST", "/Users", body) == (400, "invalidValue")


async def test_a_put_that_does_not_speak_of_access_does_not_give_it(brand: ScimBrand) -> None:
    user = await brand.user(active=False)
    body = {"schemas": [USER], "userName": user["userName"], "title": "T"}
    replaced = await brand.done("PUT", f"/Users/{user['id']}", body)
    assert (replaced["active"], replaced["externalId"], replaced["title"]) == (False, user["externalId"], "T")
    assert user["id"] not in await members(brand)


async def test_lists_are_paged_and_filtered(fresh: ScimBrand) -> None:
    names = [f"p{number:02}" for number in range(23)]
    made = [
        await fresh.user(name, displayName=f"P {name}", active=name != "p03", emails=[_email(f"{name}@Mail.org")])
        for name in names
    ]
    seen: list[str] = []
    for start in range(1, 30, 5):
        page = await fresh.done("GET", f"/Users?startIndex={start}&count=5&attributes=userName")
        assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (
            23, start, len(page["Resources"]),
        )  # fmt: skip
        seen += [user["id"] for user in page["Resources"]]
    assert sorted(seen) == sorted(user["id"] for user in made)
    assert len(set(seen)) == 23
    assert (await fresh.done("GET", "/Users?count=0"))["totalResults"] == 23
    assert len((await fresh.done("GET", "/Users?count=100000"))["Resources"]) == 23

    async def found(where: str) -> list[str]:
        page = await fresh.done("GET", f"/Users?filter={where}&count=100")
        return sorted(user["userName"].partition("@")[0] for user in page["Resources"])

    since = made[19]["meta"]["lastModified"]
    assert await found('userName eq "P07@EXAMPLE.org"') == ["p07"]
    assert await found('userName sw "P1"') == [name for name in names if name.startswith("p1")]
    assert await found('externalId eq "sub-p05"') == ["p05"]
    assert await found('externalId eq "SUB-p05"') == [], "what a directory calls people has its case"
    assert await found(f'id eq "{made[2]["id"]}"') == ["p02"]
    assert await found('emails.value eq "p04@mail.ORG"') == ["p04"]
    assert await found('emails[type eq "work" and value eq "p04@mail.org"]') == ["p04"]
    assert await found('emails[type eq "home" and value eq "p04@mail.org"]') == []
    assert await found("active eq false") == ["p03"]
    assert await found('displayName eq "p P09"') == ["p09"]
    assert await found(f'meta.lastModified gt "{since}"') == names[20:]
    assert await found(f'meta.lastModified ge "{since}" and active eq true') == names[19:]
    assert await found('userName eq "nobody" or (active eq true and externalId eq "sub-p06")') == ["p06"]
    part = await fresh.done("GET", "/Users?filter=active eq true&startIndex=21&count=5")
    assert (part["totalResults"], len(part["Resources"])) == (22, 2)
    searched = await fresh.done("POST", "/Users/.search", {"filter": 'userName eq "p01@example.org"'})
    assert searched["Resources"][0]["id"] == made[1]["id"]


@pytest.mark.parametrize(
    "where",
    [
        "userName eq", 'nothing eq "x"', 'userName co "a"', "userName pr", 'not (userName eq "a")', "active gt true",
        'active eq "maybe"', 'title eq "x"', 'meta.lastModified gt "yesterday"', "(" * 300, 'userName eq "a', "",
        f'userName eq "{"a" * 3000}"', " or ".join(['userName eq "a"'] * 60), "userName eq 5", 'emails eq "a@b.c',
        " and ".join(['(userName eq "a" or userName eq "b")'] * 8), 'emails[emails[value eq "a"]]', "id eq null",
    ],
)  # fmt: skip
async def test_a_filter_that_is_not_answered_says_so(brand: ScimBrand, where: str) -> None:
    for method, path, body in (
        ("GET", f"/Users?{httpx.QueryParams({'filter': where})}", None),
        ("POST", "/Users/.search", {"filter": where}),
    ):
        if method == "GET" and not where:
            continue  # a parameter without a value is none
        assert await brand.refused(method, path, body) == (400, "invalidFilter")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/Users", b"{", (400, "invalidSyntax")),
        ("POST", "/Users", b"[]", (400, "invalidSyntax")),
        ("POST", "/Users", {"schemas": [USER]}, (400, "invalidValue")),
        ("POST", "/Users", {"schemas": [USER], "userName": 5, "externalId": "e"}, (400, "invalidValue")),
        ("POST", "/Users", {"schemas": [USER], "userName": "a\nb", "externalId": "e"}, (400, "invalidValue")),
        ("POST", "/Users", {"schemas": [USER], "userName": "x" * 300, "externalId": "e"}, (400, "invalidValue")),
        ("POST", "/Users", {"schemas": [USER], "userName": "a", "externalId": "e", "emails": [{"value": "no"}]},
         (400, "invalidValue")),
        ("POST", "/Users", {"schemas": [USER], "userName": "a", "externalId": "e", "active": "perhaps"},
         (400, "invalidValue")),
        ("POST", "/Groups", {"schemas": [GROUP]}, (400, "invalidValue")),
        ("POST", "/Groups", {"schemas": [GROUP], "displayName": "G", "members": [{"value": "nobody"}]},
         (400, "invalidValue")),
        ("POST", "/Groups", {"schemas": [GROUP], "displayName": "G", "members": [{"value": "g", "type": "Group"}]},
         (400, "invalidValue")),
        ("GET", "/Users?count=many", None, (400, "invalidValue")),
        ("GET", "/Users/nobody", None, (404, None)),
        ("GET", "/Users/no%2Fbody", None, (404, None)),
        ("GET", "/Users/a.b", None, (400, "invalidValue")),
        ("GET", "/Groups/nothing", None, (404, None)),
        ("GET", "/Nothing", None, (404, None)),
        ("GET", "/Schemas/urn:nothing", None, (404, None)),
        ("GET", "/Schemas?filter=id eq 1", None, (403, None)),
        ("PUT", "/Users", {}, (405, None)),
        ("POST", "/Users/nobody", {}, (405, None)),
        ("POST", "/Bulk", {}, (501, None)),
        ("GET", "/Me", None, (501, None)),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_in_the_standards_words(
    brand: ScimBrand, method: str, path: str, body: Any, expected: tuple[int, str | None]
) -> None:
    if isinstance(body, bytes):
        response = await brand.http.request(method, path, content=body)
        assert (response.status_code, response.json().get("scimType")) == expected
    else:
        assert await brand.refused(method, path, body) == expected


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "jump", "path": "title", "value": "x"}, "invalidValue"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "add", "path": "title"}, "invalidValue"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "title["}, "invalidPath"),
        ({"op": "replace", "path": 'emails[type co "x"].value', "value": "a@b.c"}, "noTarget"),
        ({"op": "replace", "path": "active", "value": "banana"}, "invalidValue"),
        ({"op": "replace", "path": "emails", "value": "a"}, "invalidValue"),
    ],
)
async def test_a_patch_that_is_not_possible_changes_nothing(
    brand: ScimBrand, operation: dict[str, Any], kind: str
) -> None:
    user = await brand.user()
    both = {"schemas": [PATCH], "Operations": [_title("changed"), operation]}
    assert await brand.refused("PATCH", f"/Users/{user['id']}", both) == (400, kind)
    assert await brand.done("GET", f"/Users/{user['id']}") == user


async def test_a_patch_of_too_many_operations_is_not_looked_at(brand: ScimBrand) -> None:
    user = await brand.user()
    many = {"schemas": [PATCH], "Operations": [_title("changed")] * 201}
    assert await brand.refused("PATCH", f"/Users/{user['id']}", many) == (413, None)
    assert await brand.done("GET", f"/Users/{user['id']}") == user


async def test_only_a_directorys_key_comes_in(brand: ScimBrand, platform: Platform) -> None:
    made = brand.made
    reader = await api_key(platform, made, "MEMBERS_READ")
    strangers: list[tuple[str | None, int]] = [
        (None, 401), ("ak_guess", 401), ("no.token.either", 401), (platform.token(made.owner), 403),
        (platform.token(made.member), 403), (reader, 403), (await api_key(platform, made, "DISCUSSIONS_MANAGE"), 403),
    ]  # fmt: skip
    for credentials, status in strangers:
        async with client(platform, made.slug, credentials) as http:
            for method, path in (("GET", "/Users"), ("GET", "/ServiceProviderConfig"), ("POST", "/Users")):
                response = await http.request(method, path, content=b"{}" if method == "POST" else None)
                assert (response.status_code, response.json()["status"]) == (status, str(status)), response.text
                assert response.headers["content-type"] == "application/scim+json"
                assert (status == 401) == ("www-authenticate" in response.headers)


async def test_a_directory_may_do_nothing_else(brand: ScimBrand, platform: Platform) -> None:
    key = brand.http.headers["authorization"].removeprefix("Bearer ")
    query = "query($slug: String!) { brand(slug: $slug) { members { nodes { id } } directory { subject } } }"
    answer = await platform.graphql(query, {"slug": brand.made.slug}, key)
    assert answer["data"]["brand"]["members"] is None
    with_builder = {"brandId": brand.made.ids["Brand"], "name": "Bot", "scopes": ["MEMBERS_PROVISION"]}
    await accepted(platform, OPERATOR, "grantRole", memberId=brand.made.ids["Member"], role="BUILDER")
    assert await refused(platform, brand.made.member, "createServiceAccount", **with_builder) == ["FORBIDDEN"]
    await accepted(platform, OPERATOR, "revokeRole", memberId=brand.made.ids["Member"], role="BUILDER")


async def test_two_brands_never_see_each_other(brand: ScimBrand, fresh: ScimBrand) -> None:
    mine, theirs = await brand.user("both"), await fresh.user("both")
    assert mine["id"] != theirs["id"], "the same person is another member"
    group = await fresh.done("POST", "/Groups", {"schemas": [GROUP], "displayName": "Theirs"})
    key = brand.http.headers["authorization"].removeprefix("Bearer ")
    async with client(brand.platform, fresh.made.slug, key) as http:
        for path in ("/Users", f"/Users/{theirs['id']}", "/Schemas"):
            assert (await http.get(path)).status_code == 403
    async with client(brand.platform, brand.made.brand, key) as http:
        assert (await http.get(f"/Users/{mine['id']}")).status_code == 200, "the brand's id is an address too"
    before = await fresh.done("GET", f"/Users/{theirs['id']}")
    for method, path, body in (
        ("GET", f"/Users/{theirs['id']}", None),
        ("PATCH", f"/Users/{theirs['id']}", _patch(_title("Mine"))),
        ("PUT", f"/Users/{theirs['id']}", theirs),
        ("DELETE", f"/Users/{theirs['id']}", None),
        ("GET", f"/Groups/{group['id']}", None),
        ("DELETE", f"/Groups/{group['id']}", None),
    ):
        assert await brand.refused(method, path, body) == (404, None)
    outsider = {"schemas": [GROUP], "displayName": "Ours", "members": [{"value": theirs["id"]}]}
    assert await brand.refused("POST", "/Groups", outsider) == (400, "invalidValue")
    for where in (f'id eq "{theirs["id"]}"', 'externalId eq "sub-both" and meta.created lt "1990-01-01T00:00:00Z"'):
        assert (await brand.done("GET", f"/Users?filter={where}"))["totalResults"] == 0
    assert await fresh.done("GET", f"/Users/{theirs['id']}") == before
    assert (await fresh.done("GET", f"/Groups/{group['id']}"))["displayName"] == "Theirs"


async def test_an_archive_lets_people_go_and_nobody_in(fresh: ScimBrand) -> None:
    user, off = await fresh.user(), await fresh.user(active=False)
    await accepted(
        fresh.platform, fresh.made.owner, "enterBrandStage", brandId=fresh.made.ids["Brand"], stage="ARCHIVED"
    )
    body = {"schemas": [USER], "userName": "late@example.org", "externalId": "late"}
    assert await fresh.refused("POST", "/Users", body) == (403, None)
    on = {"op": "replace", "path": "active", "value": True}
    assert await fresh.refused("PATCH", f"/Users/{off['id']}", _patch(on)) == (403, None)
    assert (await fresh.send("DELETE", f"/Users/{user['id']}")).status_code == 204


async def test_a_group_gives_a_role_for_as_long_as_it_lasts(fresh: ScimBrand) -> None:
    one, two, three = [(await fresh.user())["id"] for _ in range(3)]
    group = await fresh.done(
        "POST", "/Groups", {"schemas": [GROUP], "displayName": "Guides", "members": _values(one, two)}
    )
    path = f"/Groups/{group['id']}"
    assert sorted(member["value"] for member in group["members"]) == sorted([one, two])
    global_id = ids.encode("ProvisionedGroup", fresh.made.brand, group["id"])
    by_hand = ids.encode("Member", fresh.made.brand, two)
    await accepted(fresh.platform, fresh.made.owner, "grantRole", memberId=by_hand, role="MODERATOR")
    mapping = {"groupId": global_id, "role": "MODERATOR"}
    mapped = await accepted(fresh.platform, fresh.made.owner, "mapGroupToRole", **mapping)
    assert mapped["group"] == {"id": global_id, "displayName": "Guides", "role": "MODERATOR", "memberCount": 2}
    await until(fresh, lambda seen: "MODERATOR" in seen[one]["roles"])
    await fresh.patch(path, {"op": "add", "path": "members", "value": _values(three)})
    await until(fresh, lambda seen: "MODERATOR" in seen[three]["roles"])
    await fresh.patch(path, {"op": "remove", "path": f'members[value eq "{one}"]'})
    seen = await until(fresh, lambda seen: "MODERATOR" not in seen[one]["roles"])
    assert "MODERATOR" in seen[two]["roles"]
    await fresh.send("DELETE", f"/Users/{three}")
    await accepted(fresh.platform, fresh.made.owner, "mapGroupToRole", groupId=global_id, role="AMBASSADOR")
    seen = await until(fresh, lambda seen: "AMBASSADOR" in seen[two]["roles"])
    assert "MODERATOR" in seen[two]["roles"], "what an owner gave by hand stays"
    await fresh.send("DELETE", path)
    seen = await until(fresh, lambda seen: "AMBASSADOR" not in seen[two]["roles"])
    assert "MODERATOR" in seen[two]["roles"]


async def test_who_is_let_go_is_in_no_group(fresh: ScimBrand) -> None:
    stays, goes = await fresh.user(), await fresh.user("goes")
    body = {"schemas": [GROUP], "displayName": "All", "members": _values(stays["id"], goes["id"])}
    group = await fresh.done("POST", "/Groups", body)
    shown = await fresh.done("GET", f"/Users/{goes['id']}?attributes=groups")
    assert [one["value"] for one in shown["groups"]] == [group["id"]]
    await fresh.send("DELETE", f"/Users/{goes['id']}")
    deadline = time.monotonic() + 30
    while len((await fresh.done("GET", f"/Groups/{group['id']}"))["members"]) > 1:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    again = await fresh.user("goes")
    assert "groups" not in await fresh.done("GET", f"/Users/{again['id']}?attributes=groups")


async def test_groups_have_names_of_their_own(brand: ScimBrand) -> None:
    body = {"schemas": [GROUP], "displayName": "Sales"}
    first = await brand.done("POST", "/Groups", body)
    assert await brand.refused("POST", "/Groups", {**body, "displayName": "SALES"}) == (409, "uniqueness")
    told_apart = await brand.done("POST", "/Groups", {**body, "externalId": "g-2"})
    assert await brand.refused("POST", "/Groups", {**body, "externalId": "g-2"}) == (409, "uniqueness")
    page = await brand.done("GET", '/Groups?filter=displayName eq "sales"&excludedAttributes=members')
    assert sorted(one["id"] for one in page["Resources"]) == sorted([first["id"], told_apart["id"]])
    renamed = await brand.done("PUT", f"/Groups/{first['id']}", {**body, "displayName": "Sales II"})
    assert renamed["meta"]["version"] != first["meta"]["version"]
    assert (await brand.send("DELETE", f"/Groups/{told_apart['id']}")).status_code == 204
    await brand.done("POST", "/Groups", body)
    assert await brand.refused("PATCH", f"/Groups/{first['id']}", _patch({"op": "remove", "path": "displayName"})) == (
        400, "mutability",
    )  # fmt: skip


async def test_of_who_was_erased_nothing_is_known_and_nothing_is_said(fresh: ScimBrand) -> None:
    subject = f"oid-{uuid7()[-12:]}"
    user = await fresh.user("gone", externalId=subject, name=LEGAL)
    await accepted(fresh.platform, subject, "eraseMe", brandId=fresh.made.ids["Brand"])
    deadline = time.monotonic() + 60
    while (await fresh.send("GET", f"/Users/{user['id']}")).status_code != 404:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    again = {"schemas": [USER], "userName": "gone@example.org", "externalId": subject}
    assert await fresh.refused("POST", "/Users", again) == (403, None)
    await fresh.user("gone", externalId="somebody-else")  # the name is free


def _email(value: str) -> dict[str, Any]:
    return {"value": value, "type": "work", "primary": True}


def _values(*users: str) -> list[dict[str, str]]:
    return [{"value": user} for user in users]


def _title(value: str) -> dict[str, str]:
    return {"op": "replace", "path": "title", "value": value}


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}
