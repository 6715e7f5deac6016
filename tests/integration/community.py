"""A community with one of everything in it, made through GraphQL alone."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from libs.shared.ids import uuid7
from libs.shared.testing.platform import OPERATOR, Platform
from services.gateway import ids as global_ids

_CHARTER = "charter { manifesto { version text } rules { version text } }"

_FOLLOWED = (
    "target { ... on Post { id viewerFollows } ... on Member { id viewerFollows } ... on Tag { id viewerFollows } }"
)
_WAY = """version state member { id } currentStep { step { stepId } }
  steps { dueAt completedAt skippedAt step { stepId title } }"""

#: A step of each kind of completing: by what the member does, by their word, and by a leader's.
JOURNEY_STEPS: Sequence[Mapping[str, Any]] = (
    {"stepId": "hello", "kind": "INTRODUCE", "afterDays": 3, "wordings": [{"locale": "en", "title": "Say hello"}]},
    {
        "stepId": "coffee", "kind": "CUSTOM", "afterDays": 7, "completedBy": "MEMBER",
        "wordings": [{"locale": "en", "title": "Have a coffee"}],
    },
    {
        "stepId": "talk", "kind": "CUSTOM", "afterDays": 14, "completedBy": "LEADER",
        "wordings": [{"locale": "en", "title": "Talk to us"}, {"locale": "fr", "title": "Parlez-nous"}],
    },
)  # fmt: skip
_FORM = "profileForm { version fields { field { key required } retired } rules { field audience { reach roles } } }"
_PROFILE = """member { id bio email profile { bio avatar { url alt } email timeZone language externalId completeness
  hiddenFields fields { field { key } text number choices yes hidden } } }"""
_PURPOSES = "consentPurposes { purpose version texts { language text } retired }"

#: A field of a profile that everybody sees.
COMPANY: Mapping[str, Any] = {
    "key": "company", "type": "TEXT", "labels": [{"language": "fr", "text": "Entreprise"}],
    "audience": {"reach": "EVERYONE"},
}  # fmt: skip

#: Colours that can be read on each other.
COLORS = {"background": "#FFFFFF", "text": "#1a1a1a", "accent": "#0b5fff", "accentText": "#ffffff"}

#: What each mutation takes and what it answers, beside `errors` and `consistencyToken`.
MUTATIONS: Mapping[str, tuple[str, str]] = {
    "createNetwork": ("CreateNetworkInput", "network { id slug name brandCount }"),
    "appointNetworkAdmin": ("NetworkAdminInput", "network { id admins { identity appointedBy } }"),
    "dismissNetworkAdmin": ("NetworkAdminInput", "network { id }"),
    "createBrand": (
        "CreateBrandInput",
        "brand { id slug name kind locale memberCount type description stage modules furnishedAt } "
        "similarBrands { name }",
    ),
    "enterBrandStage": ("EnterStageInput", "brand { id stage }"),
    "switchModule": ("SwitchModuleInput", "brand { id modules }"),
    "admitMember": ("AdmitMemberInput", "brand { id memberCount }"),
    "joinBrand": ("JoinBrandInput", "member { id displayName roles }"),
    "publishManifesto": (
        "PublishCharterInput",
        f"brand {{ {_CHARTER} }}",
    ),
    "publishRules": ("PublishCharterInput", f"brand {{ {_CHARTER} }}"),
    "designHome": ("DesignHomeInput", "brand { theme { background text accent accentText logoUrl } }"),
    "setDomain": ("SetDomainInput", "brand { domain }"),
    "chooseLocale": ("ChooseLocaleInput", "brand { locale }"),
    "acceptRules": ("AcceptRulesInput", "member { id displayName }"),
    "publishJourney": (
        "PublishJourneyInput",
        "brand { journey { version steps { stepId kind afterDays afterHours title space { slug } } } }",
    ),
    "setNudgeRule": ("SetNudgeRuleInput", "brand { nudgeAfterDays }"),
    "beginJourney": ("BeginJourneyInput", f"journey {{ {_WAY} }}"),
    "completeJourneyStep": ("CompleteJourneyStepInput", f"journey {{ {_WAY} }}"),
    "skipJourneyStep": ("SkipJourneyStepInput", f"journey {{ {_WAY} }}"),
    "chooseNudges": ("ChooseNudgesInput", "brand { viewerNudges { on } }"),
    "leaveBrand": ("BrandInput", "brand { id memberCount }"),
    "eraseMe": ("EraseMeInput", "erasure { requestedAt }"),
    "eraseMember": ("EraseMemberInput", "erasure { requestedAt } member { id leftAt }"),
    "changeProfile": ("ChangeProfileInput", "member { id displayName bio }"),
    "grantRole": ("MemberRoleInput", "member { id roles standing { grants { role spaceId expiresAt } } }"),
    "revokeRole": ("MemberRoleInput", "member { id roles standing { grants { role spaceId } } }"),
    "suspendMember": ("SuspendMemberInput", "member { id standing { exclusion { banned reason until } } }"),
    "banMember": ("BanMemberInput", "member { id leftAt standing { exclusion { banned reason until } } }"),
    "reinstateMember": ("ReinstateMemberInput", "member { id standing { exclusion { reason } } }"),
    "grantVerifiedMark": ("MemberInput", "member { id verified }"),
    "revokeVerifiedMark": ("MemberInput", "member { id verified }"),
    "defineProfileField": ("DefineProfileFieldInput", _FORM),
    "retireProfileField": ("ProfileFieldKeyInput", _FORM),
    "restoreProfileField": ("ProfileFieldKeyInput", _FORM),
    "orderProfileFields": ("OrderProfileFieldsInput", _FORM),
    "chooseFieldAudience": ("ChooseFieldAudienceInput", _FORM),
    "setProfileFields": ("SetProfileFieldsInput", _PROFILE),
    "hideProfileFields": ("HideProfileFieldsInput", _PROFILE),
    "chooseAvatar": ("ChooseAvatarInput", _PROFILE),
    "chooseMemberLocale": ("ChooseMemberLocaleInput", _PROFILE),
    "setExternalId": ("SetExternalIdInput", _PROFILE),
    "publishConsentPurpose": ("PublishConsentPurposeInput", _PURPOSES),
    "retireConsentPurpose": ("ConsentPurposeInput", _PURPOSES),
    "restoreConsentPurpose": ("ConsentPurposeInput", _PURPOSES),
    "giveConsent": ("GiveConsentInput", "consents { purpose version givenAt }"),
    "withdrawConsent": ("ConsentPurposeInput", "consents { purpose version givenAt }"),
    "createServiceAccount": (
        "CreateServiceAccountInput",
        "serviceAccount { id name scopes closedAt createdBy { id } apiKeys { keyId } }",
    ),
    "issueApiKey": (
        "IssueApiKeyInput",
        "key serviceAccount { id apiKeys { keyId lastFour expiresAt revokedAt issuedBy { id } } }",
    ),
    "revokeApiKey": ("RevokeApiKeyInput", "serviceAccount { id apiKeys { keyId revokedAt } }"),
    "closeServiceAccount": ("ServiceAccountInput", "serviceAccount { id closedAt }"),
    "inviteMember": ("InviteMemberInput", "invitation { id status role address name message mails invitedBy { id } }"),
    "inviteMembers": (
        "InviteMembersInput",
        "results { number invited invitation { id address } errors { code message path } }",
    ),
    "resendInvitation": ("InvitationInput", "invitation { id mails expiresAt }"),
    "revokeInvitation": ("InvitationInput", "invitation { id status }"),
    "acceptInvitation": ("AcceptInvitationInput", "member { id displayName roles }"),
    "configureDirectory": ("ConfigureDirectoryInput", "directory { subject shownName }"),
    "mapGroupToRole": ("MapGroupToRoleInput", "group { id displayName role memberCount }"),
    "signOutEverywhere": ("SignOutEverywhereInput", "signedOut"),
    "signOutMember": ("SignOutMemberInput", "signedOut"),
    "publishRecognitionRules": (
        "PublishRecognitionRulesInput",
        "recognitionRules { current { version } coming { version holdsFrom awards { points } badges { badge } } }",
    ),
    "awardBadge": ("AwardBadgeInput", "member { id badges { badge reason awardedById } }"),
    "revokeBadge": ("RevokeBadgeInput", "member { id badges { badge } }"),
    "spotlightMember": ("SpotlightMemberInput", "member { id spotlight { text until byId } }"),
    "endSpotlight": ("EndSpotlightInput", "member { id spotlight { text } }"),
    "showOnLeaderboard": ("ShowOnLeaderboardInput", "member { id score { onLeaderboard } }"),
    "createSpace": ("CreateSpaceInput", "space { id slug name kind postCount }"),
    "changeSpaceAudience": ("ChangeSpaceAudienceInput", "space { id audience { roles segmentIds } }"),
    "publishPost": (
        "PublishPostInput",
        "post { id title body locked tags { id name } author { displayName } space { id postCount } }",
    ),
    "changeTags": ("ChangeTagsInput", "post { id tags { id name postCount } }"),
    "publishReply": (
        "PublishReplyInput",
        "reply { id body number author { displayName } replyTo { id } post { id replyCount } }",
    ),
    "lockThread": ("ThreadInput", "post { id locked }"),
    "unlockThread": ("ThreadInput", "post { id locked }"),
    "addReaction": (
        "ReactionInput",
        "target { ... on Post { id reactions { emoji count viewerReacted } } "
        "... on Reply { id reactions { emoji count viewerReacted } } }",
    ),
    "removeReaction": ("ReactionInput", "target { ... on Post { id reactions { emoji count } } }"),
    "scheduleEvent": (
        "ScheduleEventInput",
        "event { id title format startsAt timeZone inPersonSeats goingCount sessions { title speakers url } "
        "scheduledBy { displayName } }",
    ),
    "changeEventAudience": ("ChangeEventAudienceInput", "event { id audience { roles segmentIds } }"),
    "inviteToEvent": ("EventGuestsInput", "event { id invitees { totalCount nodes { member { id } } } }"),
    "withdrawEventInvitations": ("EventGuestsInput", "event { id invitees { totalCount } goingCount }"),
    "cancelEvent": ("EventInput", "event { id cancelledAt }"),
    "rsvp": ("RsvpInput", "event { id goingCount waitlistedInPerson } rsvp { mode status number }"),
    "cancelRsvp": ("EventInput", "event { id goingCount waitlistedInPerson } rsvp { mode }"),
    "checkIn": ("CheckInInput", "event { id checkedInCount } member { displayName }"),
    "openBoard": ("OpenBoardInput", "board { id slug name kind ideaCount }"),
    "submitIdea": ("SubmitIdeaInput", "idea { id title status voteCount author { displayName } board { ideaCount } }"),
    "changeIdeaStatus": ("ChangeIdeaStatusInput", "idea { id status statusNote }"),
    "castVote": ("VoteInput", "idea { id voteCount viewerVoted }"),
    "withdrawVote": ("VoteInput", "idea { id voteCount viewerVoted }"),
    "follow": ("FollowInput", _FOLLOWED),
    "unfollow": ("FollowInput", _FOLLOWED),
    "mute": ("FollowInput", _FOLLOWED),
    "readNotifications": ("ReadNotificationsInput", "unreadCount"),
    "chooseNotifications": ("ChooseNotificationsInput", "choices { kinds { kind inbox mail } mailOff }"),
    "switchNotificationMail": ("SwitchNotificationMailInput", "choices { mailOff }"),
    "proposeNotificationDefaults": ("ProposeNotificationDefaultsInput", "defaults { kinds { kind inbox mail } }"),
    "chooseDigestTimeZone": ("ChooseDigestTimeZoneInput", "defaults { digestTimeZone }"),
    "chooseNetworking": ("ChooseNetworkingInput", "networking { open interests skills }"),
    "leaveNetworking": ("LeaveNetworkingInput", "networking { open interests skills }"),
    "dismissSuggestion": ("OtherMemberInput", "member { id displayName }"),
    "blockMember": ("OtherMemberInput", "member { id viewerBlocks }"),
    "unblockMember": ("OtherMemberInput", "member { id viewerBlocks }"),
    "createSegment": ("CreateSegmentInput", "segment { id name rule memberCount createdBy { displayName } }"),
    "changeSegment": ("ChangeSegmentInput", "segment { id name rule }"),
    "deleteSegment": ("SegmentInput", "segment { id }"),
    "addToSegment": ("SegmentMembersInput", "segment { id memberCount members { nodes { member { displayName } } } }"),
    "takeFromSegment": ("SegmentMembersInput", "segment { id memberCount }"),
    "offerTags": ("OfferTagsInput", "networkingTags { tags onlyThese }"),
}


def document(name: str) -> str:
    """The text of a mutation."""
    kind, answer = MUTATIONS[name]
    fields = f"{answer} errors {{ code message path }} consistencyToken"
    return f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ {fields} }} }}"


async def run(platform: Platform, subject: str, name: str, /, **given: Any) -> dict[str, Any]:
    """Run a mutation as a subject and return its payload; an error of the request fails the test."""
    answer = await platform.graphql(document(name), {"input": given}, platform.token(subject))
    assert "errors" not in answer, answer
    payload: dict[str, Any] = answer["data"][name]
    return payload


async def accepted(platform: Platform, subject: str, name: str, /, **given: Any) -> dict[str, Any]:
    """Run a mutation that must be carried out."""
    payload = await run(platform, subject, name, **given)
    assert payload["errors"] == [], payload
    assert payload["consistencyToken"], payload
    return payload


async def refused(platform: Platform, subject: str, name: str, /, **given: Any) -> list[str]:
    """Run a mutation that must be refused; returns the codes."""
    payload = await run(platform, subject, name, **given)
    assert payload["errors"], payload
    assert payload["consistencyToken"] is None
    assert all(value is None for key, value in payload.items() if key != "errors"), payload
    return [error["code"] for error in payload["errors"]]


@dataclass
class Community:
    """A fresh brand; `ids` are global ids of one object of each type, `owner` and `member` are subjects."""

    slug: str
    owner: str
    member: str
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def brand(self) -> str:
        """The brand's own id."""
        found = global_ids.decode(self.ids["Brand"])
        assert found is not None
        return found.key


def tomorrow(hours: int = 0) -> str:
    """A time within the next days, with its offset."""
    return (datetime.now(UTC) + timedelta(days=1, hours=hours)).isoformat()


async def found(platform: Platform, **brand: Any) -> Community:
    """A network with one brand (`brand` are more fields of its creation), its owner and a plain member.

    A brand in DRAFT or BETA has no plain member.
    """
    tag = uuid7()[-12:]
    made = Community(slug=f"brand-{tag}", owner=f"owner-{tag}", member=f"member-{tag}")
    network = await accepted(platform, OPERATOR, "createNetwork", slug=f"net-{tag}", name="Net")
    made.ids["Network"] = network["network"]["id"]
    opened = await accepted(
        platform,
        OPERATOR,
        "createBrand",
        networkId=made.ids["Network"],
        slug=made.slug,
        name="Acme",
        kind="CLUB",
        locale="fr",
        founderName="Founder",
        **brand,
    )
    made.ids["Brand"] = opened["brand"]["id"]
    if brand.get("stage", "OPEN") != "OPEN":
        place = {"brandId": made.ids["Brand"], "identity": platform.identity(made.owner), "role": "OWNER"}
        await accepted(platform, OPERATOR, "admitMember", **place)
    owner = await accepted(platform, made.owner, "joinBrand", brandId=made.ids["Brand"], displayName="Olga")
    made.ids["Owner"] = owner["member"]["id"]
    await accepted(platform, OPERATOR, "grantRole", memberId=made.ids["Owner"], role="OWNER")
    if brand.get("stage", "OPEN") != "OPEN":
        return made
    member = await accepted(platform, made.member, "joinBrand", brandId=made.ids["Brand"], displayName="Mona")
    made.ids["Member"] = member["member"]["id"]
    return made


async def api_key(platform: Platform, made: Community, scope: str) -> str:
    """A new API key of a new service account with one scope."""
    account = await accepted(
        platform, made.owner, "createServiceAccount", brandId=made.ids["Brand"], name="Program", scopes=[scope]
    )
    issued = await accepted(platform, made.owner, "issueApiKey", serviceAccountId=account["serviceAccount"]["id"])
    key: str = issued["key"]
    return key


async def provision_group(platform: Platform, made: Community) -> str:
    """The global id of a group that a directory brought: the one thing that SCIM makes and GraphQL does not."""
    headers = {"Authorization": f"Bearer {await api_key(platform, made, 'MEMBERS_PROVISION')}"}
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/scim/v2/{made.slug}", headers=headers) as client:
        answer = await client.post("/Groups", json=body)
    assert answer.status_code == 201, answer.text
    return global_ids.encode("ProvisionedGroup", made.brand, answer.json()["id"])


async def furnish(platform: Platform, made: Community) -> None:
    """Put one of everything into the brand."""
    ids, owner, member = made.ids, made.owner, made.member
    await accepted(platform, owner, "publishJourney", brandId=ids["Brand"], steps=JOURNEY_STEPS)
    for subject in (owner, member):
        await accepted(platform, subject, "beginJourney", brandId=ids["Brand"])
    account = await accepted(
        platform, owner, "createServiceAccount", brandId=ids["Brand"], name="Bot", scopes=["FEEDBACK_MANAGE"]
    )
    ids["ServiceAccount"] = account["serviceAccount"]["id"]
    await accepted(platform, owner, "defineProfileField", brandId=ids["Brand"], field=COMPANY)
    await accepted(platform, owner, "setExternalId", memberId=ids["Member"], externalId="crm-1")
    await accepted(platform, owner, "giveConsent", brandId=ids["Brand"], purpose="digest", version=1)
    invited = await accepted(platform, owner, "inviteMember", brandId=ids["Brand"], address=f"{made.slug}@example.org")
    ids["Invitation"] = invited["invitation"]["id"]
    ids["ProvisionedGroup"] = await provision_group(platform, made)
    segment = await accepted(platform, owner, "createSegment", brandId=ids["Brand"], name="Jury")
    ids["Segment"] = segment["segment"]["id"]
    await accepted(platform, owner, "addToSegment", segmentId=ids["Segment"], memberIds=[ids["Member"]])
    space = await accepted(platform, owner, "createSpace", brandId=ids["Brand"], slug="general", name="General")
    ids["Space"] = space["space"]["id"]
    post = await accepted(
        platform, member, "publishPost", spaceId=ids["Space"], title="Hello", body="First", tags=[made.slug]
    )
    ids["Post"], ids["Tag"] = post["post"]["id"], post["post"]["tags"][0]["id"]
    reply = await accepted(platform, owner, "publishReply", postId=ids["Post"], body="Welcome")
    ids["Reply"] = reply["reply"]["id"]
    event = await accepted(
        platform,
        owner,
        "scheduleEvent",
        brandId=ids["Brand"],
        title="Meet-up",
        format="HYBRID",
        startsAt=tomorrow(),
        endsAt=tomorrow(2),
        timeZone="Europe/Paris",
        inPersonSeats=1,
        sessions=[{"title": "Opening", "speakers": ["Ada"], "url": "https://example.org/opening"}],
    )
    ids["Event"] = event["event"]["id"]
    board = await accepted(
        platform, owner, "openBoard", brandId=ids["Brand"], slug="ideas", name="Ideas", kind="PRODUCT"
    )
    ids["Board"] = board["board"]["id"]
    idea = await accepted(platform, member, "submitIdea", boardId=ids["Board"], title="Dark mode", body="Please")
    ids["Idea"] = idea["idea"]["id"]
    ids["Notification"] = await _notification(platform, made)


async def _notification(platform: Platform, made: Community) -> str:
    """What the owner was told first: their role, soon after they got it."""
    query = "query($slug: String!) { brand(slug: $slug) { viewerNotifications(last: 1) { nodes { id } } } }"
    deadline = time.monotonic() + 60
    while True:
        answer = await platform.graphql(query, {"slug": made.slug}, platform.token(made.owner))
        if nodes := answer["data"]["brand"]["viewerNotifications"]["nodes"]:
            key: str = nodes[0]["id"]
            return key
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.05)
