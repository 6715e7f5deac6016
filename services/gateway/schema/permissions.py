"""What the sender may do with a thing right now: the services say it, from the rules that decide."""

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import strawberry

from libs.executor.with_strawberry import Answers
from libs.shared.domain import DomainError
from services.gateway.context import Scope
from services.gateway.loaders import SERVICES, Asked, Many
from services.gateway.schema.common import known

#: What a service that does not answer is told with.
_AWAY: Final = "UNAVAILABLE"

_VIEWER_CAN: Final = {service: Many(service, "viewer_can", list[list[str]]) for service in SERVICES}


def _to(mutation: str, permitted_as: str) -> Any:
    return strawberry.enum_value(permitted_as, description=f"`{mutation}`.")


@strawberry.enum(description="A mutation that may be sent for a thing, by its name.")
class Permission(Enum):
    """Mutations, with the names under which services permit them."""

    CREATE_BRAND = _to("createBrand", "create_brand")
    APPOINT_NETWORK_ADMIN = _to("appointNetworkAdmin", "appoint_admin")
    DISMISS_NETWORK_ADMIN = _to("dismissNetworkAdmin", "dismiss_admin")
    JOIN_BRAND = _to("joinBrand", "join_brand")
    LEAVE_BRAND = _to("leaveBrand", "leave_brand")
    ERASE_ME = _to("eraseMe", "erase_me")
    ERASE_MEMBER = _to("eraseMember", "erase_member")
    CHANGE_PROFILE = _to("changeProfile", "change_profile")
    ACCEPT_RULES = _to("acceptRules", "accept_rules")
    ADMIT_MEMBER = _to("admitMember", "admit_member")
    ENTER_BRAND_STAGE = _to("enterBrandStage", "enter_stage")
    SWITCH_MODULE = _to("switchModule", "switch_module")
    PUBLISH_MANIFESTO = _to("publishManifesto", "publish_manifesto")
    PUBLISH_RULES = _to("publishRules", "publish_rules")
    DESIGN_HOME = _to("designHome", "design_home")
    SET_DOMAIN = _to("setDomain", "set_domain")
    CHOOSE_LOCALE = _to("chooseLocale", "choose_locale")
    GRANT_ROLE = _to("grantRole", "grant_role")
    REVOKE_ROLE = _to("revokeRole", "revoke_role")
    SUSPEND_MEMBER = _to("suspendMember", "suspend_member")
    BAN_MEMBER = _to("banMember", "ban_member")
    REINSTATE_MEMBER = _to("reinstateMember", "reinstate_member")
    GRANT_VERIFIED_MARK = _to("grantVerifiedMark", "grant_verified_mark")
    REVOKE_VERIFIED_MARK = _to("revokeVerifiedMark", "revoke_verified_mark")
    DEFINE_PROFILE_FIELD = _to("defineProfileField", "define_profile_field")
    RETIRE_PROFILE_FIELD = _to("retireProfileField", "retire_profile_field")
    RESTORE_PROFILE_FIELD = _to("restoreProfileField", "restore_profile_field")
    ORDER_PROFILE_FIELDS = _to("orderProfileFields", "order_profile_fields")
    CHOOSE_FIELD_AUDIENCE = _to("chooseFieldAudience", "choose_field_audience")
    SET_PROFILE_FIELDS = _to("setProfileFields", "set_profile_fields")
    HIDE_PROFILE_FIELDS = _to("hideProfileFields", "hide_profile_fields")
    CHOOSE_AVATAR = _to("chooseAvatar", "choose_avatar")
    CHOOSE_MEMBER_LOCALE = _to("chooseMemberLocale", "choose_member_locale")
    SET_EXTERNAL_ID = _to("setExternalId", "set_external_id")
    PUBLISH_CONSENT_PURPOSE = _to("publishConsentPurpose", "publish_consent_purpose")
    RETIRE_CONSENT_PURPOSE = _to("retireConsentPurpose", "retire_consent_purpose")
    RESTORE_CONSENT_PURPOSE = _to("restoreConsentPurpose", "restore_consent_purpose")
    GIVE_CONSENT = _to("giveConsent", "give_consent")
    WITHDRAW_CONSENT = _to("withdrawConsent", "withdraw_consent")
    INVITE_MEMBER = _to("inviteMember", "invite_member")
    INVITE_MEMBERS = _to("inviteMembers", "invite_members")
    RESEND_INVITATION = _to("resendInvitation", "resend_invitation")
    REVOKE_INVITATION = _to("revokeInvitation", "revoke_invitation")
    CREATE_SEGMENT = _to("createSegment", "create_segment")
    CHANGE_SEGMENT = _to("changeSegment", "change_segment")
    DELETE_SEGMENT = _to("deleteSegment", "delete_segment")
    ADD_TO_SEGMENT = _to("addToSegment", "add_to_segment")
    TAKE_FROM_SEGMENT = _to("takeFromSegment", "take_from_segment")
    PUBLISH_JOURNEY = _to("publishJourney", "publish_journey")
    BEGIN_JOURNEY = _to("beginJourney", "begin_journey")
    COMPLETE_JOURNEY_STEP = _to("completeJourneyStep", "complete_step")
    SKIP_JOURNEY_STEP = _to("skipJourneyStep", "skip_step")
    SET_NUDGE_RULE = _to("setNudgeRule", "set_nudge_rule")
    CHOOSE_NUDGES = _to("chooseNudges", "choose_nudges")
    PUBLISH_RECOGNITION_RULES = _to("publishRecognitionRules", "publish_recognition_rules")
    AWARD_BADGE = _to("awardBadge", "award_badge")
    REVOKE_BADGE = _to("revokeBadge", "revoke_badge")
    SPOTLIGHT_MEMBER = _to("spotlightMember", "spotlight_member")
    END_SPOTLIGHT = _to("endSpotlight", "end_spotlight")
    SHOW_ON_LEADERBOARD = _to("showOnLeaderboard", "show_on_leaderboard")
    CONFIGURE_DIRECTORY = _to("configureDirectory", "configure_directory")
    MAP_GROUP_TO_ROLE = _to("mapGroupToRole", "map_group_to_role")
    FOLLOW = _to("follow", "follow")
    UNFOLLOW = _to("unfollow", "unfollow")
    MUTE = _to("mute", "mute")
    READ_NOTIFICATIONS = _to("readNotifications", "read_notices")
    CHOOSE_NOTIFICATIONS = _to("chooseNotifications", "choose_notifications")
    SWITCH_NOTIFICATION_MAIL = _to("switchNotificationMail", "switch_mail")
    CHOOSE_DIGEST_TIME_ZONE = _to("chooseDigestTimeZone", "choose_digest_zone")
    PROPOSE_NOTIFICATION_DEFAULTS = _to("proposeNotificationDefaults", "propose_defaults")
    CHOOSE_NETWORKING = _to("chooseNetworking", "choose_networking")
    LEAVE_NETWORKING = _to("leaveNetworking", "leave_networking")
    OFFER_TAGS = _to("offerTags", "offer_tags")
    DISMISS_SUGGESTION = _to("dismissSuggestion", "dismiss_suggestion")
    BLOCK_MEMBER = _to("blockMember", "block_member")
    UNBLOCK_MEMBER = _to("unblockMember", "unblock_member")
    SIGN_OUT_MEMBER = _to("signOutMember", "end_sessions_of_member")
    CREATE_SERVICE_ACCOUNT = _to("createServiceAccount", "create_service_account")
    ISSUE_API_KEY = _to("issueApiKey", "issue_api_key")
    REVOKE_API_KEY = _to("revokeApiKey", "revoke_api_key")
    CLOSE_SERVICE_ACCOUNT = _to("closeServiceAccount", "close_service_account")
    CREATE_SPACE = _to("createSpace", "create_space")
    CHANGE_SPACE_AUDIENCE = _to("changeSpaceAudience", "change_space_audience")
    PUBLISH_POST = _to("publishPost", "publish_post")
    CHANGE_TAGS = _to("changeTags", "change_tags")
    PUBLISH_REPLY = _to("publishReply", "publish_reply")
    LOCK_THREAD = _to("lockThread", "lock_thread")
    UNLOCK_THREAD = _to("unlockThread", "unlock_thread")
    ADD_REACTION = _to("addReaction", "add_reaction")
    REMOVE_REACTION = _to("removeReaction", "remove_reaction")
    SCHEDULE_EVENT = _to("scheduleEvent", "schedule_event")
    CANCEL_EVENT = _to("cancelEvent", "cancel_event")
    CHANGE_EVENT_AUDIENCE = _to("changeEventAudience", "change_event_audience")
    INVITE_TO_EVENT = _to("inviteToEvent", "invite_to_event")
    WITHDRAW_EVENT_INVITATIONS = _to("withdrawEventInvitations", "withdraw_event_invitations")
    RSVP = _to("rsvp", "rsvp")
    CANCEL_RSVP = _to("cancelRsvp", "cancel_rsvp")
    CHECK_IN = _to("checkIn", "check_in")
    OPEN_BOARD = _to("openBoard", "open_board")
    SUBMIT_IDEA = _to("submitIdea", "submit_idea")
    CHANGE_IDEA_STATUS = _to("changeIdeaStatus", "change_idea_status")
    CAST_VOTE = _to("castVote", "cast_vote")
    WITHDRAW_VOTE = _to("withdrawVote", "withdraw_vote")


async def permissions(
    kind: str, asked: Asked, *services: str, identity: str | None = None
) -> Answers[list[Permission]]:
    """What `services` permit their viewer to do with each of those things of a kind; each is asked once a scope.

    `identity` is the viewer's, which the members service alone learns.  Nothing can be sent to a service that is away.
    """
    those = list(asked)
    told = {"members": {"identity": identity}} if identity else {}
    answers = (
        _VIEWER_CAN[service].present(those, _permissions, kind=kind, **told.get(service, {})) for service in services
    )
    return [_together(of_one) for of_one in zip(*await asyncio.gather(*answers), strict=True)]


def _permissions(names: list[str], _: Scope) -> list[Permission]:
    return known(names, Permission)


def _together(answers: Sequence[list[Permission] | Exception]) -> list[Permission] | Exception:
    """What several services permit for the same thing."""
    failed = [one for one in answers if isinstance(one, Exception)]
    refused = [one for one in failed if not (isinstance(one, DomainError) and one.code == _AWAY)]
    if refused or len(failed) == len(answers):
        return [*refused, *failed][0]
    return [one for answer in answers if not isinstance(answer, Exception) for one in answer]
