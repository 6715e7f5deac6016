"""Brands see nothing of each other and change nothing in each other: every field, id and mutation of the schema.

The cases are read off the schema, so that a new field, argument or mutation is in them or fails here.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import httpx
import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from services.gateway import ids as global_ids
from services.gateway.loaders import SERVICES
from services.gateway.schema import build
from tests.integration.community import (
    COLORS,
    COMPANY,
    MUTATIONS,
    Community,
    accepted,
    document,
    found,
    furnish,
    tomorrow,
)
from tests.integration.strangers import ARGUMENTS, OTHER_ARGUMENTS, ROOTS, fields_asked, id_arguments

SCHEMA: Final[GraphQLSchema] = build()._schema

#: What anybody may read of a brand; every other field of it is for its members.
PUBLIC: Final = {
    "id", "slug", "name", "kind", "locale", "createdAt", "memberCount", "network", "type", "description", "stage",
    "modules", "furnishedAt", "theme", "domain", "charter", "charterEditions", "viewerCan",
}  # fmt: skip
#: Types behind `node(id:)` that anybody may read.
PUBLIC_NODES: Final = {"Network", "Brand"}
#: Mutations that are open to people from outside by their nature; what they do is in test_journey.
OPEN: Final = {"createNetwork", "createBrand", "joinBrand", "signOutEverywhere"}
NODES: Final = sorted(kind.name for kind in SCHEMA.get_possible_types(SCHEMA.type_map["Node"]))  # type: ignore[arg-type]

#: A community that is nowhere, for the names of what mutations take.
EXAMPLE: Final = Community("", "", "", dict.fromkeys([*NODES, "Owner"], "x"))


def object_type(name: str) -> GraphQLObjectType:
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return kind


def selection(field: GraphQLField) -> str:
    """A selection under a field that needs no arguments: its leaves, two levels down."""
    kind = get_named_type(field.type)
    return "" if is_leaf_type(kind) else f"{{ __typename {_leaves(kind, 2)} }}"


def _leaves(kind: object, depth: int) -> str:
    if not is_object_type(kind):
        return ""
    parts = []
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if is_leaf_type(inner):
            parts.append(name)
        elif depth and name in {"nodes", "edges", "node"}:
            parts.append(f"{name} {{ __typename {_leaves(inner, depth - 1)} }}")
    return " ".join(parts)


def brand_fields() -> list[str]:
    return sorted(set(object_type("Brand").fields) - PUBLIC)


def nothing(value: object) -> bool:
    """Whether an answer tells nothing: null, or an empty page or list."""
    return value is None or value == []


@pytest.fixture(scope="module")
async def made(platform: Platform) -> AsyncGenerator[Community, None]:
    """A brand full of things, of which the strangers below are no members."""
    community = await found(platform)
    await furnish(platform, community)
    given = {"brandId": community.ids["Brand"], "displayName": "Rolf", "referrerId": community.ids["Member"]}
    rowdy = await accepted(platform, f"rowdy-{community.slug}", "joinBrand", **given)
    community.ids["Rowdy"] = rowdy["member"]["id"]
    out = {"memberId": community.ids["Rowdy"], "reason": "Shouts at everybody"}
    await accepted(platform, community.owner, "suspendMember", **out)
    guest = {"eventId": community.ids["Event"], "memberIds": [community.ids["Member"]]}
    await accepted(platform, community.owner, "inviteToEvent", **guest)
    brand = {"brandId": community.ids["Brand"]}
    await accepted(platform, community.owner, "setDomain", **brand, domain=f"{community.slug}.example")
    await accepted(platform, community.owner, "publishRules", **brand, text="Be kind")
    await accepted(platform, community.owner, "acceptRules", **brand, version=1)
    yield community


@pytest.fixture(scope="module")
async def stranger(platform: Platform) -> AsyncGenerator[Community, None]:
    """Another brand; its owner is the stranger who tries."""
    community = await found(platform)
    await furnish(platform, community)
    yield community


def arguments(field: str, made: Community) -> str:
    """Arguments that lead to something that exists."""
    wanted = {
        "member": f'(id: "{made.ids["Member"]}")',
        "memberJourney": f'(memberId: "{made.ids["Member"]}")',
        "searchMembers": '(prefix: "m")',
        "memberByExternalId": '(externalId: "crm-1")',
        "consentText": '(purpose: "digest", version: 1)',
        "rulesAcceptance": f'(memberId: "{made.ids["Owner"]}")',
        "roleHistory": f'(memberId: "{made.ids["Owner"]}")',
        "event": f'(id: "{made.ids["Event"]}")',
        "space": '(slug: "general")',
        "tag": f'(name: "{made.slug}")',
        "board": '(slug: "ideas")',
        "segmentPreview": "(rule: {hasRole: OWNER})",
        "segmentsOfMember": f'(memberId: "{made.ids["Member"]}")',
    }
    needed = [name for name, given in object_type("Brand").fields[field].args.items() if is_required_argument(given)]
    assert bool(needed) == (field in wanted), f"say how Brand.{field} is asked"
    return wanted.get(field, "")


async def ask(platform: Platform, query: str, token: str | None, **variables: Any) -> dict[str, Any]:
    answer = await platform.graphql(query, variables, token)
    assert "data" in answer, answer
    return answer


@pytest.mark.parametrize("field", brand_fields())
@pytest.mark.parametrize("who", ["another brand's owner", "nobody"])
async def test_need_29_a_brand_shows_strangers_nothing(
    platform: Platform, made: Community, stranger: Community, field: str, who: str
) -> None:
    below = selection(object_type("Brand").fields[field])
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ id {field}{arguments(field, made)} {below} }} }}"
    own = await ask(platform, query, platform.token(made.owner), slug=made.slug)
    assert not nothing(own["data"]["brand"][field]), "the case shows nothing even to a member"
    token = platform.token(stranger.owner) if who != "nobody" else None
    foreign = await ask(platform, query, token, slug=made.slug)
    assert nothing(foreign["data"]["brand"][field]), foreign
    codes = {error["extensions"]["code"] for error in foreign.get("errors", [])}
    assert codes <= ({"FORBIDDEN"} if token else {"UNAUTHENTICATED"}), foreign


@pytest.mark.parametrize("kind", [name for name in NODES if name not in PUBLIC_NODES])
async def test_need_29_an_id_of_another_brand_leads_nowhere(
    platform: Platform, made: Community, stranger: Community, kind: str
) -> None:
    query = "query($id: ID!, $ids: [ID!]!) { node(id: $id) { id } nodes(ids: $ids) { id } }"
    variables = {"id": made.ids[kind], "ids": [made.ids[kind]]}
    own = await ask(platform, query, platform.token(made.owner), **variables)
    assert own["data"] == {"node": {"id": made.ids[kind]}, "nodes": [{"id": made.ids[kind]}]}
    foreign = await ask(platform, query, platform.token(stranger.owner), **variables)
    assert foreign == {"data": {"node": None, "nodes": [None]}}


@pytest.mark.parametrize("kind", [name for name in NODES if name not in PUBLIC_NODES])
async def test_need_29_a_forged_id_does_not_move_a_thing_into_ones_own_brand(
    platform: Platform, made: Community, stranger: Community, kind: str
) -> None:
    forged = forge(made.ids[kind], stranger.ids[kind])
    query = "query($id: ID!, $ids: [ID!]!) { node(id: $id) { id } nodes(ids: $ids) { id } }"
    foreign = await ask(platform, query, platform.token(stranger.owner), id=forged, ids=[forged])
    assert foreign == {"data": {"node": None, "nodes": [None]}}


def forge(theirs: str, mine: str) -> str:
    """Their object under my brand's name."""
    there, here = global_ids.decode(theirs), global_ids.decode(mine)
    assert there is not None and here is not None
    return global_ids.encode(there.type, here.brand, *there.parts)


async def answers(
    platform: Platform, who: Community, asked: str, ids: Mapping[str, str]
) -> dict[str, tuple[object, set[tuple[str, str]]]]:
    """What the owner of a brand is answered there about each of these ids: the data, and codes and texts of errors."""
    fields = [f"{name}: {asked % json.dumps(one)}" for name, one in ids.items()]
    data: dict[str, object] = {}
    errors: dict[str, set[tuple[str, str]]] = {name: set() for name in ids}
    for start in range(0, len(fields), 4):  # as many as the dearest of them may be asked at once
        query = f"query($slug: String!) {{ brand(slug: $slug) {{ {' '.join(fields[start : start + 4])} }} }}"
        answer = await ask(platform, query, platform.token(who.owner), slug=who.slug)
        data |= answer["data"]["brand"]
        for error in answer.get("errors", []):
            errors[error["path"][1]].add((error["extensions"]["code"], error["message"]))
    return {name: (data[name], errors[name]) for name in ids}


@pytest.mark.parametrize("argument", sorted(ARGUMENTS))
async def test_need_29_an_argument_takes_no_id_of_another_brand(
    platform: Platform, made: Community, stranger: Community, argument: str
) -> None:
    name, asked = ARGUMENTS[argument]
    theirs = global_ids.decode(made.ids[name])
    assert theirs is not None
    kind, nobody = theirs.type, uuid7()
    there = {"theirs": made.ids[name], "elsewhere": global_ids.encode(kind, made.brand, nobody)}
    seen = await answers(platform, made, asked, there)
    assert seen["theirs"] != seen["elsewhere"], "the case shows nothing even to its own brand"

    here = {
        "forged": global_ids.encode(kind, stranger.brand, *theirs.parts),
        "nowhere": global_ids.encode(kind, stranger.brand, nobody),
    }
    wrong = {f"a{other}": stranger.ids[other] for other in NODES if other != kind}
    damaged = {"none": "", "fox": "🦊", "cut": made.ids[name][:-3], "long": made.ids[name] * 9, "raw": theirs.key}
    told = await answers(platform, stranger, asked, {**there, **here, **wrong, **damaged})
    # Whether there is such a thing elsewhere changes nothing.
    assert told["forged"] == told["nowhere"]
    assert all(told[one] == told["elsewhere"] for one in ("theirs", *wrong, *damaged)), told
    assert told["elsewhere"][0] is None
    assert {code for _, errors in told.values() for code, _ in errors} <= {"NOT_FOUND"}


async def test_need_29_nothing_else_passes_for_a_network(platform: Platform, made: Community) -> None:
    query = 'query($id: ID!) { similarBrands(networkId: $id, name: "Acme") { slug } }'
    own = await ask(platform, query, None, id=made.ids["Network"])
    assert own["data"] == {"similarBrands": [{"slug": made.slug}]}
    for one in [*(made.ids[kind] for kind in NODES if kind != "Network"), "", made.slug]:
        answer = await ask(platform, query, None, id=one)
        assert answer["data"] is None
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]


def test_every_argument_that_takes_an_id_has_its_case() -> None:
    assert set(id_arguments(SCHEMA)) == set(ARGUMENTS) | OTHER_ARGUMENTS


@pytest.mark.parametrize("who", ["another brand's owner", "nobody"])
async def test_need_29_the_roots_show_strangers_what_is_public(
    platform: Platform, made: Community, stranger: Community, who: str
) -> None:
    known = who != "nobody"
    invitation = global_ids.decode(made.ids["Invitation"])
    assert invitation is not None
    variables = {
        "slug": made.slug, "domain": f"{made.slug}.example", "net": made.slug.replace("brand", "net"),
        "netId": made.ids["Network"], "post": made.ids["Post"], "known": known,
        "offer": f"{made.brand}.{invitation.key}.guessed",
    }  # fmt: skip
    own = (await ask(platform, ROOTS, platform.token(made.owner), **variables))["data"]
    assert own["node"] and any(own["me"][service]["items"] for service in SERVICES)
    assert own["brand"] == own["brandByDomain"] == {"slug": made.slug}
    foreign = await ask(platform, ROOTS, platform.token(stranger.owner) if known else None, **variables)
    me: dict[str, Any] = {
        "identity": platform.identity(stranger.owner), "memberships": [{"brand": {"slug": stranger.slug}}],
        "erasure": None, **{service: {"items": []} for service in SERVICES},
    }  # fmt: skip
    assert foreign["data"] == {
        **{name: own[name] for name in ("brand", "brandByDomain", "similarBrands")},
        "me": me if known else None,
        "network": {**own["network"], "admins": None, **({"viewerCan": []} if known else {})},
        "invitationOffer": None,
        "node": None,
        "nodes": [None],
    }
    codes = {error["extensions"]["code"] for error in foreign["errors"]}
    assert codes == ({"FORBIDDEN"} if known else {"UNAUTHENTICATED"})


def test_every_field_of_the_roots_has_its_case() -> None:
    asked = fields_asked(SCHEMA, ROOTS)
    for kind in ("Query", "Network", "Me"):
        assert asked[kind] == set(object_type(kind).fields), kind


@pytest.mark.parametrize("field", sorted(object_type("Subscription").fields))
@pytest.mark.parametrize("who", ["another brand's owner", "nobody"])
async def test_need_29_strangers_hear_nothing(
    platform: Platform, made: Community, stranger: Community, field: str, who: str
) -> None:
    assert set(object_type("Subscription").fields[field].args) == {"brandSlug"}, f"say how {field} is asked"
    headers = {"Accept": "text/event-stream"}
    if who != "nobody":
        headers["Authorization"] = f"Bearer {platform.token(stranger.owner)}"
    query = f'subscription {{ {field}(brandSlug: "{made.slug}") {{ __typename }} }}'
    async with httpx.AsyncClient(timeout=20) as client:
        told = (await client.post(f"{platform.url}/graphql", json={"query": query}, headers=headers)).text
    [event] = [json.loads(line[5:]) for line in told.splitlines() if line.startswith("data: {")]
    assert not event.get("data"), told
    code = "UNAUTHENTICATED" if who == "nobody" else "FORBIDDEN"
    assert [error["extensions"]["code"] for error in event["errors"]] == [code]


def inputs(made: Community) -> Mapping[str, dict[str, Any]]:
    """What a member with every role could send to change the brand."""
    ids = made.ids
    event = {
        "brandId": ids["Brand"], "title": "Mine", "format": "ONLINE", "startsAt": tomorrow(), "endsAt": tomorrow(1),
        "timeZone": "UTC",
    }  # fmt: skip
    return {
        "enterBrandStage": {"brandId": ids["Brand"], "stage": "ARCHIVED"},
        "switchModule": {"brandId": ids["Brand"], "module": "DISCUSSIONS", "on": False},
        "admitMember": {"brandId": ids["Brand"], "identity": "mallory"},
        "publishManifesto": {"brandId": ids["Brand"], "text": "Mine"},
        "publishRules": {"brandId": ids["Brand"], "text": "Mine"},
        "designHome": {"brandId": ids["Brand"], **COLORS},
        "setDomain": {"brandId": ids["Brand"], "domain": "mallory.example"},
        "chooseLocale": {"brandId": ids["Brand"], "locale": "de"},
        "acceptRules": {"brandId": ids["Brand"], "version": 1},
        "publishJourney": {"brandId": ids["Brand"], "steps": []},
        "setNudgeRule": {"brandId": ids["Brand"], "afterDays": 1},
        "beginJourney": {"brandId": ids["Brand"]},
        "completeJourneyStep": {"brandId": ids["Brand"], "stepId": "talk", "memberId": ids["Member"]},
        "skipJourneyStep": {"brandId": ids["Brand"], "stepId": "hello"},
        "chooseNudges": {"brandId": ids["Brand"], "on": False},
        "leaveBrand": {"brandId": ids["Brand"]},
        "eraseMe": {"brandId": ids["Brand"]},
        "eraseMember": {"memberId": ids["Member"]},
        "changeProfile": {"brandId": ids["Brand"], "displayName": "Mallory"},
        "defineProfileField": {"brandId": ids["Brand"], "field": {**COMPANY, "key": "mine"}},
        "retireProfileField": {"brandId": ids["Brand"], "key": "company"},
        "restoreProfileField": {"brandId": ids["Brand"], "key": "company"},
        "orderProfileFields": {"brandId": ids["Brand"], "keys": ["company"]},
        "chooseFieldAudience": {"brandId": ids["Brand"], "field": "EMAIL", "audience": {"reach": "EVERYONE"}},
        "setProfileFields": {"brandId": ids["Brand"], "values": [{"key": "company", "text": "Mine"}]},
        "hideProfileFields": {"brandId": ids["Brand"], "fields": ["bio"]},
        "chooseAvatar": {"brandId": ids["Brand"], "url": "https://example.org/m.png", "alt": "Mine"},
        "chooseMemberLocale": {"brandId": ids["Brand"], "language": "de"},
        "setExternalId": {"memberId": ids["Member"], "externalId": "mine"},
        "publishConsentPurpose": {
            "brandId": ids["Brand"],
            "purpose": "mine",
            "texts": [{"language": "en", "text": "Mine"}],
        },
        "retireConsentPurpose": {"brandId": ids["Brand"], "purpose": "digest"},
        "restoreConsentPurpose": {"brandId": ids["Brand"], "purpose": "digest"},
        "giveConsent": {"brandId": ids["Brand"], "purpose": "photos", "version": 1},
        "withdrawConsent": {"brandId": ids["Brand"], "purpose": "digest"},
        "grantRole": {"memberId": ids["Member"], "role": "OWNER"},
        "revokeRole": {"memberId": ids["Owner"], "role": "OWNER"},
        "appointNetworkAdmin": {"networkId": ids["Network"], "identity": "mallory"},
        "dismissNetworkAdmin": {"networkId": ids["Network"], "identity": "olga"},
        "suspendMember": {"memberId": ids["Member"], "reason": "Mine"},
        "banMember": {"memberId": ids["Member"], "reason": "Mine"},
        "reinstateMember": {"memberId": ids["Member"]},
        "grantVerifiedMark": {"memberId": ids["Member"]},
        "revokeVerifiedMark": {"memberId": ids["Member"]},
        "createServiceAccount": {"brandId": ids["Brand"], "name": "Mine", "scopes": ["EVENTS_MANAGE"]},
        "issueApiKey": {"serviceAccountId": ids["ServiceAccount"]},
        "revokeApiKey": {"serviceAccountId": ids["ServiceAccount"], "keyId": "k1"},
        "closeServiceAccount": {"serviceAccountId": ids["ServiceAccount"]},
        "inviteMember": {"brandId": ids["Brand"], "address": "mallory@example.org", "role": "OWNER"},
        "inviteMembers": {"brandId": ids["Brand"], "contacts": [{"address": "mallory@example.org"}]},
        "resendInvitation": {"invitationId": ids["Invitation"]},
        "revokeInvitation": {"invitationId": ids["Invitation"]},
        "acceptInvitation": {"brandId": ids["Brand"], "token": "b1.i1.guessed", "displayName": "Mallory"},
        "configureDirectory": {"brandId": ids["Brand"], "subject": "USER_NAME", "shownName": "DISPLAY_NAME"},
        "mapGroupToRole": {"groupId": ids["ProvisionedGroup"], "role": "BUILDER"},
        "signOutMember": {"memberId": ids["Member"]},
        "publishRecognitionRules": {"brandId": ids["Brand"], "awards": [], "badges": [], "levels": []},
        "awardBadge": {"memberId": ids["Member"], "badge": "thank-you", "reason": "Mine"},
        "revokeBadge": {"memberId": ids["Member"], "badge": "first-post", "reason": "Mine"},
        "spotlightMember": {"memberId": ids["Member"], "text": "Mine", "until": tomorrow()},
        "endSpotlight": {"memberId": ids["Member"]},
        "showOnLeaderboard": {"brandId": ids["Brand"], "on": False},
        "createSpace": {"brandId": ids["Brand"], "slug": "mine", "name": "Mine"},
        "changeSpaceAudience": {"spaceId": ids["Space"], "audience": {"roles": ["OWNER"]}},
        "publishPost": {"spaceId": ids["Space"], "title": "Mine", "body": "Mine"},
        "changeTags": {"postId": ids["Post"], "tags": ["mine"]},
        "publishReply": {"postId": ids["Post"], "body": "Mine"},
        "lockThread": {"postId": ids["Post"]},
        "unlockThread": {"postId": ids["Post"]},
        "addReaction": {"targetId": ids["Reply"], "emoji": "SAD"},
        "removeReaction": {"targetId": ids["Post"], "emoji": "HEART"},
        "scheduleEvent": event,
        "changeEventAudience": {"eventId": ids["Event"], "audience": {"roles": ["OWNER"]}},
        "inviteToEvent": {"eventId": ids["Event"], "memberIds": [ids["Owner"]]},
        "withdrawEventInvitations": {"eventId": ids["Event"], "memberIds": [ids["Member"]]},
        "cancelEvent": {"eventId": ids["Event"]},
        "rsvp": {"eventId": ids["Event"], "mode": "ONLINE"},
        "cancelRsvp": {"eventId": ids["Event"]},
        "checkIn": {"eventId": ids["Event"], "memberId": ids["Member"]},
        "openBoard": {"brandId": ids["Brand"], "slug": "mine", "name": "Mine", "kind": "PRODUCT"},
        "submitIdea": {"boardId": ids["Board"], "title": "Mine"},
        "changeIdeaStatus": {"ideaId": ids["Idea"], "status": "SHIPPED"},
        "castVote": {"ideaId": ids["Idea"]},
        "withdrawVote": {"ideaId": ids["Idea"]},
        "follow": {"targetId": ids["Post"]},
        "unfollow": {"targetId": ids["Space"]},
        "mute": {"targetId": ids["Member"]},
        "readNotifications": {"brandId": ids["Brand"]},
        "chooseNotifications": {"brandId": ids["Brand"], "kind": "REPLY", "inbox": False},
        "switchNotificationMail": {"brandId": ids["Brand"], "on": False},
        "chooseDigestTimeZone": {"brandId": ids["Brand"], "timeZone": "Asia/Tokyo"},
        "proposeNotificationDefaults": {"brandId": ids["Brand"], "kind": "REPLY", "inbox": False},
        "chooseNetworking": {"brandId": ids["Brand"], "interests": ["boats"]},
        "leaveNetworking": {"brandId": ids["Brand"]},
        "dismissSuggestion": {"memberId": ids["Member"]},
        "blockMember": {"memberId": ids["Member"]},
        "unblockMember": {"memberId": ids["Member"]},
        "createSegment": {"brandId": ids["Brand"], "name": "Mine", "rule": {"hasRole": "OWNER"}},
        "changeSegment": {"segmentId": ids["Segment"], "name": "Mine"},
        "deleteSegment": {"segmentId": ids["Segment"]},
        "addToSegment": {"segmentId": ids["Segment"], "memberIds": [ids["Owner"]]},
        "takeFromSegment": {"segmentId": ids["Segment"], "memberIds": [ids["Member"]]},
        "offerTags": {"brandId": ids["Brand"], "tags": ["mine"]},
    }


#: Everything of a brand that a command could change.
STATE: Final = """query($slug: String!) { brand(slug: $slug) {
  serviceAccounts { nodes { name closedAt apiKeys { keyId revokedAt } } }
  journey { version steps { stepId } } nudgeAfterDays journeyReport { started steps { completed skipped } }
  invitations { nodes { id role expiresAt mails } }
  directory { subject shownName groups { nodes { displayName role memberCount } } }
  memberCount stage modules locale domain theme { text } charter { manifesto { text } rules { text } }
  recognitionRules { coming { version } } spotlights { nodes { spotlight { text } } }
  profileForm { version fields { field { key } retired } rules { field audience { reach } } }
  consentPurposes { purpose version retired } consentReport { purpose members } viewerConsents { purpose version }
  members(first: 8) { nodes { id displayName roles spotlight { text } score { onLeaderboard } verified
    standing { grants { role } exclusion { banned } }
    profile { bio avatar { url } externalId fields { text } } } }
  spaces { nodes { slug postCount audience { roles } } }
  posts(first: 10) { nodes { title locked tags { name } replyCount lastActivityAt reactions { emoji count }
    replies(first: 5) { nodes { body reactions { emoji count } } } } }
  events { nodes { title cancelledAt goingCount waitlistedOnline checkedInCount audience { roles }
    invitees(first: 3) { nodes { invitedAt } } } }
  segments { nodes { name memberCount } }
  networkingTags { tags } viewerNetworking { open } blockedMembers { nodes { blockedAt } }
  viewerUnreadNotifications viewerNotificationChoices { mailOff kinds { inbox mail } }
  notificationDefaults { digestTimeZone kinds { inbox mail } } viewerFollows { nodes { since } }
  boards { nodes { slug ideaCount } } ideas { nodes { title status voteCount } } } }"""


async def state(platform: Platform, *brands: Community) -> list[dict[str, Any]]:
    """All that a command could change of some brands."""
    found = [await ask(platform, STATE, platform.token(one.owner), slug=one.slug) for one in brands]
    assert all("errors" not in one for one in found)
    return found


async def tried(
    platform: Platform, commands: Mapping[str, Mapping[str, Any]], token: str | None
) -> dict[str, dict[str, Any]]:
    """What each of these mutations is answered."""
    return {name: await platform.graphql(document(name), {"input": one}, token) for name, one in commands.items()}


async def test_need_29_nobody_changes_anything(platform: Platform, made: Community) -> None:
    before = await state(platform, made)
    for mutation, answer in (await tried(platform, inputs(made), None)).items():
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"], mutation
        assert not answer["data"]
    assert await state(platform, made) == before


async def test_need_29_strangers_change_nothing(platform: Platform, made: Community, stranger: Community) -> None:
    before = await state(platform, made)
    for mutation, answer in (await tried(platform, inputs(made), platform.token(stranger.owner))).items():
        payload = answer["data"][mutation]
        codes = {error["code"] for error in payload["errors"]}
        # To leave what one never joined is already true, and so no refusal.
        assert codes <= {"FORBIDDEN", "NOT_FOUND", "NOT_A_MEMBER", "INVALID_INVITATION"}, answer
        assert codes or mutation == "leaveBrand", answer
        assert not codes or all(value is None for name, value in payload.items() if name != "errors")
    assert await state(platform, made) == before


def forgeable(key: str) -> bool:
    """Whether an input names a thing of a brand by this key."""
    return key.endswith(("Id", "Ids")) and key not in {"brandId", "networkId", "externalId", "keyId", "stepId"}


async def test_need_29_a_forged_id_changes_nothing(platform: Platform, made: Community, stranger: Community) -> None:
    mine = stranger.ids["Reply"]

    def forged(key: str, value: Any) -> Any:
        if key == "brandId":
            return stranger.ids["Brand"]
        if not forgeable(key):
            return value
        return [forge(one, mine) for one in value] if isinstance(value, list) else forge(value, mine)

    commands = {
        mutation: {key: forged(key, value) for key, value in given.items()}
        for mutation, given in inputs(made).items()
        if any(map(forgeable, given))
    }
    assert len(commands) > 40
    before = await state(platform, made, stranger)
    for mutation, answer in (await tried(platform, commands, platform.token(stranger.owner))).items():
        codes = {error["code"] for error in answer["data"][mutation]["errors"]}
        # To take away what was never given is already true, and so no refusal.
        assert codes <= {"NOT_FOUND", "NOT_A_MEMBER", "FORBIDDEN"}, answer
    assert await state(platform, made, stranger) == before


async def test_a_member_of_two_brands_is_two_members(platform: Platform, made: Community, stranger: Community) -> None:
    both = f"both-{made.slug}"
    joined = []
    for community, rules in ((made, 1), (stranger, None)):
        given = {"brandId": community.ids["Brand"], "displayName": "Both", "acceptedRules": rules}
        answer = await platform.graphql(document("joinBrand"), {"input": given}, platform.token(both))
        joined.append(answer["data"]["joinBrand"])
    assert joined[0]["member"]["id"] != joined[1]["member"]["id"]
    left = await platform.graphql(
        document("leaveBrand"), {"input": {"brandId": made.ids["Brand"]}}, platform.token(both)
    )
    assert left["data"]["leaveBrand"]["errors"] == []
    mine = await platform.graphql(
        "{ me { memberships { brand { slug } } } }",
        token=platform.token(both),
        consistency_token=left["data"]["leaveBrand"]["consistencyToken"],
    )
    assert mine["data"]["me"]["memberships"] == [{"brand": {"slug": stranger.slug}}]


def test_every_mutation_has_its_case() -> None:
    assert set(inputs(EXAMPLE)) | OPEN == set(MUTATIONS) == set(object_type("Mutation").fields)
