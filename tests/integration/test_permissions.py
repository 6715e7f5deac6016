"""What viewerCan says is what the mutations then answer: for every role, every kind of thing and every mutation on it.

The cases are read off the schema and off the services: a new mutation has a permission, or says here why not.
"""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from graphql import GraphQLEnumType

from libs.shared.domain import SYSTEM
from libs.shared.ids import uuid7
from libs.shared.testing.platform import OPERATOR, Platform
from services.gateway import consistency
from services.gateway import ids as global_ids
from services.gateway.schema.permissions import Permission
from tests.integration.community import COLORS, Community, accepted, found, run, tomorrow
from tests.integration.test_isolation import NODES, SCHEMA, object_type

#: Mutations that are not about a thing that is there.
NOT_ASKED: Final = {
    "createNetwork": "no network is there yet",
    "signOutEverywhere": "everybody may, wherever they are",
    "acceptInvitation": "whoever holds its token may",
    "inviteMembers": "who may send inviteMember may",
}


def camel(name: str) -> str:
    head, *rest = name.lower().split("_")
    return head + "".join(word.title() for word in rest)


#: Mutations that nobody is told about yet: on forms, consents, invitations, recognition, notices, the directory.
NOT_TOLD: Final = {
    "defineProfileField", "retireProfileField", "restoreProfileField", "orderProfileFields", "chooseFieldAudience",
    "setProfileFields", "hideProfileFields", "chooseAvatar", "chooseMemberLocale", "setExternalId",
    "publishConsentPurpose", "retireConsentPurpose", "restoreConsentPurpose", "giveConsent", "withdrawConsent",
    "inviteMember", "resendInvitation", "revokeInvitation", "awardBadge", "revokeBadge", "spotlightMember",
    "addToSegment", "changeSegment", "createSegment", "deleteSegment", "takeFromSegment", "beginJourney",
    "chooseNudges", "completeJourneyStep", "publishJourney", "setNudgeRule", "skipJourneyStep",
    "endSpotlight", "publishRecognitionRules", "showOnLeaderboard", "configureDirectory", "mapGroupToRole",
    "follow", "unfollow", "mute", "readNotifications", "chooseNotifications", "switchNotificationMail",
    "chooseDigestTimeZone", "proposeNotificationDefaults",
}  # fmt: skip

#: Who asks: a role, as a member is granted it, and what they are beside.
VIEWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "owner": ("OWNER",),
    "builder": ("BUILDER",),
    "moderator": ("MODERATOR",),
    "guest speaker": ("GUEST_SPEAKER",),
    "member": (),
    "moderator of the space": ("MODERATOR@",),
    "builder of the space": ("BUILDER@",),
    "suspended owner": ("OWNER", "suspended"),
    "suspended": ("suspended",),
    "banned": ("banned",),
    "stranger": ("outside",),
    "founder who runs the network": ("outside",),
}

_NETWORK: Final = {"createBrand", "appointNetworkAdmin", "dismissNetworkAdmin"}
_COMING_AND_GOING: Final = {"joinBrand", "leaveBrand", "eraseMe"}
#: What these do in the course of the test: together every mutation, so that each was permitted to somebody.
DONE: Final = {
    "owner": {camel(one.name) for one in Permission} - _NETWORK - _COMING_AND_GOING,
    "founder who runs the network": _NETWORK,
    "stranger": _COMING_AND_GOING,
    "member": {"publishPost", "publishReply", "addReaction", "rsvp", "checkIn", "castVote", "submitIdea", "leaveBrand"},
    "guest speaker": {"publishPost"},
    "suspended": {"leaveBrand", "eraseMe"},
    "banned": {"eraseMe"},
}


def test_every_mutation_is_a_permission_or_says_why_not() -> None:
    permitted = {camel(permission.name) for permission in Permission}
    assert permitted | set(NOT_ASKED) | NOT_TOLD == set(object_type("Mutation").fields)
    assert not permitted & {*NOT_ASKED, *NOT_TOLD}


def test_a_permission_is_described_by_its_mutation() -> None:
    kind = SCHEMA.type_map["Permission"]
    assert isinstance(kind, GraphQLEnumType)
    assert {name: value.description for name, value in kind.values.items()} == {
        permission.name: f"`{camel(permission.name)}`." for permission in Permission
    }


def test_everything_that_a_mutation_is_about_says_what_the_viewer_can() -> None:
    silent = {kind for kind in NODES if "viewerCan" not in object_type(kind).fields}
    assert silent == {"Invitation", "Notification", "ProvisionedGroup", "Segment", "Tag"}, "those of NOT_TOLD"


#: What each kind of thing is of; a name with more behind it is another one of the same type.
KINDS: Final = {
    "Space": "Space", "Space that broadcasts": "Space", "Post": "Post", "Reply": "Reply", "Event": "Event",
    "Board": "Board", "Idea": "Idea", "ServiceAccount": "ServiceAccount", "Member": "Member",
    "Member who moderates": "Member", "Network": "Network", "Brand": "Brand",
}  # fmt: skip


class Scene:
    """A brand with one of everything, the viewer, and what they could send about each thing."""

    def __init__(self, platform: Platform, made: Community, viewer: str) -> None:
        self.platform = platform
        self.made = made
        self.ids = dict(made.ids)
        self.what = VIEWERS[viewer]
        self.subject = OPERATOR if viewer.startswith("founder") else f"{viewer.replace(' ', '-')}-{made.slug}"
        self.seen: dict[str, int] = {}
        self.rules = 0

    @property
    def token(self) -> str:
        return consistency.encode(self.seen)

    def see(self, payload: dict[str, Any]) -> bool:
        """Take note of what was written; whether it is news."""
        place = consistency.decode(payload["consistencyToken"])
        news = any(sequence > self.seen.get(stream, 0) for stream, sequence in place.items())
        self.seen = consistency.latest(self.seen, place)
        return news

    async def done(self, subject: str, name: str, /, **given: Any) -> dict[str, Any]:
        payload = await accepted(self.platform, subject, name, **given)
        self.see(payload)
        return payload

    async def prepare(self) -> None:
        """New things, which no other viewer has changed, and the viewer as they are."""
        ids, owner, tag = self.ids, self.made.owner, uuid7()[-12:]
        query = "query($slug: String!) { brand(slug: $slug) { charter { rules { version } } } }"
        answer = await self.platform.graphql(query, {"slug": self.made.slug})
        self.rules = answer["data"]["brand"]["charter"]["rules"]["version"]
        for key, name in (("Member", "Tara"), ("Member who moderates", "Theo")):
            subject = f"{name}-{tag}"
            newcomer = {"brandId": ids["Brand"], "displayName": name, "acceptedRules": self.rules}
            joined = await self.done(subject, "joinBrand", **newcomer)
            ids[key] = joined["member"]["id"]
            held = "GUEST_SPEAKER" if key == "Member" else "MODERATOR"
            await self.done(owner, "grantRole", memberId=ids[key], role=held)
        post = await self.done(owner, "publishPost", spaceId=ids["Space"], title="T", body="B")
        reply = await self.done(owner, "publishReply", postId=post["post"]["id"], body="B")
        idea = await self.done(owner, "submitIdea", boardId=ids["Board"], title="T")
        event = await self.done(
            owner, "scheduleEvent", brandId=ids["Brand"], title="T", format="HYBRID", startsAt=tomorrow(-1),
            endsAt=tomorrow(1), timeZone="UTC",
        )  # fmt: skip
        ids["Event"] = event["event"]["id"]
        await self.done(f"Tara-{tag}", "rsvp", eventId=ids["Event"], mode="IN_PERSON")
        bot = {"brandId": ids["Brand"], "name": "Bot", "scopes": ["FEEDBACK_WRITE"]}
        account = await self.done(owner, "createServiceAccount", **bot)
        issued = await self.done(owner, "issueApiKey", serviceAccountId=account["serviceAccount"]["id"])
        ids["Key"] = issued["serviceAccount"]["apiKeys"][0]["keyId"]
        ids["ServiceAccount"] = account["serviceAccount"]["id"]
        ids["Post"], ids["Reply"], ids["Idea"] = post["post"]["id"], reply["reply"]["id"], idea["idea"]["id"]
        if "outside" not in self.what:
            await self._become()

    async def _become(self) -> None:
        ids, owner = self.ids, self.made.owner
        newcomer = {"brandId": ids["Brand"], "displayName": "Vic", "acceptedRules": self.rules}
        joined = await self.done(self.subject, "joinBrand", **newcomer)
        me = joined["member"]["id"]
        for what in self.what:
            role, scoped, space = what.partition("@")
            if role == "suspended":
                # The platform may suspend an owner too; a brand alone does not.
                await self._as_platform("suspend_member", me)
            elif role == "banned":
                await self.done(owner, "banMember", memberId=me, reason="R")
            else:
                where = {"spaceId": ids[space or "Space"]} if scoped else {}
                await self.done(owner, "grantRole", memberId=me, role=role, **where)

    async def _as_platform(self, name: str, member: str) -> None:
        found = global_ids.decode(member)
        assert found is not None
        fields = {"member_id": found.key, "reason": "R"}
        envelope = {"command_id": uuid7(), "brand": found.brand, "actor": SYSTEM, "now": datetime.now(UTC)}
        async with self.platform.bus() as bus:
            done = await bus.command("members", "member", name, {**envelope, **fields}, timeout_seconds=30)
        self.seen = consistency.latest(self.seen, done.position)

    async def can(self, kind: str) -> set[str]:
        """The mutations that the viewer may send for a thing, as viewerCan says; none for what they cannot see."""
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on {KINDS[kind]} {{ viewerCan }} }} }}"
        token, asked = self.platform.token(self.subject), {"id": self.ids[kind]}
        answer = await self.platform.graphql(query, asked, token, consistency_token=self.token)
        assert "errors" not in answer, answer
        return {camel(name) for name in (answer["data"]["node"] or {"viewerCan": []})["viewerCan"]}

    async def try_out(self, name: str, attempts: list[dict[str, Any]]) -> list[str] | None:
        """Send a mutation in several ways; None once one was carried out and changed something, else the refusals."""
        codes: list[str] = []
        for given in attempts:
            payload = await run(self.platform, self.subject, name, **given)
            if not payload["errors"] and (self.see(payload) or name == "signOutMember"):
                return None
            codes += [error["code"] for error in payload["errors"]]
        return codes

    async def put_back(self) -> None:
        """The brand as it was, after somebody changed what concerns all."""
        for module in ("DISCUSSIONS", "EVENTS", "FEEDBACK"):
            await self.done(self.made.owner, "switchModule", brandId=self.ids["Brand"], module=module, on=True)

    def attempts(self, kind: str) -> dict[str, list[dict[str, Any]]]:
        """What could be sent about a thing of a kind, what ends things last."""
        ids, new = self.ids, uuid7()[-12:]
        match KINDS[kind]:
            case "Space":
                space = {"spaceId": ids[kind]}
                return {
                    "publishPost": [{**space, "title": "T", "body": "B"}],
                    "changeSpaceAudience": [{**space, "audience": {"roles": ["AMBASSADOR"]}}],
                    "changeSpaceAudience ": [{**space, "audience": None}],
                }  # fmt: skip
            case "Post":
                post = {"postId": ids["Post"]}
                reaction = {"targetId": ids["Post"], "emoji": "HEART"}
                return {
                    "changeTags": [{**post, "tags": [new]}],
                    "publishReply": [{**post, "body": "B"}], "addReaction": [reaction], "removeReaction": [reaction],
                    "unlockThread": [post], "lockThread": [post], "publishReply ": [{**post, "body": "B"}],
                    "unlockThread ": [post],
                }  # fmt: skip
            case "Reply":
                reaction = {"targetId": ids["Reply"], "emoji": "HEART"}
                answer = {"postId": ids["Post"], "replyToId": ids["Reply"], "body": "B"}
                return {"publishReply": [answer], "addReaction": [reaction], "removeReaction": [reaction]}
            case "Event":
                event = {"eventId": ids["Event"]}
                guests = {**event, "memberIds": [ids["Member who moderates"]]}
                return {
                    "cancelRsvp": [event], "rsvp": [{**event, "mode": "ONLINE"}], "cancelRsvp ": [event],
                    "rsvp ": [{**event, "mode": "ONLINE"}],
                    "withdrawEventInvitations": [guests], "inviteToEvent": [guests],
                    "changeEventAudience": [{**event, "audience": {}}], "withdrawEventInvitations ": [guests],
                    "changeEventAudience ": [{**event, "audience": None}],
                    "checkIn": [event, {**event, "memberId": ids["Member"]}], "cancelEvent": [event],
                    "rsvp  ": [{**event, "mode": "IN_PERSON"}], "inviteToEvent ": [guests],
                }  # fmt: skip
            case "Board":
                return {"submitIdea": [{"boardId": ids["Board"], "title": "T"}]}
            case "Idea":
                idea = {"ideaId": ids["Idea"]}
                return {
                    "castVote": [idea], "withdrawVote": [idea], "changeIdeaStatus": [{**idea, "status": "DECLINED"}],
                    "castVote ": [idea],
                }  # fmt: skip
            case "ServiceAccount":
                account = {"serviceAccountId": ids["ServiceAccount"]}
                return {
                    "issueApiKey": [account], "revokeApiKey": [{**account, "keyId": ids["Key"]}],
                    "closeServiceAccount": [account], "issueApiKey ": [account],
                }  # fmt: skip
            case "Member":
                one = {"memberId": ids[kind]}
                return {
                    "grantRole": [{**one, "role": "AMBASSADOR"}], "revokeRole": [{**one, "role": "AMBASSADOR"}],
                    "dismissSuggestion": [one], "blockMember": [one], "unblockMember": [one],
                    "grantVerifiedMark": [one],
                    "revokeVerifiedMark": [one], "signOutMember": [one], "reinstateMember": [one],
                    "suspendMember": [{**one, "reason": "R"}], "reinstateMember ": [one],
                    "banMember": [{**one, "reason": "R"}], "reinstateMember  ": [one],
                    "signOutMember ": [one], "grantRole ": [{**one, "role": "BUILDER"}],
                }  # fmt: skip
            case "Network":
                network = {"networkId": ids["Network"]}
                brand = {"slug": f"new-{new}", "name": "N", "kind": "CLUB", "founderName": "F"}
                return {
                    "createBrand": [{**network, **brand}], "dismissNetworkAdmin": [{**network, "identity": new}],
                    "appointNetworkAdmin": [{**network, "identity": new}],
                    "dismissNetworkAdmin ": [{**network, "identity": new}],
                }  # fmt: skip
            case _:
                return self._about_the_brand(new)

    def _about_the_brand(self, new: str) -> dict[str, list[dict[str, Any]]]:
        brand = {"brandId": self.ids["Brand"]}
        event = {"title": "T", "format": "ONLINE", "startsAt": tomorrow(), "endsAt": tomorrow(1), "timeZone": "UTC"}
        domains = [{**brand, "domain": f"{new}.example.org"}]
        locales = [{**brand, "locale": locale} for locale in ("de", "it")]
        themes = [{**brand, **COLORS, "background": color} for color in ("#fffffe", "#fffffd")]
        return {
            "acceptRules": [{**brand, "version": self.rules}],
            "changeProfile": [{**brand, "displayName": f"V {new}"}],
            "admitMember": [{**brand, "identity": new}],
            "publishManifesto": [{**brand, "text": new}],
            "designHome": themes,
            "setDomain": domains,
            "chooseLocale": locales,
            "chooseNetworking": [{**brand, "interests": ["sailing"], "skills": []}],
            "leaveNetworking": [brand],
            "offerTags": [{**brand, "tags": [new]}],
            "createServiceAccount": [{**brand, "name": "N", "scopes": ["EVENTS_READ"]}],
            "createSpace": [{**brand, "slug": f"s-{new}", "name": "N"}],
            "openBoard": [{**brand, "slug": f"b-{new}", "name": "N", "kind": "PRODUCT"}],
            "scheduleEvent": [{**brand, **event}],
            "switchModule": [{**brand, "module": "EVENTS", "on": False}],
            "scheduleEvent ": [{**brand, **event}],
            "joinBrand": [{**brand, "displayName": "V", "acceptedRules": self.rules}],
            "publishRules": [{**brand, "text": new}],
            "acceptRules ": [{**brand, "version": self.rules + 1}],
            "enterBrandStage": [{**brand, "stage": "ARCHIVED"}],
            "changeProfile ": [{**brand, "displayName": f"W {new}"}],
            "enterBrandStage ": [{**brand, "stage": "OPEN"}],
            "leaveBrand": [brand],
            "eraseMe": [brand],
            "joinBrand ": [{**brand, "displayName": "V", "acceptedRules": self.rules + 1}],
        }


async def compare(scene: Scene, kind: str) -> set[str]:
    """Hold what the viewer is told against what each mutation answers; returns those that were carried out."""
    carried_out, can = set(), await scene.can(kind)
    attempts = scene.attempts(kind)
    assert can <= {name.strip() for name in attempts}, "nothing is permitted that is not tried"
    for name, given in attempts.items():
        codes = await scene.try_out(name.strip(), given)
        said = name.strip() in can
        assert said is (codes is None), (kind, name, "permitted" if said else "not permitted", codes)
        if codes is None:
            carried_out.add(name.strip())
            can = await scene.can(kind)
    return carried_out


@pytest.fixture(scope="module")
async def made(platform: Platform) -> AsyncGenerator[Community, None]:
    """A brand with spaces, a board and rules."""
    community = await found(platform)
    owner, brand = community.owner, {"brandId": community.ids["Brand"]}
    await accepted(platform, owner, "publishRules", **brand, text="Be kind.")
    for slug, key, kind in (("s", "Space", "DISCUSSION"), ("t", "other", "DISCUSSION"),
                            ("u", "Space that broadcasts", "BROADCAST")):  # fmt: skip
        space = await accepted(platform, owner, "createSpace", **brand, slug=f"{slug}-1", name="S", kind=kind)
        community.ids[key] = space["space"]["id"]
    board = await accepted(platform, owner, "openBoard", **brand, slug="ideas", name="I", kind="PRODUCT")
    community.ids["Board"] = board["board"]["id"]
    yield community


@pytest.mark.timeout(180)
@pytest.mark.parametrize("viewer", VIEWERS)
async def test_what_a_viewer_is_told_is_what_the_mutations_answer(
    platform: Platform, made: Community, viewer: str
) -> None:
    scene = Scene(platform, made, viewer)
    await scene.prepare()
    carried_out = set()
    for kind in KINDS:
        carried_out |= await compare(scene, kind)
    await scene.put_back()
    assert DONE.get(viewer, set()) <= carried_out
    if "suspended" in scene.what or "banned" in scene.what:
        assert carried_out <= {"leaveBrand", "eraseMe"}
