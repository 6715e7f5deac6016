"""What viewerCan says is what the mutations then answer: for every role, every kind of thing and every mutation on it.

The cases are read off the schema and off the services: a new mutation has a permission, or says here why not.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from graphql import GraphQLEnumType

from libs.shared.domain import SYSTEM
from libs.shared.ids import uuid7
from libs.shared.testing.platform import OPERATOR, Platform
from services.gateway import consistency
from services.gateway import ids as global_ids
from services.gateway.schema.permissions import Permission
from tests.integration.community import COLORS, COMPANY, Community, accepted, found, provision_group, run, tomorrow
from tests.integration.test_isolation import NODES, SCHEMA, object_type

#: Mutations that are not about a thing that is there.
NOT_ASKED: Final = {
    "createNetwork": "no network is there yet",
    "signOutEverywhere": "everybody may, wherever they are",
    "acceptInvitation": "whoever holds its token may",
}


def camel(name: str) -> str:
    head, *rest = name.lower().split("_")
    return head + "".join(word.title() for word in rest)


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
    "member": {
        "publishPost", "publishReply", "addReaction", "rsvp", "checkIn", "castVote", "submitIdea", "leaveBrand",
        "setProfileFields", "hideProfileFields", "chooseAvatar", "chooseMemberLocale", "giveConsent", "withdrawConsent",
        "beginJourney", "completeJourneyStep", "skipJourneyStep", "chooseNudges", "showOnLeaderboard", "endSpotlight",
        "follow", "unfollow", "mute", "readNotifications", "chooseNotifications", "switchNotificationMail",
    },
    "guest speaker": {"publishPost"},
    "suspended": {"leaveBrand", "eraseMe", "hideProfileFields", "withdrawConsent"},
    "banned": {"eraseMe"},
}  # fmt: skip
#: What is permitted with a thing and not tried on it, since nothing could be tried afterwards; on the brand it is.
SPARED: Final = {"Member oneself": {"eraseMember"}}  # as eraseMe
#: What a suspended member may do at most: go, show less, and take back.
LETTING_GO: Final = {"leaveBrand", "eraseMe", "hideProfileFields", "withdrawConsent"}


def test_every_mutation_is_a_permission_or_says_why_not() -> None:
    permitted = {camel(permission.name) for permission in Permission}
    assert permitted | set(NOT_ASKED) == set(object_type("Mutation").fields)
    assert not permitted & set(NOT_ASKED)


def test_a_permission_is_described_by_its_mutation() -> None:
    kind = SCHEMA.type_map["Permission"]
    assert isinstance(kind, GraphQLEnumType)
    assert {name: value.description for name, value in kind.values.items()} == {
        permission.name: f"`{camel(permission.name)}`." for permission in Permission
    }


def test_everything_that_a_mutation_is_about_says_what_the_viewer_can() -> None:
    assert [kind for kind in NODES if "viewerCan" not in object_type(kind).fields] == []
    assert {KINDS[kind] for kind in KINDS} == set(NODES), "each is tried"


#: What each kind of thing is of; a name with more behind it is another one of the same type.
KINDS: Final = {
    "Segment": "Segment", "Segment by a rule": "Segment", "Invitation": "Invitation",
    "ProvisionedGroup": "ProvisionedGroup", "Notification": "Notification", "Space": "Space",
    "Space that broadcasts": "Space", "Tag": "Tag", "Post": "Post", "Reply": "Reply", "Event": "Event",
    "Board": "Board", "Idea": "Idea", "ServiceAccount": "ServiceAccount", "Member": "Member",
    "Member who moderates": "Member", "Member oneself": "Member", "Network": "Network", "Brand": "Brand",
}  # fmt: skip

#: Who tries a part of them: a founder is an owner, who tries all.
TRIED: Final = {"founder who runs the network": ("Network", "Brand")}

#: What has no state: it is always permitted, or never, and nothing else follows from it.
STATELESS: Final = {"follow", "mute", "unfollow"}
#: How many mutations are tried at the same time: as many as a gateway that is busy lets in.
AT_ONCE: Final = 6
#: The keys of the brand's own fields of profiles.
FIELDS: Final = ("company", "city")
#: A journey of steps that nothing completes by itself, and of which nobody is reminded.
STEPS: Final = [
    {
        "stepId": step, "kind": "CUSTOM", "afterDays": 30, "completedBy": by,
        "wordings": [{"locale": "en", "title": step}],
    }
    for step, by in (("coffee", "MEMBER"), ("tea", "MEMBER"), ("talk", "LEADER"))
]  # fmt: skip


def field(key: str, label: str) -> dict[str, Any]:
    """A field of profiles."""
    return {**COMPANY, "key": key, "labels": [{"language": "en", "text": label}]}


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
        for key, rule in (("Segment", {}), ("Segment by a rule", {"rule": {"hasRole": "OWNER"}})):
            segment = await self.done(owner, "createSegment", brandId=ids["Brand"], name=tag, **rule)
            ids[key] = segment["segment"]["id"]
        await self.done(owner, "addToSegment", segmentId=ids["Segment"], memberIds=[ids["Member"]])
        # Long enough ago to be sent once more.
        invite = {"address": f"{tag}@example.org", "now": datetime.now(UTC) - timedelta(days=2)}
        ids["Invitation"] = global_ids.encode(
            "Invitation", self.made.brand, await self._as_platform("invitation", "invite_member", **invite)
        )
        ids["Notification"] = global_ids.encode("Notification", self.made.brand, "of-nobody")
        if "outside" not in self.what:
            await self._become()
        # Who was there before the journey sets out by themselves.
        await self.done(owner, "publishJourney", brandId=ids["Brand"], steps=STEPS)
        await self.done(f"Tara-{tag}", "beginJourney", brandId=ids["Brand"])

    async def _become(self) -> None:
        ids, owner = self.ids, self.made.owner
        newcomer = {"brandId": ids["Brand"], "displayName": "Vic", "acceptedRules": self.rules}
        joined = await self.done(self.subject, "joinBrand", **newcomer)
        me = joined["member"]["id"]
        await self.done(self.subject, "giveConsent", brandId=ids["Brand"], purpose="nudges", version=1)
        if not self.what:
            ids["Member oneself"] = me
            await self.done(owner, "spotlightMember", memberId=me, text="T", until=tomorrow())
        if not {"suspended", "banned"} & set(self.what):
            await self._be_told(me)
        for what in self.what:
            role, scoped, space = what.partition("@")
            if role == "suspended":
                # The platform may suspend an owner too; a brand alone does not.
                decoded = global_ids.decode(me)
                assert decoded is not None
                await self._as_platform("member", "suspend_member", member_id=decoded.key, reason="R")
            elif role == "banned":
                await self.done(owner, "banMember", memberId=me, reason="R")
            else:
                where = {"spaceId": ids[space or "Space"]} if scoped else {}
                await self.done(owner, "grantRole", memberId=me, role=role, **where)

    async def _be_told(self, me: str) -> None:
        """Two notifications for the viewer, both unread."""
        badges = ("thank-you", "first-post")
        for badge in badges:
            await self.done(self.made.owner, "awardBadge", memberId=me, badge=badge, reason="R")
        query = "query($id: ID!) { node(id: $id) { ... on Brand { viewerNotifications { nodes { id badge } } } } }"
        deadline = time.monotonic() + 60
        told: dict[str, str] = {}
        while not set(badges) <= set(told):
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.05)
            token = self.platform.token(self.subject)
            answer = await self.platform.graphql(query, {"id": self.ids["Brand"]}, token)
            told = {one["badge"]: one["id"] for one in answer["data"]["node"]["viewerNotifications"]["nodes"]}
        self.ids["Notification"] = told[badges[0]]

    async def _unread(self, name: str) -> set[str]:
        """Which of the viewer's notifications are unread, for the mutation that is in no log."""
        if name != "readNotifications":
            return set()
        query = """query($id: ID!) { node(id: $id) { ... on Brand {
          viewerNotifications(first: 100) { nodes { id unread } } } } }"""
        answer = await self.platform.graphql(query, {"id": self.ids["Brand"]}, self.platform.token(self.subject))
        inbox = answer["data"]["node"]["viewerNotifications"] or {"nodes": []}
        return {one["id"] for one in inbox["nodes"] if one["unread"]}

    async def _as_platform(self, aggregate: str, name: str, **fields: Any) -> str:
        envelope = {"command_id": uuid7(), "brand": self.made.brand, "actor": SYSTEM, "now": datetime.now(UTC)}
        async with self.platform.bus() as bus:
            done = await bus.command("members", aggregate, name, {**envelope, **fields}, timeout_seconds=30)
        self.seen = consistency.latest(self.seen, done.position)
        return done.id

    async def can(self, kind: str) -> set[str]:
        """The mutations that the viewer may send for a thing, as viewerCan says; none for what they cannot see."""
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on {KINDS[kind]} {{ viewerCan }} }} }}"
        token, asked = self.platform.token(self.subject), {"id": self.ids[kind]}
        answer = await self.platform.graphql(query, asked, token, consistency_token=self.token)
        assert "errors" not in answer, answer
        can = {camel(name) for name in (answer["data"]["node"] or {"viewerCan": []})["viewerCan"]}
        spared = SPARED.get(kind, set())
        assert spared <= can
        return can - spared

    async def try_out(self, name: str, attempts: list[dict[str, Any]]) -> list[str] | None:
        """Send a mutation in several ways; None once one was carried out and changed something, else the refusals."""
        codes: list[str] = []
        unread = await self._unread(name)
        for given in attempts:
            payload = await run(self.platform, self.subject, name, **given)
            if not payload["errors"] and (
                self.see(payload) or name == "signOutMember" or unread - await self._unread(name)
            ):
                return None
            codes += [error["code"] for error in payload["errors"]]
        return codes

    async def put_back(self) -> None:
        """The brand as it was, after somebody changed what concerns all."""
        for module in ("DISCUSSIONS", "EVENTS", "FEEDBACK"):
            await self.done(self.made.owner, "switchModule", brandId=self.ids["Brand"], module=module, on=True)
        await self.done(self.made.owner, "publishJourney", brandId=self.ids["Brand"], steps=[])

    def attempts(self, kind: str) -> dict[str, list[dict[str, Any]]]:
        """What could be sent about a thing of a kind, what ends things last."""
        ids, new = self.ids, uuid7()[-12:]
        followed = {name: [{"targetId": ids[kind]}] for name in ("follow", "mute", "unfollow")}
        match KINDS[kind]:
            case "Space":
                space = {"spaceId": ids[kind]}
                return {
                    **followed, "publishPost": [{**space, "title": "T", "body": "B"}],
                    "changeSpaceAudience": [{**space, "audience": {"roles": ["AMBASSADOR"]}}],
                    "changeSpaceAudience ": [{**space, "audience": None}],
                }  # fmt: skip
            case "Post":
                post = {"postId": ids["Post"]}
                reaction = {"targetId": ids["Post"], "emoji": "HEART"}
                return {
                    **followed, "changeTags": [{**post, "tags": [new]}],
                    "publishReply": [{**post, "body": "B"}], "addReaction": [reaction],
                    "removeReaction": [reaction], "unlockThread": [post], "lockThread": [post],
                    "publishReply ": [{**post, "body": "B"}], "unlockThread ": [post],
                }  # fmt: skip
            case "Tag":
                return followed
            case "Reply":
                reaction = {"targetId": ids["Reply"], "emoji": "HEART"}
                answer = {"postId": ids["Post"], "replyToId": ids["Reply"], "body": "B"}
                return {"publishReply": [answer], "addReaction": [reaction], "removeReaction": [reaction]}
            case "Event":
                event = {"eventId": ids["Event"]}
                guests = {**event, "memberIds": [ids["Member who moderates"]]}
                return {
                    **followed, "cancelRsvp": [event], "rsvp": [{**event, "mode": "ONLINE"}], "cancelRsvp ": [event],
                    "rsvp ": [{**event, "mode": "ONLINE"}],
                    "withdrawEventInvitations": [guests], "inviteToEvent": [guests],
                    "changeEventAudience": [{**event, "audience": {}}], "withdrawEventInvitations ": [guests],
                    "changeEventAudience ": [{**event, "audience": None}],
                    "checkIn": [event, {**event, "memberId": ids["Member"]}], "cancelEvent": [event],
                    "rsvp  ": [{**event, "mode": "IN_PERSON"}], "inviteToEvent ": [guests],
                }  # fmt: skip
            case "Board":
                return {**followed, "submitIdea": [{"boardId": ids["Board"], "title": "T"}]}
            case "Idea":
                idea = {"ideaId": ids["Idea"]}
                return {
                    **followed, "castVote": [idea], "withdrawVote": [idea],
                    "changeIdeaStatus": [{**idea, "status": "DECLINED"}], "castVote ": [idea],
                }  # fmt: skip
            case "ServiceAccount":
                account = {"serviceAccountId": ids["ServiceAccount"]}
                return {
                    "issueApiKey": [account], "revokeApiKey": [{**account, "keyId": ids["Key"]}],
                    "closeServiceAccount": [account], "issueApiKey ": [account],
                }  # fmt: skip
            case "Member":
                tried = {**followed, **self._about_a_member({"memberId": ids[kind]}, new)}
                return {name: given for name, given in tried.items() if name not in SPARED.get(kind, ())}
            case "Segment":
                segment = {"segmentId": ids[kind]}
                listed, other = ({**segment, "memberIds": [ids[who]]} for who in ("Member", "Member who moderates"))
                return {
                    "takeFromSegment": [listed], "addToSegment": [other], "changeSegment": [{**segment, "name": new}],
                    "deleteSegment": [segment], "changeSegment ": [{**segment, "name": f"{new} 2"}],
                    "addToSegment ": [other],
                }  # fmt: skip
            case "Invitation":
                invitation = {"invitationId": ids["Invitation"]}
                return {
                    "resendInvitation": [invitation], "resendInvitation ": [invitation],
                    "revokeInvitation": [invitation], "revokeInvitation ": [invitation],
                }  # fmt: skip
            case "ProvisionedGroup":
                roles = ("MODERATOR", "AMBASSADOR")
                return {"mapGroupToRole": [{"groupId": ids["ProvisionedGroup"], "role": role} for role in roles]}
            case "Notification":
                one = {"brandId": ids["Brand"], "notificationIds": [ids["Notification"]]}
                return {"readNotifications": [one], "readNotifications ": [one]}
            case "Network":
                network = {"networkId": ids["Network"]}
                brand = {"slug": f"new-{new}", "name": "N", "kind": "CLUB", "founderName": "F"}
                return {
                    "createBrand": [{**network, **brand}], "dismissNetworkAdmin": [{**network, "identity": new}],
                    "appointNetworkAdmin": [{**network, "identity": new}],
                    "dismissNetworkAdmin ": [{**network, "identity": new}],
                }  # fmt: skip
            case _:
                brand = {"brandId": ids["Brand"]}
                return {**self._about_ones_own(brand, new), **self._about_the_brand(brand, new)}

    def _about_a_member(self, one: dict[str, Any], new: str) -> dict[str, list[dict[str, Any]]]:
        honour = {**one, "badge": "thank-you", "reason": "R"}
        return {
            "setExternalId": [{**one, "externalId": new}],
            "completeJourneyStep": [{**one, "brandId": self.ids["Brand"], "stepId": "coffee"}],
            "awardBadge": [honour], "revokeBadge": [honour],
            "spotlightMember": [{**one, "text": "T", "until": tomorrow()}], "endSpotlight": [one],
            "grantRole": [{**one, "role": "AMBASSADOR"}], "revokeRole": [{**one, "role": "AMBASSADOR"}],
            "dismissSuggestion": [one], "blockMember": [one], "unblockMember": [one],
            "grantVerifiedMark": [one], "revokeVerifiedMark": [one],
            "signOutMember": [one], "reinstateMember": [one],
            "suspendMember": [{**one, "reason": "R"}], "reinstateMember ": [one],
            "banMember": [{**one, "reason": "R"}], "reinstateMember  ": [one], "eraseMember": [one],
            "signOutMember ": [one], "grantRole ": [{**one, "role": "BUILDER"}],
        }  # fmt: skip

    def _about_ones_own(self, brand: dict[str, Any], new: str) -> dict[str, list[dict[str, Any]]]:
        """What a member says for themselves."""
        either = [{**brand, "on": on} for on in (False, True)]
        photos, nudges = {**brand, "purpose": "photos"}, {**brand, "purpose": "nudges"}
        return {
            "readNotifications": [brand],
            "switchNotificationMail": either,
            "chooseNotifications": [{**brand, "kind": "NUDGE", "inbox": inbox} for inbox in (False, True)],
            "setProfileFields": [{**brand, "values": [{"key": "company", "text": new}]}],
            "hideProfileFields": [{**brand, "fields": ["bio"]}],
            "chooseAvatar": [{**brand, "url": f"https://example.org/{new}.png", "alt": "A"}],
            "chooseMemberLocale": [{**brand, "language": "de"}],
            "giveConsent": [{**photos, "version": 1}],
            "withdrawConsent": [photos, nudges],
            "chooseNudges": either,
            "showOnLeaderboard": either,
            "beginJourney": [brand],
            "completeJourneyStep": [{**brand, "stepId": "coffee"}],
            "skipJourneyStep": [{**brand, "stepId": "tea"}],
            "completeJourneyStep ": [{**brand, "stepId": "talk"}],
            "skipJourneyStep ": [{**brand, "stepId": "talk"}],
            "beginJourney ": [brand],
            "acceptRules": [{**brand, "version": self.rules}],
            "changeProfile": [{**brand, "displayName": f"V {new}"}],
            "chooseNetworking": [{**brand, "interests": ["sailing"], "skills": []}],
            "leaveNetworking": [brand],
        }

    def _about_the_brand(self, brand: dict[str, Any], new: str) -> dict[str, list[dict[str, Any]]]:
        event = {"title": "T", "format": "ONLINE", "startsAt": tomorrow(), "endsAt": tomorrow(1), "timeZone": "UTC"}
        city, networking = {**brand, "key": "city"}, {**brand, "purpose": "networking"}
        return {
            "defineProfileField": [{**brand, "field": field("company", new)}],
            "restoreProfileField": [city],
            "retireProfileField": [city],
            "restoreProfileField ": [city],
            "orderProfileFields": [{**brand, "keys": keys} for keys in (FIELDS, FIELDS[::-1])],
            "chooseFieldAudience": [
                {**brand, "field": "BIO", "audience": {"reach": reach}} for reach in ("ONESELF", "EVERYONE")
            ],
            "publishConsentPurpose": [{**brand, "purpose": "digest", "texts": [{"language": "en", "text": new}]}],
            "restoreConsentPurpose": [networking],
            "retireConsentPurpose": [networking],
            "restoreConsentPurpose ": [networking],
            "inviteMember": [{**brand, "address": f"{new}@example.org"}],
            "inviteMembers": [{**brand, "contacts": [{"address": f"{new}-{one}@example.org"} for one in (1, 2)]}],
            "createSegment": [{**brand, "name": new}],
            "publishJourney": [{**brand, "steps": STEPS[:1]}],
            "setNudgeRule": [{**brand, "afterDays": days} for days in (7, 8)],
            "publishRecognitionRules": [{**brand, "awards": [], "badges": [], "levels": [{"name": new, "points": 0}]}],
            "configureDirectory": [
                {**brand, "subject": "USER_NAME", "shownName": name} for name in ("NICK_NAME", "DISPLAY_NAME")
            ],
            "proposeNotificationDefaults": [{**brand, "kind": "NUDGE", "inbox": inbox} for inbox in (False, True)],
            "chooseDigestTimeZone": [{**brand, "timeZone": zone} for zone in ("Asia/Tokyo", "Europe/Paris")],
            "admitMember": [{**brand, "identity": new}],
            "publishManifesto": [{**brand, "text": new}],
            "designHome": [{**brand, **COLORS, "background": color} for color in ("#fffffe", "#fffffd")],
            "setDomain": [{**brand, "domain": f"{new}.example.org"}],
            "chooseLocale": [{**brand, "locale": locale} for locale in ("de", "it")],
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
            "createSegment ": [{**brand, "name": f"{new} 2"}],
            "withdrawConsent ": [{**brand, "purpose": "nudges"}],
            "enterBrandStage ": [{**brand, "stage": "OPEN"}],
            "leaveBrand": [brand],
            "eraseMe": [brand],
            "joinBrand ": [{**brand, "displayName": "V", "acceptedRules": self.rules + 1}],
        }


async def compare(scene: Scene, kind: str) -> set[str]:
    """Hold what the viewer is told against what each mutation answers; returns those that were carried out."""
    carried_out, can = set[str](), await scene.can(kind)
    attempts = scene.attempts(kind)
    assert can <= {name.strip() for name in attempts}, "nothing is permitted that is not tried"
    refused: list[str] = []
    turns = asyncio.Semaphore(AT_ONCE)

    async def try_out(name: str) -> list[str] | None:
        async with turns:
            return await scene.try_out(name.strip(), attempts[name])

    async def none_of_the_refused() -> None:
        # What is not permitted changes nothing, so the order does not matter.
        tried = await asyncio.gather(*map(try_out, refused))
        assert [name for name, codes in zip(refused, tried, strict=True) if codes is None] == [], kind
        refused.clear()

    for name in attempts:
        if name.strip() not in can:
            refused.append(name)
            continue
        await none_of_the_refused()
        codes = await try_out(name)
        assert codes is None, (kind, name, "permitted", codes)
        carried_out.add(name.strip())
        if name not in STATELESS:
            can = await scene.can(kind)
    await none_of_the_refused()
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
    for key in FIELDS:
        await accepted(platform, owner, "defineProfileField", **brand, field=field(key, key))
    community.ids["ProvisionedGroup"] = await provision_group(platform, community)
    yield community


@pytest.mark.timeout(180)
@pytest.mark.parametrize("viewer", VIEWERS)
async def test_what_a_viewer_is_told_is_what_the_mutations_answer(
    platform: Platform, made: Community, viewer: str
) -> None:
    scene = Scene(platform, made, viewer)
    await scene.prepare()
    carried_out = set()
    for kind in (kind for kind in TRIED.get(viewer, KINDS) if kind in scene.ids):
        carried_out |= await compare(scene, kind)
    await scene.put_back()
    assert DONE.get(viewer, set()) <= carried_out
    if "suspended" in scene.what or "banned" in scene.what:
        assert carried_out <= LETTING_GO
