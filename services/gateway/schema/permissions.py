"""What the sender may do with a thing right now: the services say it, from the rules that decide."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import strawberry

from libs.executor.with_strawberry import Answers
from services.gateway.loaders import Asked, Many
from services.gateway.schema.common import known

#: The services of a brand, each of which answers for its own commands.
SERVICES: Final = ("members", "discussions", "events", "feedback")

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
    ERASE_ME = _to("eraseMe", "erase_member")
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


async def permissions(service: str, kind: str, asked: Asked, **fields: Any) -> Answers[list[Permission]]:
    """What a service permits its viewer to do with each of those things of a kind; one question a scope."""
    return await _VIEWER_CAN[service].present(asked, lambda names, _: known(names, Permission), kind=kind, **fields)


def together(answers: Sequence[Answers[list[Permission]]]) -> Answers[list[Permission]]:
    """What several services permit for each of the same things; an exception of any of them is that of the thing."""
    merged: Answers[list[Permission]] = []
    for of_one in zip(*answers, strict=True):
        failed = next((answer for answer in of_one if isinstance(answer, Exception)), None)
        merged.append(failed or [one for answer in of_one if not isinstance(answer, Exception) for one in answer])
    return merged
