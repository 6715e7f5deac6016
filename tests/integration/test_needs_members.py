"""What brands and their members need, each test named for its need, through GraphQL on a real platform."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from libs.shared.testing.platform import OPERATOR, Platform
from tests.integration.community import COLORS, Community, accepted, found, furnish, refused, run, tomorrow


async def brand(platform: Platform, made: Community, fields: str, subject: str | None, token: str | None) -> Any:
    """Fields of a brand as somebody sees them, read no older than a token."""
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ {fields} }} }}"
    sender = platform.token(subject) if subject else None
    answer = await platform.graphql(query, {"slug": made.slug}, sender, consistency_token=token)
    assert "errors" not in answer, answer
    return answer["data"]["brand"]


async def until(platform: Platform, made: Community, fields: str, subject: str, ready: Callable[[Any], bool]) -> Any:
    """Read fields of a brand until they are `ready`: what a process writes shows when the views get there."""
    deadline = time.monotonic() + 60
    while not ready(shown := await brand(platform, made, fields, subject, None)):
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.05)
    return shown


async def until_refused(platform: Platform, code: str, subject: str, name: str, **given: Any) -> None:
    """Send what changes nothing until it is refused with a code: a yes may be as old as a view is behind."""
    deadline = time.monotonic() + 60
    while (payload := await run(platform, subject, name, **given))["errors"] == []:
        assert time.monotonic() < deadline
    assert [error["code"] for error in payload["errors"]] == [code]


async def test_need_53_launch_stages(platform: Platform) -> None:
    made = await found(platform, stage="DRAFT")
    id_ = made.ids["Brand"]
    assert (await brand(platform, made, "stage", None, None))["stage"] == "DRAFT"
    newcomer, builder = f"new-{made.slug}", f"builder-{made.slug}"
    outside = {"brandId": id_, "displayName": "Nele"}
    assert await refused(platform, newcomer, "joinBrand", **outside) == ["BRAND_NOT_OPEN"]
    place = {"brandId": id_, "identity": platform.identity(builder), "role": "BUILDER"}
    await accepted(platform, made.owner, "admitMember", **place)
    joined = await accepted(platform, builder, "joinBrand", brandId=id_, displayName="Bo")
    assert joined["member"]["roles"] == ["BUILDER", "MEMBER"]
    await accepted(platform, builder, "createSpace", brandId=id_, slug="soon", name="Soon")
    await accepted(platform, builder, "admitMember", brandId=id_, identity=platform.identity(newcomer))
    assert await refused(platform, newcomer, "joinBrand", **outside) == ["BRAND_NOT_OPEN"], "a place is not a role"
    assert await refused(platform, builder, "enterBrandStage", brandId=id_, stage="BETA") == ["FORBIDDEN"]

    beta = await accepted(platform, made.owner, "enterBrandStage", brandId=id_, stage="BETA")
    assert beta["brand"]["stage"] == "BETA"
    await accepted(platform, newcomer, "joinBrand", **outside)
    stranger = f"stranger-{made.slug}"
    assert await refused(platform, stranger, "joinBrand", **outside) == ["BRAND_NOT_OPEN"]
    assert await refused(platform, made.owner, "enterBrandStage", brandId=id_, stage="DRAFT") == ["STAGE_BACKWARD"]

    await accepted(platform, made.owner, "enterBrandStage", brandId=id_, stage="OPEN")
    await accepted(platform, stranger, "joinBrand", **outside)

    archived = await accepted(platform, made.owner, "enterBrandStage", brandId=id_, stage="ARCHIVED")
    profile = {"brandId": id_, "displayName": "Nele"}
    await until_refused(platform, "BRAND_ARCHIVED", newcomer, "changeProfile", **profile)
    late = await refused(platform, f"late-{made.slug}", "joinBrand", **outside)
    assert late == ["BRAND_ARCHIVED"]
    shown = await brand(platform, made, "spaces { nodes { slug } }", newcomer, archived["consistencyToken"])
    assert shown["spaces"]["nodes"] == [{"slug": "soon"}], "it can be read"
    await accepted(platform, stranger, "leaveBrand", brandId=id_)
    await accepted(platform, made.owner, "enterBrandStage", brandId=id_, stage="OPEN")
    await accepted(platform, newcomer, "changeProfile", **profile)


async def test_need_51_a_module_switched_off_refuses_and_loses_nothing(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    id_, ids = made.ids["Brand"], made.ids
    fields = "posts { nodes { title replyCount } } ideas { nodes { title voteCount } } modules"
    before = await brand(platform, made, fields, made.member, None)
    assert await refused(platform, made.member, "switchModule", brandId=id_, module="FEEDBACK", on=False) == [
        "FORBIDDEN"
    ]
    off = await accepted(platform, made.owner, "switchModule", brandId=id_, module="FEEDBACK", on=False)
    assert off["brand"]["modules"] == ["DISCUSSIONS", "EVENTS"]
    await until_refused(platform, "MODULE_OFF", made.member, "withdrawVote", ideaId=ids["Idea"])
    assert await refused(platform, made.owner, "submitIdea", boardId=ids["Board"], title="No") == ["MODULE_OFF"]
    during = await brand(platform, made, fields, made.member, off["consistencyToken"])
    assert during == {**before, "modules": ["DISCUSSIONS", "EVENTS"]}, "reads go on"
    await accepted(platform, made.member, "publishReply", postId=ids["Post"], body="Elsewhere life goes on")
    on = await accepted(platform, made.owner, "switchModule", brandId=id_, module="FEEDBACK", on=True)
    voted = await accepted(platform, made.member, "castVote", ideaId=ids["Idea"])
    assert voted["idea"]["voteCount"] == 1
    after = await brand(platform, made, "ideas { nodes { title } } modules", made.member, on["consistencyToken"])
    assert after == {"ideas": {"nodes": [{"title": "Dark mode"}]}, "modules": ["DISCUSSIONS", "EVENTS", "FEEDBACK"]}


async def test_need_27_a_network_of_fifty_brands_of_every_kind(platform: Platform) -> None:
    made = await found(platform)
    kinds = [
        "CUSTOMERS", "STAFF", "PARTNERS", "RESELLERS", "FRANCHISEES", "INVESTORS", "ALUMNI", "CLUB", "INTEREST",
        "OTHER",
    ]  # fmt: skip
    for number in range(49):
        payload = await accepted(
            platform, OPERATOR, "createBrand", networkId=made.ids["Network"], slug=f"{made.slug}-{number}",
            name=f"Island {number}", kind=kinds[number % len(kinds)], type="INTEREST", founderName="Founder",
        )  # fmt: skip
    query = "query($id: ID!) { node(id: $id) { ... on Network { brandCount brands(first: 100) { nodes { kind } } } } }"
    answer = await platform.graphql(query, {"id": made.ids["Network"]}, consistency_token=payload["consistencyToken"])
    network = answer["data"]["node"]
    assert network["brandCount"] == len(network["brands"]["nodes"]) == 50
    assert {node["kind"] for node in network["brands"]["nodes"]} == set(kinds)


async def test_need_07_nobody_joins_without_accepting_the_current_rules(platform: Platform) -> None:
    made = await found(platform)
    id_, start = made.ids["Brand"], datetime.now(UTC)
    one = await accepted(platform, made.owner, "publishRules", brandId=id_, text="Be kind.")
    assert one["brand"]["charter"] == {"manifesto": None, "rules": {"version": 1, "text": "Be kind."}}
    newcomer = f"new-{made.slug}"
    join = {"brandId": id_, "displayName": "Nele"}
    for version in (None, 2):
        codes = await refused(platform, newcomer, "joinBrand", **join, acceptedRules=version)
        assert codes == ["RULES_NOT_ACCEPTED"]
    joined = await accepted(platform, newcomer, "joinBrand", **join, acceptedRules=1)
    after_joining = datetime.now(UTC)

    two = await accepted(platform, made.owner, "publishRules", brandId=id_, text="Be kind, and on topic.")
    late = f"late-{made.slug}"
    assert await refused(platform, late, "joinBrand", **join) == ["RULES_NOT_ACCEPTED"]
    asked = await brand(platform, made, "viewerMustAcceptRules", newcomer, two["consistencyToken"])
    assert asked == {"viewerMustAcceptRules": True}, "members are asked again"
    assert await refused(platform, newcomer, "acceptRules", brandId=id_, version=3) == ["RULES_NOT_CURRENT"]
    accepting = await accepted(platform, newcomer, "acceptRules", brandId=id_, version=2)

    async def acceptance(at: datetime | None, subject: str) -> Any:
        then = f', asOf: "{at.isoformat()}"' if at else ""
        field = f'rulesAcceptance(memberId: "{joined["member"]["id"]}"{then}) {{ version mustAccept }}'
        shown = await brand(platform, made, field, subject, accepting["consistencyToken"])
        return shown["rulesAcceptance"]

    for subject in (newcomer, made.owner):
        assert await acceptance(start, subject) == {"version": None, "mustAccept": False}
        assert await acceptance(after_joining, subject) == {"version": 1, "mustAccept": False}
        assert await acceptance(None, subject) == {"version": 2, "mustAccept": False}
    query = "query($slug: String!, $id: ID!) { brand(slug: $slug) { rulesAcceptance(memberId: $id) { version } } }"
    asking = {"slug": made.slug, "id": joined["member"]["id"]}
    other = await platform.graphql(query, asking, platform.token(made.member))
    assert [error["extensions"]["code"] for error in other["errors"]] == ["FORBIDDEN"], "not every member's affair"


async def test_need_08_the_manifesto_is_read_before_joining_and_each_version_stays(platform: Platform) -> None:
    made = await found(platform)
    id_, texts = made.ids["Brand"], ["We help each other.", "We help each other, and others."]
    assert await refused(platform, made.member, "publishManifesto", brandId=id_, text=texts[0]) == ["FORBIDDEN"]
    moments = []
    for text in texts:
        published = await accepted(platform, made.owner, "publishManifesto", brandId=id_, text=text)
        moments.append(datetime.now(UTC).isoformat())
    fields = f"""charter {{ manifesto {{ version text }} }}
      then: charter(asOf: "{moments[0]}") {{ manifesto {{ version text }} }}
      charterEditions(part: MANIFESTO) {{ nodes {{ version text }} }}"""
    shown = await brand(platform, made, fields, None, published["consistencyToken"])
    old, new = ({"version": number, "text": text} for number, text in enumerate(texts, 1))
    assert shown["charter"] == {"manifesto": new}
    assert shown["then"] == {"manifesto": old}
    assert shown["charterEditions"] == {"nodes": [new, old]}


async def test_need_67_a_branded_home(platform: Platform) -> None:
    made, other = await found(platform), await found(platform)
    id_, domain = made.ids["Brand"], f"Home-{made.slug}.example.org"
    builder = f"builder-{made.slug}"
    joined = await accepted(platform, builder, "joinBrand", brandId=id_, displayName="Bo")
    await accepted(platform, made.owner, "grantRole", memberId=joined["member"]["id"], role="BUILDER")
    colors = {**COLORS, "logoUrl": "https://example.org/logo.svg"}
    assert await refused(platform, made.owner, "designHome", brandId=id_, **{**colors, "text": "#cccccc"}) == [
        "LOW_CONTRAST"
    ]
    designed = await accepted(platform, builder, "designHome", brandId=id_, **colors)
    assert designed["brand"]["theme"] == {**colors, "background": "#ffffff"}
    french = await accepted(platform, builder, "chooseLocale", brandId=id_, locale="fr-CA")
    assert french["brand"] == {"locale": "fr-CA"}
    assert await refused(platform, builder, "chooseLocale", brandId=id_, locale="xx") == ["INVALID"]

    assert await refused(platform, builder, "setDomain", brandId=id_, domain=domain) == ["FORBIDDEN"]
    taken = await accepted(platform, made.owner, "setDomain", brandId=id_, domain=domain)
    assert taken["brand"] == {"domain": domain.lower()}
    theirs = {"brandId": other.ids["Brand"], "domain": domain.upper()}
    assert await refused(platform, other.owner, "setDomain", **theirs) == ["NAME_TAKEN"]
    query = "query($domain: String!) { brandByDomain(domain: $domain) { slug locale } }"
    token = taken["consistencyToken"]
    at_home = await platform.graphql(query, {"domain": domain}, consistency_token=token)
    assert at_home["data"]["brandByDomain"] == {"slug": made.slug, "locale": "fr-CA"}
    await accepted(platform, made.owner, "setDomain", brandId=id_, domain=f"new-{made.slug}.example.org")
    moved = await accepted(platform, other.owner, "setDomain", **theirs)
    elsewhere = await platform.graphql(query, {"domain": domain}, consistency_token=moved["consistencyToken"])
    assert elsewhere["data"]["brandByDomain"]["slug"] == other.slug
    gone = await accepted(platform, made.owner, "setDomain", brandId=id_, domain=None)
    assert gone["brand"] == {"domain": None}


async def test_need_50_a_near_duplicate_is_told_and_never_refused(platform: Platform) -> None:
    made = await found(platform)
    about = {"networkId": made.ids["Network"], "kind": "CLUB", "founderName": "Founder"}
    tag = made.slug[-6:]
    first = await accepted(platform, OPERATOR, "createBrand", **about, slug=f"voile-{tag}", name="Voile d'été")
    assert [brand["name"] for brand in first["similarBrands"]] == []
    query = """query($network: ID!, $name: String!) {
      similarBrands(networkId: $network, name: $name) { brandId slug name score } }"""
    asked = {"network": made.ids["Network"], "name": "VOILE D'ETE"}
    before = await platform.graphql(query, asked, consistency_token=first["consistencyToken"])
    [candidate] = before["data"]["similarBrands"]
    assert candidate == {
        "brandId": first["brand"]["id"], "slug": f"voile-{tag}", "name": "Voile d'été", "score": 100,
    }  # fmt: skip
    again = await accepted(platform, OPERATOR, "createBrand", **about, slug=f"sail-{tag}", name="La voile d'Été")
    assert [brand["name"] for brand in again["similarBrands"]] == ["Voile d'été"], "it is opened nevertheless"


async def furnished(platform: Platform, type_: str) -> Community:
    """A French club in DRAFT, opened by the operator from the template of a type, once that was carried out."""
    made = await found(platform)
    slug = f"{made.slug}-new"
    opened = await accepted(
        platform, OPERATOR, "createBrand", networkId=made.ids["Network"], slug=slug, name="New", kind="CLUB",
        locale="fr", stage="DRAFT", type=type_, fromTemplate=True, founderName="Founder",
    )  # fmt: skip
    made = Community(slug=slug, owner=OPERATOR, member="", ids={"Brand": opened["brand"]["id"]})
    await until(platform, made, "furnishedAt", OPERATOR, lambda shown: shown["furnishedAt"] is not None)
    return made


async def test_need_30_a_template_makes_the_right_spaces_and_modules(platform: Platform) -> None:
    made = await furnished(platform, "TRANSACTION")
    fields = """modules charter { manifesto { text } rules { version text } }
      spaces { nodes { slug name kind } } boards { nodes { slug kind } }"""
    shown = await until(
        platform,
        made,
        fields,
        made.owner,
        lambda shown: len(shown["spaces"]["nodes"]) == 4 and len(shown["boards"]["nodes"]) == 1,
    )
    assert shown["modules"] == ["DISCUSSIONS", "FEEDBACK"]
    kinds = {node["slug"]: node["kind"] for node in shown["spaces"]["nodes"]}
    assert kinds == {
        "actualites": "BROADCAST", "offres-et-besoins": "DISCUSSION", "avant-d-acheter": "QUESTIONS",
        "club-house": "DISCUSSION",
    }  # fmt: skip
    assert shown["boards"]["nodes"] == [{"slug": "souhaits", "kind": "PRODUCT"}]
    assert shown["charter"]["rules"]["version"] == 1 and "Dites-le" in shown["charter"]["rules"]["text"]
    event = {"title": "Fair", "format": "ONLINE", "startsAt": tomorrow(), "endsAt": tomorrow(1), "timeZone": "UTC"}
    codes = await refused(platform, made.owner, "scheduleEvent", brandId=made.ids["Brand"], **event)
    assert codes == ["MODULE_OFF"]


async def test_need_63_a_new_brand_is_not_an_empty_shell(platform: Platform) -> None:
    made = await furnished(platform, "INTEREST")
    fields = "posts { nodes { title body author { id } space { slug } } }"
    shown = await until(platform, made, fields, made.owner, lambda shown: len(shown["posts"]["nodes"]) == 2)
    posts = {node["title"]: node for node in shown["posts"]["nodes"]}
    assert set(posts) == {"Bienvenue", "Comment cela a-t-il commencé pour vous ?"}
    assert posts["Bienvenue"]["space"]["slug"] == "actualites"
    assert posts["Bienvenue"]["author"] is None, "the platform wrote it"
    answer = await accepted(platform, made.owner, "publishRules", brandId=made.ids["Brand"], text="Our own rules.")
    assert answer["brand"]["charter"]["rules"] == {"version": 2, "text": "Our own rules."}


async def test_need_24_nobody_but_staff_speaks_for_the_brand(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    space, post = made.ids["Space"], made.ids["Post"]
    said = {"spaceId": space, "title": "From us", "body": "News"}
    fields = "{ node { id official replies(first: 5) { nodes { body official } } } }"
    for name, given in (("publishPost", said), ("publishReply", {"postId": post, "body": "So it is"})):
        assert await refused(platform, made.member, name, **given, official=True) == ["FORBIDDEN"]
        await accepted(platform, made.owner, name, **given, official=True)
        last = await accepted(platform, made.owner, name, **{**given, "body": "Just me"})
    shown = await brand(platform, made, f"posts {{ edges {fields} }}", made.member, last["consistencyToken"])
    posts = {edge["node"]["id"]: edge["node"] for edge in shown["posts"]["edges"]}
    assert sorted(node["official"] for node in posts.values()) == [False, False, True]
    official = {node["body"]: node["official"] for node in posts[post]["replies"]["nodes"]}
    assert official == {"Welcome": False, "So it is": True, "Just me": False}


async def test_need_35_source_and_referrer_are_kept_and_the_report_adds_up(platform: Platform) -> None:
    made = await found(platform)
    id_, mona = made.ids["Brand"], made.ids["Member"]
    ways: list[dict[str, str]] = [
        {"source": "fair-2026"}, {"source": "fair-2026", "referrerId": mona}, {"referrerId": mona}, {},
    ]  # fmt: skip
    for number, way in enumerate(ways):
        subject = f"way{number}-{made.slug}"
        last = await accepted(platform, subject, "joinBrand", brandId=id_, displayName="New", **way)
    stranger = {"brandId": id_, "displayName": "New", "referrerId": (await found(platform)).ids["Member"]}
    assert await refused(platform, f"late-{made.slug}", "joinBrand", **stranger) == ["NOT_FOUND"]
    fields = """memberCount joins { joins referred sources { source joins } otherSources
      referrers { joins member { displayName } } otherReferrers }"""
    shown = await brand(platform, made, fields, made.owner, last["consistencyToken"])
    report = shown["joins"]
    assert report["joins"] == shown["memberCount"] == 7, "nobody has left: founder, owner, member and four more"
    assert {one["source"]: one["joins"] for one in report["sources"]} == {"fair-2026": 2, "referral": 1, "direct": 4}
    assert report["referrers"] == [{"joins": 2, "member": {"displayName": "Mona"}}]
    assert (report["referred"], report["otherSources"], report["otherReferrers"]) == (2, 0, 0)
    query = "query($slug: String!) { brand(slug: $slug) { joins { joins } } }"
    other = await platform.graphql(query, {"slug": made.slug}, platform.token(made.member))
    assert [error["extensions"]["code"] for error in other["errors"]] == ["FORBIDDEN"]
