"""What members tell about themselves, each test named for its need, through GraphQL on a real platform."""

import re
from typing import Any

import httpx
import msgspec

from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from tests.integration.community import COMPANY, Community, accepted, document, found, refused
from tests.integration.test_needs_members import brand
from tests.integration.test_principals import account_with

PROFILE = """profile { bio avatar { url alt } email timeZone language externalId completeness hiddenFields
  fields { field { key } text number choices yes hidden } }"""

#: Three fields of a form, each for others to see; the member may hide all of them.
FORM: list[dict[str, Any]] = [
    {**COMPANY, "required": True},
    {**COMPANY, "key": "rig", "type": "CHOICE", "audience": {"reach": "ROLES", "roles": ["OWNER", "BUILDER"]},
     "choices": [{"key": "sloop", "labels": [{"language": "en", "text": "Sloop"}]}]},
    {**COMPANY, "key": "phone", "audience": {"reach": "ONESELF"}},
]  # fmt: skip

INERT = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


async def asked(platform: Platform) -> Community:
    """A community that asks for the fields of `FORM`."""
    made = await found(platform)
    for field in FORM:
        await accepted(platform, made.owner, "defineProfileField", brandId=made.ids["Brand"], field=field)
    return made


async def profile(platform: Platform, made: Community, subject: str, token: str | None = None) -> Any:
    """The profile of the plain member as a subject sees it."""
    fields = f'member(id: "{made.ids["Member"]}") {{ bio email {PROFILE} }}'
    return (await brand(platform, made, fields, subject, token))["member"]


def values(member: Any) -> dict[str, Any]:
    """The fields that have a value, by key."""
    shown = {one["field"]["key"]: one["text"] for one in member["profile"]["fields"]}
    return {key: value for key, value in shown.items() if value is not None}


async def test_need_32_a_brand_asks_and_a_profile_is_complete(platform: Platform) -> None:
    made = await asked(platform)
    own = {"brandId": made.ids["Brand"]}

    async def refusal(key: str, **value: Any) -> tuple[str, list[str]]:
        given = {**own, "values": [{"key": key, **value}]}
        answer = await platform.graphql(document("setProfileFields"), {"input": given}, platform.token(made.member))
        [error] = answer["data"]["setProfileFields"]["errors"]
        return error["code"], error["path"]

    assert await refusal("company", number=3) == ("FIELD_WRONG_TYPE", ["values", "company"])
    assert await refusal("company", text="x" * 201) == ("FIELD_TOO_LONG", ["values", "company"])
    assert await refusal("rig", text="ketch") == ("FIELD_NOT_A_CHOICE", ["values", "rig"])
    assert await refusal("boat", text="ketch") == ("FIELD_UNKNOWN", ["values", "boat"])
    assert await refusal("company") == ("FIELD_REQUIRED", ["values", "company"])
    assert await refusal("company", text="Acme", yes=True) == ("INVALID", ["values", "company"])

    first = await accepted(platform, made.member, "changeProfile", **own, bio="Sails")
    shown = await profile(platform, made, made.member, first["consistencyToken"])
    assert shown["profile"]["completeness"] == 50, "name and bio, of name, bio, avatar and company"
    said = [{"key": "company", "text": "Acme"}, {"key": "rig", "text": "sloop"}]
    await accepted(platform, made.member, "setProfileFields", **own, values=said)
    avatar = {"url": "https://example.org/mona.png", "alt": "Mona at sea"}
    done = await accepted(platform, made.member, "chooseAvatar", **own, **avatar)
    assert done["member"]["profile"]["completeness"] == 100
    assert done["member"]["profile"]["avatar"] == avatar

    more = {**COMPANY, "key": "town", "required": True}
    asks = await accepted(platform, made.owner, "defineProfileField", **own, field=more)
    shown = await profile(platform, made, made.member, asks["consistencyToken"])
    assert shown["profile"]["completeness"] == 80
    retired = await accepted(platform, made.owner, "retireProfileField", **own, key="company")
    shown = await profile(platform, made, made.member, retired["consistencyToken"])
    assert (shown["profile"]["completeness"], values(shown)) == (75, {"rig": "sloop"})
    assert await refusal("company", text="Other") == ("FIELD_RETIRED", ["values", "company"])
    back = await accepted(platform, made.owner, "restoreProfileField", **own, key="company")
    shown = await profile(platform, made, made.member, back["consistencyToken"])
    assert (shown["profile"]["completeness"], values(shown)) == (80, {"company": "Acme", "rig": "sloop"})


async def test_need_43_members_choose_what_they_share(platform: Platform) -> None:
    made = await asked(platform)
    own = {"brandId": made.ids["Brand"]}
    said = {"company": "Acme", "rig": "sloop", "phone": "+33 1"}
    await accepted(platform, made.member, "changeProfile", **own, bio="Sails")
    last = await accepted(
        platform, made.member, "setProfileFields", **own, values=[{"key": key, "text": said[key]} for key in said]
    )
    other = f"other-{made.slug}"
    await accepted(platform, other, "joinBrand", **own, displayName="Otto")

    mine = await profile(platform, made, made.member, last["consistencyToken"])
    assert values(mine) == said
    theirs = await profile(platform, made, other, last["consistencyToken"])
    assert values(theirs) == {"company": "Acme"}
    assert [theirs["profile"][name] for name in ("email", "timeZone", "language", "completeness")] == [None] * 4
    assert values(await profile(platform, made, made.owner, last["consistencyToken"])) == {
        "company": "Acme", "rig": "sloop",
    }  # fmt: skip

    hidden = await accepted(platform, made.member, "hideProfileFields", **own, fields=["bio", "rig", "company"])
    assert hidden["member"]["bio"] == "Sails" and hidden["member"]["profile"]["hiddenFields"] == [
        "bio", "company", "rig",
    ]  # fmt: skip
    for subject in (other, made.owner):
        shown = await profile(platform, made, subject, hidden["consistencyToken"])
        assert (shown["bio"], shown["profile"]["bio"], values(shown)) == ("", "", {})
    rule = {"field": "LANGUAGE", "audience": {"reach": "EVERYONE"}}
    wider = await accepted(platform, made.owner, "chooseFieldAudience", **own, **rule)
    shown = await profile(platform, made, other, wider["consistencyToken"])
    assert shown["profile"]["language"] == "fr", "the brand's, since the member chose none"
    bad = {"field": "BIO", "audience": {"reach": "ONESELF"}}
    assert await refused(platform, made.member, "chooseFieldAudience", **own, **bad) == ["FORBIDDEN"]


async def test_need_31_a_pseudonym_and_nothing_of_the_token(platform: Platform) -> None:
    made = await found(platform)
    tag = uuid7()[-12:]
    claims = {
        "name": f"Legal{tag} Person{tag}", "given_name": f"Legal{tag}", "family_name": f"Person{tag}",
        "preferred_username": f"login{tag}", "nickname": f"nick{tag}", "email": f"{tag}@example.org",
        "email_verified": True, "picture": f"https://example.org/{tag}.png", "phone_number": f"+33{tag}",
    }  # fmt: skip
    subject = f"subject{tag}"
    token = platform.token(subject, **claims)
    given = {"input": {"brandId": made.ids["Brand"], "displayName": "Mimosa"}}
    joined = (await platform.graphql(document("joinBrand"), given, token))["data"]["joinBrand"]
    assert joined["errors"] == []
    said = {"input": {"brandId": made.ids["Brand"], "bio": "Sails"}}
    changed = (await platform.graphql(document("changeProfile"), said, token))["data"]["changeProfile"]
    me = await platform.graphql(
        "query($id: ID!) { node(id: $id) { ... on Member { email } } }", {"id": joined["member"]["id"]}, token,
        consistency_token=changed["consistencyToken"],
    )  # fmt: skip
    assert me["data"]["node"] == {"email": claims["email"]}, "they see their own"

    member = f'member(id: "{joined["member"]["id"]}") {{ id displayName bio email roles joinedAt {PROFILE} }}'
    everything = f"""memberCount {member} searchMembers(prefix: "mimo") {{ nodes {{ displayName {PROFILE} }} }}
      members {{ nodes {{ displayName bio email {PROFILE} }} }}"""
    for viewer in (made.member, made.owner):
        shown = await brand(platform, made, everything, viewer, changed["consistencyToken"])
        assert shown["member"]["displayName"] == shown["searchMembers"]["nodes"][0]["displayName"] == "Mimosa"
        text = msgspec.json.encode(shown).decode()
        assert tag not in text, re.findall(rf".{{0,40}}{tag}.{{0,20}}", text)
    for search in (f"legal{tag}", f"person{tag}", f"login{tag}", tag, f"subject{tag}"):
        fields = f'searchMembers(prefix: "{search}") {{ nodes {{ id }} }}'
        shown = await brand(platform, made, fields, made.owner, changed["consistencyToken"])
        assert shown["searchMembers"]["nodes"] == []


async def test_need_31_a_picture_is_of_a_public_address_and_every_text_is_inert(platform: Platform) -> None:
    made = await asked(platform)
    own = {"brandId": made.ids["Brand"]}
    for url in (
        "http://example.org/a.png", "javascript:alert(1)", "https://user@example.org/", "https://192.0.2.1/a.png",
        "https://[::1]/", "https://localhost/a.png", "https://2130706433/",
    ):  # fmt: skip
        assert await refused(platform, made.member, "chooseAvatar", **own, url=url, alt="x") == ["INVALID"]
    assert await refused(platform, made.member, "chooseAvatar", **own, url="https://example.org/a.png") == ["INVALID"]
    await accepted(platform, made.member, "changeProfile", **own, displayName=INERT, bio=INERT)
    await accepted(platform, made.member, "setProfileFields", **own, values=[{"key": "company", "text": INERT}])
    avatar = {"url": "https://example.org/a.png", "alt": INERT}
    last = await accepted(platform, made.member, "chooseAvatar", **own, **avatar)
    shown = await profile(platform, made, made.owner, last["consistencyToken"])
    assert shown["bio"] == values(shown)["company"] == shown["profile"]["avatar"]["alt"] == INERT, "as data, unchanged"
    query = "query($id: ID!) { node(id: $id) { ... on Member { displayName bio } } }"
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            f"{platform.url}/graphql",
            json={"query": query, "variables": {"id": made.ids["Member"]}},
            headers={"Accept": "text/html,*/*;q=0.8", "Authorization": f"Bearer {platform.token(made.owner)}"},
        )
    assert answer.json()["data"]["node"] == {"displayName": INERT, "bio": INERT}
    assert re.fullmatch(r"application/(graphql-response\+)?json.*", answer.headers["content-type"])
    assert answer.headers["x-content-type-options"] == "nosniff", "no browser takes it for a page"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_need_69_a_member_is_known_by_the_id_of_another_system(platform: Platform) -> None:
    made = await found(platform)
    mona, olga = made.ids["Member"], made.ids["Owner"]
    lookup = 'memberByExternalId(externalId: "{}") {{ displayName profile {{ externalId }} }}'

    async def called(external_id: str, subject: str, token: str | None) -> Any:
        shown = await brand(platform, made, lookup.format(external_id), subject, token)
        return shown["memberByExternalId"]

    assert await refused(platform, made.member, "setExternalId", memberId=mona, externalId="crm-1") == ["FORBIDDEN"]
    for _ in range(2):
        set_ = await accepted(platform, made.owner, "setExternalId", memberId=mona, externalId="crm-1")
    known = {"displayName": "Mona", "profile": {"externalId": "crm-1"}}
    assert await called("crm-1", made.owner, set_["consistencyToken"]) == known
    assert await called("crm-1", made.member, set_["consistencyToken"]) is None, "it is not for members to ask"
    assert await refused(platform, made.owner, "setExternalId", memberId=olga, externalId="crm-1") == ["NAME_TAKEN"]
    moved = await accepted(platform, made.owner, "setExternalId", memberId=mona, externalId="crm-2")
    assert await called("crm-1", made.owner, moved["consistencyToken"]) is None
    await accepted(platform, made.owner, "setExternalId", memberId=olga, externalId="crm-1")

    _, key = await account_with(platform, made, "MEMBERS_READ")
    query = "query($slug: String!) { brand(slug: $slug) { " + lookup.format("crm-2") + " } }"
    answer = await platform.graphql(query, {"slug": made.slug}, key)
    assert answer["data"]["brand"]["memberByExternalId"]["profile"] == {"externalId": "crm-2"}
    _, other = await account_with(platform, made, "FEEDBACK_MANAGE")
    answer = await platform.graphql(query, {"slug": made.slug}, other)
    assert answer["data"]["brand"]["memberByExternalId"] is None

    left = await accepted(platform, made.member, "leaveBrand", brandId=made.ids["Brand"])
    assert await called("crm-2", made.owner, left["consistencyToken"]) is None
    freed = await accepted(platform, made.owner, "setExternalId", memberId=olga, externalId="crm-2")
    assert freed["member"]["profile"]["externalId"] == "crm-2", "who left holds it no more"


async def test_need_42_consents_are_given_withdrawn_and_kept(platform: Platform) -> None:
    made = await found(platform)
    own = {"brandId": made.ids["Brand"]}
    texts = [{"language": "fr", "text": "On peut m'appeler."}]
    one = await accepted(platform, made.owner, "publishConsentPurpose", **own, purpose="calls", texts=texts)
    asked_for = {purpose["purpose"]: purpose["version"] for purpose in one["consentPurposes"]}
    assert asked_for == dict.fromkeys(["calls", "digest", "networking", "nudges", "photos"], 1)
    given = await accepted(platform, made.member, "giveConsent", **own, purpose="calls", version=1)
    assert [consent["purpose"] for consent in given["consents"]] == ["calls"]
    then = given["consents"][0]["givenAt"]
    other = [{"language": "fr", "text": "On peut m'appeler le matin."}]
    await accepted(platform, made.owner, "publishConsentPurpose", **own, purpose="calls", texts=other)
    late = {"purpose": "calls", "version": 1}
    assert await refused(platform, made.owner, "giveConsent", **own, **late) == ["CONSENT_NOT_CURRENT"]
    await accepted(platform, made.owner, "giveConsent", **own, purpose="calls", version=2)
    gone = await accepted(platform, made.member, "withdrawConsent", **own, purpose="calls")
    assert gone["consents"] == []

    fields = f"""viewerConsents {{ purpose }} then: viewerConsents(asOf: "{then}") {{ purpose version }}
      viewerConsentHistory {{ nodes {{ purpose version given }} }}
      consentText(purpose: "calls", version: 1) {{ language text }}"""
    shown = await brand(platform, made, fields, made.member, gone["consistencyToken"])
    assert shown == {
        "viewerConsents": [],
        "then": [{"purpose": "calls", "version": 1}],
        "viewerConsentHistory": {
            "nodes": [
                {"purpose": "calls", "version": 1, "given": False},
                {"purpose": "calls", "version": 1, "given": True},
            ]
        },
        "consentText": texts,
    }
    report = await brand(
        platform, made, "consentReport { purpose members versions { version members } }", made.owner,
        gone["consistencyToken"],
    )  # fmt: skip
    assert report["consentReport"] == [{"purpose": "calls", "members": 1, "versions": [{"version": 2, "members": 1}]}]


async def test_need_28_leaving_one_community_leaves_the_others_as_they_are(platform: Platform) -> None:
    here, there = await asked(platform), await asked(platform)
    both = f"both-{here.slug}"
    for made, name in ((here, "Mimi"), (there, "Mimosa")):
        own = {"brandId": made.ids["Brand"]}
        joined = await accepted(platform, both, "joinBrand", **own, displayName=name)
        made.ids["Member"] = joined["member"]["id"]
        await accepted(platform, both, "changeProfile", **own, bio=f"Known as {name}")
        await accepted(platform, both, "setProfileFields", **own, values=[{"key": "company", "text": made.slug}])
        await accepted(platform, both, "giveConsent", **own, purpose="photos", version=1)
        await accepted(platform, made.owner, "setExternalId", memberId=joined["member"]["id"], externalId="crm-1")
        last = await accepted(platform, both, "chooseMemberLocale", **own, language="de")
    consents = "viewerConsents { purpose } memberCount"
    before = await profile(platform, there, both, last["consistencyToken"])
    agreed = await brand(platform, there, consents, both, last["consistencyToken"])
    left = await accepted(platform, both, "leaveBrand", brandId=here.ids["Brand"])
    assert await profile(platform, there, both, left["consistencyToken"]) == before
    assert await brand(platform, there, consents, both, left["consistencyToken"]) == agreed
    assert before["profile"]["language"] == "de" and values(before) == {"company": there.slug}
    gone = await profile(platform, here, here.owner, left["consistencyToken"])
    assert gone["profile"] is None and gone["bio"] == ""
    query = "{ me { memberships { brand { slug } } } }"
    answer = await platform.graphql(query, token=platform.token(both), consistency_token=left["consistencyToken"])
    assert answer["data"]["me"]["memberships"] == [{"brand": {"slug": there.slug}}]


async def test_need_59_a_token_and_one_call_to_join(platform: Platform) -> None:
    made = await found(platform)
    calls = 0

    async def call(query: str, variables: dict[str, Any], token: str) -> Any:
        nonlocal calls
        calls += 1
        return await platform.graphql(query, variables, token)

    token = platform.token(f"never-seen-{uuid7()}")
    calls += 1  # what the issuer was asked for
    given = {"input": {"brandId": made.ids["Brand"], "displayName": "Nele"}}
    answer = await call(document("joinBrand"), given, token)
    assert answer["data"]["joinBrand"]["member"]["roles"] == ["MEMBER"]
    assert calls == 2
    read = "query($slug: String!) { brand(slug: $slug) { viewer { displayName } } }"
    assert (await call(read, {"slug": made.slug}, token))["data"]["brand"]["viewer"] == {"displayName": "Nele"}


async def test_need_58_members_are_found_by_how_a_name_begins(platform: Platform) -> None:
    made = await found(platform)
    for number, name in enumerate(["Élodie Martin", "Martin Éloy", "Marta Elsner"]):
        own = {"brandId": made.ids["Brand"], "displayName": name}
        last = await accepted(platform, f"found{number}-{made.slug}", "joinBrand", **own)
    seen: list[str] = []
    after = None
    query = """query($slug: String!, $after: String) { brand(slug: $slug) {
      searchMembers(prefix: "ÉL", first: 1, after: $after) {
        nodes { displayName } pageInfo { hasNextPage endCursor } } } }"""
    while True:
        answer = await platform.graphql(
            query, {"slug": made.slug, "after": after}, platform.token(made.member),
            consistency_token=last["consistencyToken"],
        )  # fmt: skip
        page = answer["data"]["brand"]["searchMembers"]
        seen += [node["displayName"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == ["Élodie Martin", "Martin Éloy", "Marta Elsner"]
