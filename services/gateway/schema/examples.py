"""An example of everything whose value nobody can guess from its type: texts, ids, moments; and numbers, when given.

A key is `Type.field`, `Type.field(argument)`, the bare name of fields and arguments that hold the same wherever they
stand, or the name of a scalar; the first of these that there is counts.  A value is what JSON has there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from graphql import GraphQLInputType, GraphQLOutputType, GraphQLSchema, get_named_type, is_scalar_type

from libs.shared.cursors import Place, encode_cursor
from libs.shared.domain import NO_BRAND
from libs.shared.tags import tag_key
from services.gateway import consistency, ids
from services.gateway.schema.words import plain

#: The brand and its things, as the examples call them.
_BRAND: Final = "lighthouse"
_NAMES: Final = {
    "Member": "ada", "ServiceAccount": "sa_bot", "Invitation": "i1", "ProvisionedGroup": "staff", "Segment": "divers",
    "Space": "general", "Post": "winter", "Event": "visit", "Board": "wishes", "Idea": "map", "Notification": "n1",
    "Tag": tag_key("knots"),
}  # fmt: skip

#: The global id of one of each type that has one.
IDS: Final[Mapping[str, str]] = {
    "Network": ids.encode("Network", NO_BRAND, "coast"),
    "Brand": ids.encode("Brand", NO_BRAND, _BRAND),
    "Reply": ids.encode("Reply", _BRAND, _NAMES["Post"], "r1"),
    **{kind: ids.encode(kind, _BRAND, name) for kind, name in _NAMES.items()},
}

_CURSOR: Final = encode_cursor(Place(1_777_910_400_000, f"{_BRAND}:winter"))
_IDENTITY: Final = "k3zq7m2vpxw5ndr6jthb4ysgcfe2aoul"

EXAMPLES: Final[Mapping[str, Any]] = {
    # Scalars
    "DateTime": "2026-05-04T16:00:00+00:00",
    "Date": "2026-05-04",
    # What many have
    **{f"{kind}.id": text for kind, text in IDS.items()},
    "Node.id": IDS["Post"],
    "Query.node(id)": IDS["Post"],
    "Query.nodes(ids)": [IDS["Post"], IDS["Idea"]],
    "Brand.member(id)": IDS["Member"],
    "Brand.event(id)": IDS["Event"],
    "networkId": IDS["Network"],
    "brandId": IDS["Brand"],
    "memberId": IDS["Member"],
    "serviceAccountId": IDS["ServiceAccount"],
    "invitationId": IDS["Invitation"],
    "segmentId": IDS["Segment"],
    "spaceId": IDS["Space"],
    "postId": IDS["Post"],
    "eventId": IDS["Event"],
    "boardId": IDS["Board"],
    "ideaId": IDS["Idea"],
    "groupId": IDS["ProvisionedGroup"],
    "slug": "summer-camp",
    "name": "Summer camp",
    "title": "Visits on Fridays",
    "description": "For everybody who looks after a lamp.",
    "text": "We *help* each other.",
    "body": "Bring a **torch**.",
    "message": "We would love to have you.",
    "reason": "Answered every question of the winter.",
    "badge": "thank-you",
    "key": "company",
    "version": 3,
    "points": 5,
    "number": 7,
    "atLeast": 5,
    "afterDays": 7,
    "identity": _IDENTITY,
    "displayName": "Ada",
    "email": "ada@example.org",
    "externalId": "crm-4711",
    "language": "fr-CA",
    "locale": "en-GB",
    "ChooseLocaleInput.locale": "zh-Hant-TW",
    "timeZone": "Europe/Paris",
    "url": "https://example.org/lamp.png",
    "logoUrl": "https://example.org/logo.svg",
    "commandId": "8c0f8a6e-3f4b-4d0e-9a43-1d1c2b5f7e90",
    "consistencyToken": consistency.encode({"DISCUSSIONS": 4711}),
    # Pages
    "first": 20,
    "last": 20,
    "after": _CURSOR,
    "before": _CURSOR,
    "cursor": _CURSOR,
    "startCursor": _CURSOR,
    "endCursor": _CURSOR,
    # Refusals
    "Refusal.code": "NAME_TAKEN",
    "Refusal.message": "the name is taken",
    "Refusal.path": ["slug"],
    # Networks and brands
    "brandSlug": _BRAND,
    "brandName": "Lighthouse",
    "Query.brand(slug)": _BRAND,
    "Brand.slug": _BRAND,
    "Brand.name": "Lighthouse",
    "domain": "club.example.org",
    "founderName": "Ada",
    "NetworkAdmin.appointedBy": _IDENTITY,
    "background": "#ffffff",
    "Theme.text": "#1a1a1a",
    "DesignHomeInput.text": "#1a1a1a",
    "accent": "#0b5fff",
    "accentText": "#ffffff",
    "acceptedRules": 3,
    # Members
    "bio": "I look after **lamps**.",
    "source": "newsletter",
    "cameBy": "newsletter",
    "referrerId": IDS["Member"],
    "prefix": "ad",
    "alt": "Ada in front of a lamp",
    "memberIds": [IDS["Member"]],
    "interests": ["lamps", "tides"],
    "skills": ["knots"],
    "sharedInterests": ["tides"],
    "sharedSkills": ["knots"],
    "tags": ["knots", "lamps", "tides"],
    "InviteMemberInput.name": "Ada",
    "Invitation.name": "Ada",
    "address": "ada@example.org",
    "validDays": 14,
    "token": f"{_BRAND}.i1.Zm9yLWFkYQ",
    "Tag.name": "knots",
    "Brand.tag(name)": "Knots",
    "Brand.tags(prefix)": "kn",
    # Profiles and consents
    "ProfileChoiceInput.key": "sloop",
    "ProfileChoice.key": "sloop",
    "ProfileLabelInput.text": "Company",
    "ProfileLabel.text": "Company",
    "ProfileValueInput.text": "Harbour Ltd",
    "ProfileValue.text": "Harbour Ltd",
    "ProfileValueInput.number": 12.5,
    "ProfileValue.number": 12.5,
    "choices": ["sloop"],
    "keys": ["company", "boat"],
    "fields": ["bio", "company"],
    "hiddenFields": ["bio", "company"],
    "maxLength": 200,
    "minimum": 0.5,
    "maximum": 99.5,
    "maxChoices": 3,
    "purpose": "photos",
    # Programs and directories
    "ServiceAccount.name": "Roadmap",
    "CreateServiceAccountInput.name": "Roadmap",
    "keyId": "0199f1c2b7d87f3a9c5e2d4b6a8f0e13",
    "lastFour": "a4c7",
    "IssueApiKeyPayload.key": "ak_0199f1c2b7d87f3a9c5e2d4b6a8f0e13_…",
    "ProvisionedGroup.displayName": "Staff",
    # Standing
    "BanMemberInput.reason": "Shouts at everybody.",
    "SuspendMemberInput.reason": "Shouts at everybody.",
    "ReinstateMemberInput.reason": "Said sorry.",
    "Exclusion.reason": "Shouts at everybody.",
    "StandingAction.reason": "Shouts at everybody.",
    # Journeys
    "stepId": "say-hello",
    "StepWordingInput.title": "Say hello",
    "StepWording.title": "Say hello",
    "JourneyStep.title": "Say hello",
    "StepWordingInput.text": "Tell us where your lamp stands.",
    "StepWording.text": "Tell us where your lamp stands.",
    "JourneyStep.text": "Tell us where your lamp stands.",
    "afterHours": 12,
    # Recognition
    "Badge.name": "Thank you",
    "RecognitionBadge.name": "Thank you",
    "RecognitionBadgeInput.name": "Thank you",
    "RecognitionBadge.description": "For somebody without whom it would not have happened.",
    "RecognitionBadgeInput.description": "For somebody without whom it would not have happened.",
    "RecognitionLevel.name": "Keeper",
    "RecognitionLevelInput.name": "Keeper",
    "RecognitionLevelInput.points": 100,
    "RevokeBadgeInput.reason": "It was meant for Grace.",
    "SpotlightMemberInput.text": "She relit the lamp in *February*.",
    "Spotlight.text": "She relit the lamp in *February*.",
    "dailyCap": 3,
    "through": 50,
    "awardedById": IDS["Member"],
    "byId": IDS["Member"],
    "aboutId": IDS["Post"],
    "sourceId": "0199f1c2b7d87f3a9c5e2d4b6a8f0e13",
    # Segments
    "segmentIds": [IDS["Segment"]],
    "CreateSegmentInput.name": "Divers",
    "ChangeSegmentInput.name": "Divers",
    "Segment.name": "Divers",
    "Segment.rule": {"hasRole": "AMBASSADOR"},
    "withinDays": 90,
    "joinedWithinDays": 30,
    "HasValueInput.field": "rig",
    "HasValueInput.oneOf": ["sloop", "ketch"],
    # Discussions
    "Brand.space(slug)": "general",
    "Space.slug": "general",
    "Space.name": "General",
    "CreateSpaceInput.slug": "general",
    "CreateSpaceInput.name": "General",
    "space": IDS["Space"],
    "replyToId": IDS["Reply"],
    "targetId": IDS["Post"],
    # Events
    "startsAt": "2026-09-12T18:00:00+02:00",
    "endsAt": "2026-09-12T20:00:00+02:00",
    "inPersonSeats": 40,
    "onlineSeats": 500,
    "speakers": ["Ada", "Grace"],
    "durationSeconds": 2700,
    # Feedback
    "board": IDS["Board"],
    "Brand.board(slug)": "wishes",
    "Board.slug": "wishes",
    "Board.name": "Wishes",
    "OpenBoardInput.slug": "wishes",
    "OpenBoardInput.name": "Wishes",
    "Idea.title": "A map of the dark stretches",
    "SubmitIdeaInput.title": "A map of the dark stretches",
    "Idea.body": "With the *year* of each lamp.",
    "SubmitIdeaInput.body": "With the *year* of each lamp.",
    "note": "In the next release.",
    "statusNote": "In the next release.",
    # Notifications
    "notificationIds": [IDS["Notification"]],
    "digestTimeZone": "Europe/Paris",
    # One's own data
    "Me.export(after)": "discussions:",
    "Export.next": "discussions:",
    "ExportItem.kind": "post",
    "ExportItem.data": {"title": "Visits on Fridays"},
    "service": "discussions",
    "views": ["threads"],
}


def illustrate(schema: GraphQLSchema) -> set[str]:
    """Append its example to the description of everything that has one; returns the keys that were used.

    What has no description gets none: the tests find it then.
    """
    used = set()
    for path, described, kind in leaves(schema):
        key = key_of(path, kind)
        if key is not None:
            used.add(key)
            if described.description:
                described.description = f"{described.description}  Example: `{literal(key)}`."
    return used


def leaves(schema: GraphQLSchema) -> Iterator[tuple[str, Any, GraphQLInputType | GraphQLOutputType]]:
    """Every field, argument and input field that is a scalar or a list of them, with its path and type."""
    for path, described in plain(schema):
        kind = getattr(described, "type", None)
        if kind is not None and is_scalar_type(get_named_type(kind)):
            yield path, described, kind


def key_of(path: str, kind: GraphQLInputType | GraphQLOutputType) -> str | None:
    """The key of what stands at a path, None without an example."""
    return next((key for key in (path, name_of(path), get_named_type(kind).name) if key in EXAMPLES), None)


def name_of(path: str) -> str:
    """The bare name of the field, or of the argument, at a path."""
    return path.rstrip(")").replace("(", ".").rpartition(".")[2]


def literal(key: str) -> str:
    """An example as a document and a JSON answer both write it."""
    return msgspec.json.encode(EXAMPLES[key]).decode()
