"""What the gateway sends fits the services' commands and queries, and what they answer fits what it reads.

No server runs: the gateway's schema is executed over a bus that checks every message against the owner's own types.
"""

import importlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    get_named_type,
    is_interface_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

from libs.access.erasure import SERVICES
from libs.access.gate import Module, Stage
from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared.app import App, Endpoint
from libs.shared.domain import NO_BRAND, Accepted
from services.discussions.reaction import Emoji
from services.discussions.space import SpaceKind
from services.events.event import Format, Mode, RsvpStatus
from services.feedback.board import BoardKind
from services.feedback.idea import Status
from services.gateway import ids
from services.gateway.context import Context
from services.gateway.execution import Engine, Operation
from services.gateway.ids import encode
from services.gateway.schema.examples import EXAMPLES, key_of
from services.gateway.security import Principal
from services.members.brand import BrandKind, BrandType
from services.members.charter import CharterPart
from services.members.invitations.invitation import Status as InvitationState
from services.members.invitations.view import Progress
from services.members.journeys.journey import Completer, StepKind
from services.members.journeys.views.journeys import JourneyState
from services.members.notices.following import FollowState
from services.members.notices.kinds import Kind, Mail
from services.members.profiles.audience import BuiltIn, Reach
from services.members.profiles.fields import FieldType
from services.members.provisioning.directory import ShownName, SubjectSource
from services.members.recognition.facts import Fact, Window
from services.members.segments.rules import Act
from services.members.standing.views.standings import Action, RoleChange
from tests.integration.community import COLORS, COMPANY, JOURNEY_STEPS, MUTATIONS, document
from tests.integration.samples import checked, sample

T = TypeVar("T")

ENGINE: Final = Engine()
SCHEMA: Final = ENGINE.schema._schema

#: Commands and queries behind the SCIM door; `test_scim_contracts.py` holds them.
SCIM: Final = {
    "cmd.members.provisioned_user.provision_user",
    "cmd.members.provisioned_user.replace_user",
    "cmd.members.provisioned_user.remove_user",
    "cmd.members.provisioned_group.provision_group",
    "cmd.members.provisioned_group.change_group",
    "cmd.members.provisioned_group.remove_group",
    "qry.members.provisioned_users_get_many",
    "qry.members.provisioned_user_page",
    "qry.members.provisioned_group_range",
    "qry.members.provisioned_group_members",
    "qry.members.groups_of_users",
}

#: Commands and queries of the services that are for others than the gateway's schema.
FOR_OTHERS: Final = {
    "cmd.members.brand.complete_furnishing",
    "cmd.members.segment.settle_segment",
    "qry.members.network_page",
    "qry.members.owner_of_api_key",
    "cmd.members.score.record_fact",
    "cmd.members.score.note_absence",
    "qry.discussions.reply_page",
    "qry.feedback.voter_page",
    "cmd.members.member.certify_erasure",
    "cmd.members.member.end_suspension",
    "cmd.members.member.expire_role",
    "cmd.members.mail.record_mail",
    "cmd.members.mail_address.opt_out_of_mail",
    "cmd.members.mail_address.opt_in_to_mail",
    "qry.members.mail_link_target",
    "cmd.members.provisioned_user.settle_group_roles",
    "cmd.members.provisioned_user.settle_access",
    "cmd.events.event.release_attendee",
    *SCIM,
    *(f"cmd.{service}.erasure.record_erasure" for service in SERVICES),
    *(f"qry.{service}.views_shown" for service in SERVICES),
}
#: What a query's list of keys is called; its answer has as many items.
KEYS: Final = ("ids", "target_ids", "thread_ids")

ENUMS: Final[Mapping[str, type[Enum]]] = {
    "Role": Role,
    "RecognizedFact": Fact,
    "LeaderboardWindow": Window,
    "BrandKind": BrandKind,
    "InvitationStatus": Progress,
    "InvitationOfferStatus": InvitationState,
    "BrandType": BrandType,
    "LaunchStage": Stage,
    "CharterPart": CharterPart,
    "JourneyStepKind": StepKind,
    "StepCompleter": Completer,
    "JourneyState": JourneyState,
    "Module": Module,
    "ServiceAccountScope": Scope,
    "ProfileFieldType": FieldType,
    "ProfileReach": Reach,
    "BuiltInProfileField": BuiltIn,
    "DirectorySubject": SubjectSource,
    "DirectoryShownName": ShownName,
    "SpaceKind": SpaceKind,
    "Emoji": Emoji,
    "MemberAct": Act,
    "EventFormat": Format,
    "AttendanceMode": Mode,
    "RsvpStatus": RsvpStatus,
    "BoardKind": BoardKind,
    "IdeaStatus": Status,
    "StandingActionKind": Action,
    "RoleChangeKind": RoleChange,
    "FollowState": FollowState,
    "NotificationKind": Kind,
    "NotificationMail": Mail,
}


def endpoints() -> dict[str, Endpoint]:
    """What the four services answer, by subject."""
    found = {}
    for name in ("members", "discussions", "events", "feedback"):
        app = App.offline(name)
        compose: Callable[[App], None] = importlib.import_module(f"services.{name}.service").compose
        compose(app)
        found.update({endpoint.subject: endpoint for endpoint in app.endpoints})
    return found


OWNERS: Final = endpoints()


class CheckingBus:
    """Reads every message as its owner does and answers with a sample of the owner's reply."""

    def __init__(self, *, full: bool = True) -> None:
        self.full = full
        self.used: Counter[str] = Counter()

    async def command(self, service: str, aggregate: str, name: str, payload: Mapping[str, Any]) -> Accepted:
        subject = f"cmd.{service}.{aggregate}.{name}"
        msgspec.json.decode(msgspec.json.encode(payload), type=OWNERS[subject].message)
        self.used[subject] += 1
        return Accepted(id="x1", position={service.upper(): 1})

    async def query(self, service: str, name: str, payload: Mapping[str, Any], reply: type[T]) -> T:
        owner = OWNERS[f"qry.{service}.{name}"]
        msgspec.json.decode(msgspec.json.encode(payload), type=owner.message)
        self.used[owner.subject] += 1
        answer = sample(owner.reply, full=self.full)
        keys = next((payload[key] for key in KEYS if key in payload), None)
        if keys is not None:
            answer = sample(owner.reply, full=True) * len(keys)
        return msgspec.json.decode(checked(answer, owner.reply), type=reply)


async def run(bus: CheckingBus, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    principal = Principal(identity="identity", email="ada@example.org", expires_at=9e12)
    result = await ENGINE.execute(Operation(query, variables), Context(bus, b"k" * 32, principal))
    assert "errors" not in result.body, result.body
    data: dict[str, Any] = result.body["data"]
    return data


KINDS: Final = (
    "Member",
    "Invitation",
    "ServiceAccount",
    "Segment",
    "ProvisionedGroup",
    "Space",
    "Post",
    "Tag",
    "Event",
    "Board",
    "Idea",
    "Notification",
)
IDS: Final = {kind: encode(kind, "b1", "x1") for kind in KINDS} | {
    "Reply": encode("Reply", "b1", "x1", "r1"),
    "Brand": encode("Brand", NO_BRAND, "b1"),
    "Network": encode("Network", NO_BRAND, "n1"),
}

ACCOUNT: Final = encode("ServiceAccount", "b1", "sa_x1")
_EVENT: Final = {
    "brandId": IDS["Brand"], "title": "Meet-up", "format": "HYBRID", "startsAt": "2030-01-02T10:00:00+01:00",
    "endsAt": "2030-01-02T12:00:00+01:00", "timeZone": "Europe/Paris",
}  # fmt: skip
_SESSION: Final = {
    "title": "Opening", "speakers": ["Ada"], "recordedOn": "2030-01-02", "durationSeconds": 60, "language": "en",
    "url": "https://example.org/",
}  # fmt: skip

_FIELD: Final = {
    **COMPANY,
    "type": "MULTI_CHOICE",
    "audience": {"reach": "ROLES", "roles": ["OWNER", "BUILDER"]},
    "required": True,
    "choices": [{"key": "sloop", "labels": [{"language": "en", "text": "Sloop"}]}],
    "limits": {
        "maxLength": 3, "minimum": 1, "maximum": 2.5, "earliest": "2026-01-01", "latest": "2026-12-31", "maxChoices": 1,
    },
}  # fmt: skip

#: Each mutation with the least and with the most that it takes.
INPUTS: Final[Mapping[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "createNetwork": ({"slug": "net", "name": "Net"}, {}),
    "appointNetworkAdmin": ({"networkId": IDS["Network"], "identity": "i1"}, {}),
    "dismissNetworkAdmin": ({"networkId": IDS["Network"], "identity": "i1"}, {}),
    "createBrand": (
        {"networkId": IDS["Network"], "slug": "acme", "name": "Acme", "kind": "CLUB", "founderName": "Ada"},
        {
            "locale": "zh-Hant-TW",
            "type": "INTEREST",
            "description": "All of it",
            "stage": "DRAFT",
            "fromTemplate": True,
        },
    ),
    "enterBrandStage": ({"brandId": IDS["Brand"], "stage": "OPEN"}, {}),
    "switchModule": ({"brandId": IDS["Brand"], "module": "EVENTS", "on": False}, {}),
    "admitMember": ({"brandId": IDS["Brand"], "identity": "i1"}, {"role": "BUILDER"}),
    "joinBrand": (
        {"brandId": IDS["Brand"], "displayName": "Ada"},
        {"acceptedRules": 3, "source": "fair-2026", "referrerId": IDS["Member"]},
    ),
    "publishManifesto": ({"brandId": IDS["Brand"], "text": "We help."}, {}),
    "publishRules": ({"brandId": IDS["Brand"], "text": "Be kind."}, {}),
    "designHome": (
        {"brandId": IDS["Brand"], **COLORS},
        {"logoUrl": "https://example.org/logo.svg"},
    ),
    "setDomain": ({"brandId": IDS["Brand"], "domain": None}, {"domain": "example.org"}),
    "chooseLocale": ({"brandId": IDS["Brand"], "locale": "fr-CA"}, {}),
    "acceptRules": ({"brandId": IDS["Brand"], "version": 3}, {}),
    "publishJourney": (
        {"brandId": IDS["Brand"], "steps": []},
        {"steps": [*JOURNEY_STEPS, {**JOURNEY_STEPS[0], "stepId": "there", "afterHours": 5, "spaceId": IDS["Space"]}]},
    ),
    "setNudgeRule": ({"brandId": IDS["Brand"], "afterDays": None}, {"afterDays": 7}),
    "beginJourney": ({"brandId": IDS["Brand"]}, {}),
    "completeJourneyStep": ({"brandId": IDS["Brand"], "stepId": "coffee"}, {"memberId": IDS["Member"]}),
    "skipJourneyStep": ({"brandId": IDS["Brand"], "stepId": "coffee"}, {}),
    "chooseNudges": ({"brandId": IDS["Brand"], "on": False}, {}),
    "leaveBrand": ({"brandId": IDS["Brand"]}, {}),
    "eraseMe": ({"brandId": IDS["Brand"]}, {}),
    "eraseMember": ({"memberId": IDS["Member"]}, {}),
    "changeProfile": ({"brandId": IDS["Brand"]}, {"displayName": "Ada", "bio": "I read."}),
    "grantRole": (
        {"memberId": IDS["Member"], "role": "MODERATOR"},
        {"spaceId": IDS["Space"], "expiresAt": "2030-01-02T10:00:00+01:00"},
    ),
    "revokeRole": ({"memberId": IDS["Member"], "role": "AMBASSADOR"}, {"spaceId": IDS["Space"]}),
    "suspendMember": ({"memberId": IDS["Member"], "reason": "Shouts"}, {"until": "2030-01-02T10:00:00+01:00"}),
    "banMember": ({"memberId": IDS["Member"], "reason": "Shouts"}, {}),
    "reinstateMember": ({"memberId": IDS["Member"]}, {"reason": "Said sorry"}),
    "grantVerifiedMark": ({"memberId": IDS["Member"]}, {}),
    "revokeVerifiedMark": ({"memberId": IDS["Member"]}, {}),
    "defineProfileField": ({"brandId": IDS["Brand"], "field": COMPANY}, {"field": _FIELD}),
    "retireProfileField": ({"brandId": IDS["Brand"], "key": "company"}, {}),
    "restoreProfileField": ({"brandId": IDS["Brand"], "key": "company"}, {}),
    "orderProfileFields": ({"brandId": IDS["Brand"], "keys": ["company"]}, {}),
    "chooseFieldAudience": (
        {"brandId": IDS["Brand"], "field": "TIME_ZONE", "audience": {"reach": "ONESELF"}},
        {"audience": {"reach": "ROLES", "roles": ["OWNER"]}},
    ),
    "setProfileFields": (
        {"brandId": IDS["Brand"], "values": [{"key": "company"}]},
        {
            "values": [
                {"key": "company", "text": "Acme"},
                {"key": "size", "number": 3},
                {"key": "rigs", "choices": ["sloop"]},
                {"key": "sails", "yes": True},
            ]
        },
    ),
    "hideProfileFields": ({"brandId": IDS["Brand"], "fields": ["bio"]}, {}),
    "chooseAvatar": ({"brandId": IDS["Brand"]}, {"url": "https://example.org/m.png", "alt": "Marie"}),
    "chooseMemberLocale": ({"brandId": IDS["Brand"]}, {"timeZone": "Europe/Paris", "language": "fr-CA"}),
    "setExternalId": ({"memberId": IDS["Member"], "externalId": None}, {"externalId": "crm-1"}),
    "publishConsentPurpose": (
        {"brandId": IDS["Brand"], "purpose": "calls", "texts": [{"language": "en", "text": "Call me."}]},
        {},
    ),
    "retireConsentPurpose": ({"brandId": IDS["Brand"], "purpose": "calls"}, {}),
    "restoreConsentPurpose": ({"brandId": IDS["Brand"], "purpose": "calls"}, {}),
    "giveConsent": ({"brandId": IDS["Brand"], "purpose": "calls", "version": 1}, {}),
    "withdrawConsent": ({"brandId": IDS["Brand"], "purpose": "calls"}, {}),
    "createServiceAccount": ({"brandId": IDS["Brand"], "name": "Bot", "scopes": ["EVENTS_MANAGE"]}, {}),
    "issueApiKey": ({"serviceAccountId": ACCOUNT}, {"expiresAt": "2030-01-02T10:00:00+01:00"}),
    "revokeApiKey": ({"serviceAccountId": ACCOUNT, "keyId": "k1"}, {}),
    "closeServiceAccount": ({"serviceAccountId": ACCOUNT}, {}),
    "inviteMember": (
        {"brandId": IDS["Brand"], "address": "ada@example.org"},
        {"name": "Ada", "role": "BUILDER", "language": "fr-CA", "message": "Come", "validDays": 30},
    ),
    "inviteMembers": (
        {"brandId": IDS["Brand"], "contacts": [{"address": "ada@example.org"}]},
        {
            "role": "BUILDER",
            "language": "fr-CA",
            "message": "Come",
            "validDays": 30,
            "contacts": [{"address": "ada@example.org", "name": "Ada", "role": "MODERATOR", "language": "en"}],
        },
    ),
    "resendInvitation": ({"invitationId": IDS["Invitation"]}, {}),
    "revokeInvitation": ({"invitationId": IDS["Invitation"]}, {}),
    "acceptInvitation": (
        {"brandId": IDS["Brand"], "token": "b1.i1.secret", "displayName": "Ada"},
        {"acceptedRules": 3},
    ),
    "configureDirectory": (
        {"brandId": IDS["Brand"], "subject": "USER_NAME", "shownName": "DISPLAY_NAME"},
        {},
    ),
    "mapGroupToRole": ({"groupId": IDS["ProvisionedGroup"], "role": None}, {"role": "MODERATOR"}),
    "signOutEverywhere": ({}, {}),
    "signOutMember": ({"memberId": IDS["Member"]}, {}),
    "publishRecognitionRules": (
        {"brandId": IDS["Brand"], "awards": [], "badges": [], "levels": []},
        {
            "awards": [{"fact": "POST_PUBLISHED", "points": 5, "dailyCap": 3}],
            "badges": [
                {"badge": "thanks", "name": "Thanks", "description": "By hand."},
                {"badge": "poster", "name": "Poster", "description": "-", "fact": "POST_PUBLISHED", "atLeast": 1},
            ],
            "levels": [{"name": "New", "points": 0}],
        },
    ),
    "awardBadge": ({"memberId": IDS["Member"], "badge": "thanks", "reason": "For all."}, {}),
    "revokeBadge": ({"memberId": IDS["Member"], "badge": "thanks", "reason": "A mistake."}, {}),
    "spotlightMember": ({"memberId": IDS["Member"], "text": "Look.", "until": "2030-01-02T10:00:00+01:00"}, {}),
    "endSpotlight": ({"memberId": IDS["Member"]}, {}),
    "showOnLeaderboard": ({"brandId": IDS["Brand"], "on": False}, {}),
    "createSpace": (
        {"brandId": IDS["Brand"], "slug": "general", "name": "General"},
        {"kind": "BROADCAST", "audience": {"roles": ["AMBASSADOR"], "segmentIds": [IDS["Segment"]]}},
    ),
    "changeSpaceAudience": (
        {"spaceId": IDS["Space"], "audience": None},
        {"audience": {"roles": ["MODERATOR"], "segmentIds": [IDS["Segment"]]}},
    ),
    "publishPost": (
        {"spaceId": IDS["Space"], "title": "Hello", "body": "First"},
        {"official": True, "tags": ["Boats"]},
    ),
    "changeTags": ({"postId": IDS["Post"], "tags": []}, {"tags": ["Boats"]}),
    "publishReply": ({"postId": IDS["Post"], "body": "Welcome"}, {"replyToId": IDS["Reply"]}),
    "lockThread": ({"postId": IDS["Post"]}, {}),
    "unlockThread": ({"postId": IDS["Post"]}, {}),
    "addReaction": ({"targetId": IDS["Post"], "emoji": "ROCKET"}, {"targetId": IDS["Reply"]}),
    "removeReaction": ({"targetId": IDS["Post"], "emoji": "HEART"}, {"targetId": IDS["Reply"]}),
    "scheduleEvent": (
        _EVENT,
        {
            "description": "All of us",
            "allDay": False,
            "inPersonSeats": 10,
            "onlineSeats": 20,
            "audience": {"roles": ["AMBASSADOR"], "segmentIds": [IDS["Segment"]]},
            "sessions": [{"title": "Short"}, _SESSION],
        },
    ),
    "changeEventAudience": (
        {"eventId": IDS["Event"], "audience": None},
        {"audience": {"roles": ["AMBASSADOR"], "segmentIds": [IDS["Segment"]]}},
    ),
    "inviteToEvent": ({"eventId": IDS["Event"], "memberIds": [IDS["Member"]]}, {}),
    "withdrawEventInvitations": ({"eventId": IDS["Event"], "memberIds": [IDS["Member"]]}, {}),
    "cancelEvent": ({"eventId": IDS["Event"]}, {}),
    "rsvp": ({"eventId": IDS["Event"], "mode": "ONLINE"}, {"mode": "IN_PERSON"}),
    "cancelRsvp": ({"eventId": IDS["Event"]}, {}),
    "checkIn": ({"eventId": IDS["Event"]}, {"memberId": IDS["Member"]}),
    "openBoard": ({"brandId": IDS["Brand"], "slug": "ideas", "name": "Ideas", "kind": "PRODUCT"}, {}),
    "submitIdea": ({"boardId": IDS["Board"], "title": "Dark mode"}, {"body": "Please"}),
    "changeIdeaStatus": ({"ideaId": IDS["Idea"], "status": "PLANNED"}, {"note": "Soon"}),
    "castVote": ({"ideaId": IDS["Idea"]}, {}),
    "withdrawVote": ({"ideaId": IDS["Idea"]}, {}),
    "follow": ({"targetId": IDS["Post"]}, {"targetId": IDS["Member"]}),
    "unfollow": ({"targetId": IDS["Space"]}, {"targetId": IDS["Event"]}),
    "mute": ({"targetId": IDS["Board"]}, {"targetId": IDS["Tag"]}),
    "readNotifications": (
        {"brandId": IDS["Brand"]},
        {"notificationIds": [encode("Notification", "b1", "n1")], "until": "2030-01-02T10:00:00+01:00"},
    ),
    "chooseNotifications": ({"brandId": IDS["Brand"], "kind": "REPLY"}, {"inbox": True, "mail": "WEEKLY"}),
    "switchNotificationMail": ({"brandId": IDS["Brand"], "on": False}, {}),
    "chooseDigestTimeZone": ({"brandId": IDS["Brand"], "timeZone": "Europe/Paris"}, {}),
    "proposeNotificationDefaults": ({"brandId": IDS["Brand"], "kind": "REPLY"}, {"inbox": True, "mail": "NOW"}),
    "chooseNetworking": ({"brandId": IDS["Brand"]}, {"interests": ["Boats"], "skills": ["Knots"]}),
    "leaveNetworking": ({"brandId": IDS["Brand"]}, {}),
    "dismissSuggestion": ({"memberId": IDS["Member"]}, {}),
    "blockMember": ({"memberId": IDS["Member"]}, {}),
    "unblockMember": ({"memberId": IDS["Member"]}, {}),
    "createSegment": (
        {"brandId": IDS["Brand"], "name": "Experts"},
        {
            "rule": {
                "all": [
                    {"any": [{"hasRole": "AMBASSADOR"}, {"cameBy": "fair-2026"}, {"joinedWithinDays": 30}]},
                    {"not": {"broughtBy": {"memberId": IDS["Member"]}}},
                    {"broughtBy": {}},
                    {"did": {"act": "REPLIED", "atLeast": 5, "withinDays": 90}},
                    {"hasValue": {"field": "rig", "oneOf": ["sloop", "ketch"]}},
                    {"not": {"hasValue": {"field": "skipper", "yes": False}}},
                    {"hasValue": {"field": "crew", "minimum": 2, "maximum": 4.5}},
                    {"hasValue": {"field": "since", "earliest": "2020-01-01", "latest": "2025-12-31"}},
                ]
            }
        },
    ),
    "changeSegment": ({"segmentId": IDS["Segment"]}, {"name": "Old hands", "rule": {"did": {"act": "VOTED"}}}),
    "deleteSegment": ({"segmentId": IDS["Segment"]}, {}),
    "addToSegment": ({"segmentId": IDS["Segment"], "memberIds": [IDS["Member"]]}, {}),
    "takeFromSegment": ({"segmentId": IDS["Segment"], "memberIds": [IDS["Member"]]}, {}),
    "offerTags": ({"brandId": IDS["Brand"], "tags": ["Boats"]}, {"onlyThese": True}),
}


def test_every_mutation_is_here() -> None:
    assert set(INPUTS) == set(MUTATIONS)


@pytest.mark.parametrize("mutation", INPUTS)
@pytest.mark.parametrize("most", [False, True], ids=["least", "most"])
async def test_a_mutation_sends_what_its_owner_reads(mutation: str, most: bool) -> None:
    bus = CheckingBus()
    least, more = INPUTS[mutation]
    given = {**least, **more, "commandId": "c1"} if most else least
    payload = (await run(bus, document(mutation), {"input": given}))[mutation]
    assert payload["errors"] == []
    assert len([subject for subject in bus.used if subject.startswith("cmd.")]) == 1


@pytest.mark.parametrize("mutation", INPUTS)
async def test_an_example_is_something_that_the_owner_reads(mutation: str) -> None:
    bus = CheckingBus()
    least, more = INPUTS[mutation]
    given = illustrated(SCHEMA.type_map[MUTATIONS[mutation][0]], {**least, **more, "commandId": "c1"})
    payload = (await run(bus, document(mutation), {"input": given}))[mutation]
    assert payload["errors"] == []


def illustrated(kind: object, given: dict[str, Any]) -> dict[str, Any]:
    """An input with the example of each of its leaves in place of what was given."""
    assert isinstance(kind, GraphQLInputObjectType)
    return {name: _illustrated(f"{kind.name}.{name}", kind.fields[name].type, value) for name, value in given.items()}


def _illustrated(path: str, kind: GraphQLInputType, value: object) -> Any:
    inner = get_named_type(kind)
    if value is None:
        return None
    if isinstance(inner, GraphQLInputObjectType):
        assert isinstance(value, dict | list)
        return illustrated(inner, value) if isinstance(value, dict) else [illustrated(inner, one) for one in value]
    key = key_of(path, kind)
    return value if key is None else EXAMPLES[key]


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_owners_values(name: str) -> None:
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLEnumType)
    mine = {getattr(value.value, "value", value.value) for value in kind.values.values()}
    assert mine == {member.value for member in ENUMS[name]}


def test_every_enum_is_here() -> None:
    mine = {
        name
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLEnumType) and not name.startswith("__")
    }
    assert mine == {*ENUMS, "Permission"}, "that one is in test_permissions"


def all_fields(kind: object, depth: int) -> str:
    """Every field of a type, and of the types below it to a depth; arguments that are needed are filled in."""
    if not (is_object_type(kind) or is_interface_type(kind)):
        return "{ __typename }"
    parts = ["__typename"]
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif depth > 0:
            parts.append(f"{name}{needed(name, field)} {all_fields(inner, depth - 1)}")
    return f"{{ {' '.join(parts)} }}"


def needed(name: str, field: GraphQLField) -> str:
    """What a field needs, and small pages."""
    # A member of the brand that every sample of one is, "x1".
    member = encode("Member", "x1", "m1")
    known = {
        "slug": '"x1"', "id": f'"{IDS.get(name.title(), "")}"', "memberId": f'"{member}"', "part": "RULES",
        "prefix": '"m"', "externalId": '"crm-1"', "purpose": '"calls"', "version": "1",
        "rule": "{hasRole: OWNER}", "name": '"boats"',
    }  # fmt: skip
    given = [f"{argument}: {known[argument]}" for argument, of in field.args.items() if is_required_argument(of)]
    if "first" in field.args:
        given.append("first: 1")
    return f"({', '.join(given)})" if given else ""


def brand_queries() -> dict[str, str]:
    """One query for each field of a brand, with all that is below it."""
    brand = SCHEMA.type_map["Brand"]
    assert isinstance(brand, GraphQLObjectType)
    found = {}
    for name, field in brand.fields.items():
        inner = get_named_type(field.type)
        below = "" if is_leaf_type(inner) else all_fields(inner, 2)
        found[f"brand.{name}"] = f'{{ brand(slug: "acme") {{ {name}{needed(name, field)} {below} }} }}'
    return found


def node_queries() -> dict[str, str]:
    """One query for each field of each type that has an id."""
    found = {}
    for kind in IDS:
        parent = SCHEMA.type_map[kind]
        assert isinstance(parent, GraphQLObjectType)
        for name, field in parent.fields.items():
            inner = get_named_type(field.type)
            below = "" if is_leaf_type(inner) else all_fields(inner, 1)
            selected = f"... on {kind} {{ {name}{needed(name, field)} {below} }}"
            found[f"{kind}.{name}"] = f'{{ node(id: "{IDS[kind]}") {{ id {selected} }} }}'
    return found


EXPORT: Final = '{ me { export(brandSlug: "acme", after: "%s") { items { service kind data } next } } }'

QUERIES: Final = {
    **brand_queries(),
    **node_queries(),
    "me": f"{{ me {{ identity memberships {all_fields(SCHEMA.type_map['Membership'], 1)} }} }}",
    "brandByDomain": f'{{ brandByDomain(domain: "example.org") {all_fields(SCHEMA.type_map["Brand"], 0)} }}',
    "similarBrands": f'{{ similarBrands(networkId: "{IDS["Network"]}", name: "Acme") {{ brandId slug name score }} }}',
    **{f"export from {service}": EXPORT % service for service in SERVICES},
    "erasure": '{ me { erasure(brandSlug: "acme") { requestedAt certifiedAt services { service views } } } }',
    "invitationOffer": '{ invitationOffer(token: "b1.i1.secret") { brandId brandSlug brandName role status } }',
    "network": f'{{ network(slug: "net") {all_fields(SCHEMA.type_map["Network"], 2)} }}',
    "nodes": f'{{ nodes(ids: ["{IDS["Post"]}", "{IDS["Reply"]}"]) {{ id }} }}',
    "whole brand": '{ brand(slug: "acme") { posts { nodes { id } } ideas { nodes { id } } '
    'events(startsFrom: "2030-01-01T00:00:00Z", startsBefore: "2031-01-01T00:00:00Z", descending: true) '
    "{ nodes { attendees(status: WAITLISTED, last: 2) { totalCount } } } } }",
    "tags that begin alike": '{ brand(slug: "acme") { tags(prefix: "bo", first: 3) { name postCount } } }',
    "one space": f'{{ brand(slug: "acme") {{ posts(space: "{encode("Space", "x1", "s1")}", last: 3, before: "c") '
    f'{{ nodes {{ id }} }} ideas(board: "{encode("Board", "x1", "o1")}", first: 3, after: "c") '
    f"{{ nodes {{ id }} }} }} }}",
}


#: Pages that are asked for an event at a time.
ONE_BY_ONE: Final = {"Event.attendees", "Event.invitees"}


def queries_of_nodes() -> dict[str, tuple[str, str]]:
    """A query for each field of each type that has an id, of one such thing and of two."""
    found = {}
    for kind in sorted({*IDS} - {"Brand"}):  # each brand is asked for by itself
        parent = SCHEMA.type_map[kind]
        assert isinstance(parent, GraphQLObjectType)
        decoded = ids.decode(IDS[kind])
        assert decoded is not None
        another = encode(kind, decoded.brand, *decoded.parts[:-1], "x2")
        for name, field in parent.fields.items():
            inner = get_named_type(field.type)
            below = "" if is_leaf_type(inner) else all_fields(inner, 0 if kind == "Network" else 1)
            selected = f"{{ id ... on {kind} {{ {name}{needed(name, field)} {below} }} }}"
            one, two = (
                f"{{ nodes(ids: {json.dumps(keys)}) {selected} }}" for keys in ([IDS[kind]], [IDS[kind], another])
            )
            if f"{kind}.{name}" not in ONE_BY_ONE:
                found[f"{kind}.{name}"] = one, two
    return found


OF_NODES: Final = queries_of_nodes()


@pytest.mark.parametrize("field", OF_NODES)
async def test_a_field_asks_as_often_for_two_things_as_for_one(field: str) -> None:
    of_one, of_two = CheckingBus(), CheckingBus()
    for bus, query in zip((of_one, of_two), OF_NODES[field], strict=True):
        await run(bus, query)
    assert of_two.used == of_one.used


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("full", [True, False], ids=["full", "sparse"])
async def test_a_query_reads_what_its_owner_answers(query: str, full: bool) -> None:
    bus = CheckingBus(full=full)
    await run(bus, query)
    assert bus.used or query == QUERIES["me"]


async def test_every_command_and_query_of_the_services_is_used() -> None:
    bus = CheckingBus()
    for mutation, (least, more) in INPUTS.items():
        await run(bus, document(mutation), {"input": {**least, **more}})
    for query in QUERIES.values():
        await run(bus, query)
    assert set(OWNERS) - set(bus.used) == FOR_OTHERS
