"""Who may do what in a brand, each test named for its need, through GraphQL on a real platform."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from libs.access.erasure import SERVICES
from libs.access.permissions import ViewerCan
from libs.shared.domain import SYSTEM
from libs.shared.ids import uuid7
from libs.shared.testing.platform import OPERATOR, Platform
from services.gateway import consistency
from services.gateway import ids as global_ids
from tests.integration.community import Community, accepted, found, furnish, refused
from tests.integration.test_gate import COMMANDS, Brand
from tests.integration.test_needs_members import brand as fields_of
from tests.integration.test_needs_members import until

#: What neither a suspension nor a ban stops, and why.
STILL_ALLOWED: Final[Mapping[str, str]] = {
    "cmd.members.member.leave_brand": "nobody is held in a brand",
    "cmd.members.member.erase_member": "who wants to be forgotten is, whatever they did",
    "cmd.members.member.hide_profile_fields": "who wants to show less of themselves can",
    "cmd.members.member.withdraw_consent": "to withdraw a consent is as easy as to give it",
    "cmd.members.invitation.accept_invitation": "the invitation and the door decide, as when joining",
    "cmd.members.mail_address.opt_out_of_mail": "who wants no mails gets none",
    "cmd.members.mail_address.opt_in_to_mail": "and may think again by the same link",
    "cmd.members.network.create_network": "a network stands above brands",
    "cmd.members.network.appoint_admin": "a network stands above brands",
    "cmd.members.network.dismiss_admin": "a network stands above brands",
    "cmd.members.brand.create_brand": "a brand that is not there yet knows nothing of it",
    "cmd.members.session.end_sessions": "sessions stand above brands",
}


async def person(platform: Platform, made: Community, name: str) -> tuple[str, str]:
    """Somebody who has just joined: their subject, and their id in the brand."""
    subject = f"{name.lower()}-{made.slug}"
    joined = await accepted(platform, subject, "joinBrand", brandId=made.ids["Brand"], displayName=name)
    return subject, joined["member"]["id"]


async def shown_everywhere(platform: Platform, made: Community, token: str) -> None:
    """Return when every service knows of a change: within one projection lag."""
    found_ = global_ids.decode(made.ids["Brand"])
    assert found_ is not None
    position = consistency.decode(token)
    async with platform.bus() as bus:
        for service in SERVICES:
            query = ViewerCan(brand=found_.key, viewer=SYSTEM, kind="none", ids=[], at_least=position)
            await bus.query(service, query.wire_name, query, list[list[str]])


async def fields(platform: Platform, made: Community, wanted: str, subject: str, token: str | None = None) -> Any:
    return await fields_of(platform, made, wanted, subject, token)


async def errors(platform: Platform, made: Community, wanted: str, subject: str) -> list[str]:
    """The codes of what a sender is refused when they read."""
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ {wanted} }} }}"
    answer = await platform.graphql(query, {"slug": made.slug}, platform.token(subject))
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


async def test_need_14_a_role_is_for_one_space_with_an_end_and_its_grantor_is_known(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    subject, member = await person(platform, made, "Mo")
    here, elsewhere = made.ids["Space"], "other"
    other = await accepted(platform, made.owner, "createSpace", brandId=made.ids["Brand"], slug=elsewhere, name="Other")
    post = {"title": "T", "body": "B"}
    there = await accepted(platform, made.owner, "publishPost", spaceId=other["space"]["id"], **post)
    ends = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    role = {"memberId": member, "role": "MODERATOR", "spaceId": here}
    granted = await accepted(platform, made.owner, "grantRole", **role, expiresAt=ends.isoformat())
    [grant] = granted["member"]["standing"]["grants"]
    assert (grant["role"], grant["spaceId"], datetime.fromisoformat(grant["expiresAt"])) == ("MODERATOR", here, ends)
    assert granted["member"]["roles"] == ["MEMBER"], "not in the whole brand"
    await shown_everywhere(platform, made, granted["consistencyToken"])

    await accepted(platform, subject, "lockThread", postId=made.ids["Post"])
    assert await refused(platform, subject, "lockThread", postId=there["post"]["id"]) == ["FORBIDDEN"]
    assert await refused(platform, subject, "changeIdeaStatus", ideaId=made.ids["Idea"], status="PLANNED") == [
        "FORBIDDEN"
    ]
    assert await refused(platform, subject, "banMember", memberId=made.ids["Member"], reason="R") == ["FORBIDDEN"]

    revoked = await accepted(platform, made.owner, "revokeRole", **role)
    assert revoked["member"]["standing"]["grants"] == []
    await shown_everywhere(platform, made, revoked["consistencyToken"])
    assert await refused(platform, subject, "unlockThread", postId=made.ids["Post"]) == ["FORBIDDEN"]

    history = f'roleHistory(memberId: "{member}") {{ nodes {{ kind role spaceId expiresAt by {{ id }} }} }}'
    for reader in (made.owner, subject):
        shown = await fields(platform, made, history, reader, revoked["consistencyToken"])
        [last, first] = shown["roleHistory"]["nodes"]
        by = {"id": made.ids["Owner"]}
        assert last == {"kind": "REVOKED", "role": "MODERATOR", "spaceId": here, "expiresAt": None, "by": by}
        assert (first["kind"], first["by"], datetime.fromisoformat(first["expiresAt"])) == ("GRANTED", by, ends)
    assert await errors(platform, made, history, made.member) == ["FORBIDDEN"]


async def test_need_14_a_role_that_ends_soon_is_taken_by_itself_and_once(platform: Platform) -> None:
    made = await found(platform)
    subject, member = await person(platform, made, "Amy")
    ends = datetime.now(UTC) + timedelta(seconds=1)
    role = {"memberId": member, "role": "BUILDER"}
    await accepted(platform, made.owner, "grantRole", **role, expiresAt=ends.isoformat())
    history = f'roleHistory(memberId: "{member}") {{ nodes {{ kind by {{ id }} }} }} viewer {{ roles }}'
    shown = await until(platform, made, history, subject, lambda shown: len(shown["roleHistory"]["nodes"]) == 2)
    assert shown["roleHistory"]["nodes"] == [
        {"kind": "EXPIRED", "by": None},
        {"kind": "GRANTED", "by": {"id": made.ids["Owner"]}},
    ]
    space = {"brandId": made.ids["Brand"], "slug": "mine", "name": "Mine"}
    assert await refused(platform, subject, "createSpace", **space) == ["FORBIDDEN"]
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert await refused(platform, made.owner, "grantRole", **role, expiresAt=past.isoformat()) == ["INVALID"]
    owner = {"memberId": member, "role": "OWNER", "expiresAt": (past + timedelta(days=9)).isoformat()}
    assert await refused(platform, made.owner, "grantRole", **owner) == ["INVALID"], (
        "no brand loses its owner by a clock"
    )


async def test_need_36_a_guest_speaker_speaks_where_leaders_do(platform: Platform) -> None:
    made = await found(platform)
    subject, member = await person(platform, made, "Gus")
    space = {"brandId": made.ids["Brand"], "name": "News", "kind": "BROADCAST"}
    news, other = [
        (await accepted(platform, made.owner, "createSpace", **space, slug=slug))["space"]["id"]
        for slug in ("news", "more")
    ]
    post = {"title": "My day at the works", "body": "It began early."}
    assert await refused(platform, subject, "publishPost", spaceId=news, **post) == ["FORBIDDEN"]
    role = {"memberId": member, "role": "GUEST_SPEAKER", "spaceId": news}
    granted = await accepted(platform, made.owner, "grantRole", **role)
    await shown_everywhere(platform, made, granted["consistencyToken"])
    await accepted(platform, subject, "publishPost", spaceId=news, **post)
    assert await refused(platform, subject, "publishPost", spaceId=other, **post) == ["FORBIDDEN"]
    assert await refused(platform, subject, "publishPost", spaceId=news, **post, official=True) == ["FORBIDDEN"]
    builder = {"memberId": member, "role": "BUILDER", "spaceId": other}
    granted = await accepted(platform, made.owner, "grantRole", **builder)
    await shown_everywhere(platform, made, granted["consistencyToken"])
    await accepted(platform, subject, "publishPost", spaceId=other, **post, official=True)
    assert await refused(platform, subject, "createSpace", **space, slug="mine") == ["FORBIDDEN"]


async def test_need_40_who_is_suspended_reads_and_writes_nothing_until_reinstated(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    subject, member = await person(platform, made, "Sam")
    moderator, mo = await person(platform, made, "Mo")
    granted = await accepted(platform, made.owner, "grantRole", memberId=mo, role="MODERATOR")
    await shown_everywhere(platform, made, granted["consistencyToken"])
    reply = {"postId": made.ids["Post"], "body": "Well"}
    await accepted(platform, subject, "publishReply", **reply)

    until_ = (datetime.now(UTC) + timedelta(days=7)).replace(microsecond=0)
    given = {"memberId": member, "reason": "Insulted Mona"}
    assert await refused(platform, moderator, "suspendMember", **{**given, "memberId": mo}) == ["FORBIDDEN"]
    assert await refused(platform, moderator, "suspendMember", **{**given, "memberId": made.ids["Owner"]}) == [
        "FORBIDDEN"
    ]
    assert await refused(platform, made.member, "suspendMember", **given) == ["FORBIDDEN"]
    assert await refused(platform, moderator, "suspendMember", **given, until="2020-01-01T00:00:00Z") == ["INVALID"]
    done = await accepted(platform, moderator, "suspendMember", **given, until=until_.isoformat())
    exclusion = done["member"]["standing"]["exclusion"]
    assert (exclusion["banned"], exclusion["reason"]) == (False, "Insulted Mona")
    assert datetime.fromisoformat(exclusion["until"]) == until_
    await shown_everywhere(platform, made, done["consistencyToken"])
    assert await refused(platform, subject, "publishReply", **reply) == ["SUSPENDED"]
    assert await refused(platform, subject, "changeProfile", brandId=made.ids["Brand"], displayName="X") == [
        "SUSPENDED"
    ]

    mine = "viewer { displayName standing { exclusion { reason until } } } posts { nodes { title } } viewerCan"
    shown = await fields(platform, made, mine, subject)
    assert shown["viewer"]["standing"]["exclusion"]["reason"] == "Insulted Mona", "who is suspended is told why"
    assert [node["title"] for node in shown["posts"]["nodes"]] == ["Hello"]
    assert set(shown["viewerCan"]) == {"LEAVE_BRAND", "ERASE_ME", "HIDE_PROFILE_FIELDS"}
    out = "excludedMembers { nodes { member { displayName } } }"
    assert await errors(platform, made, out, made.member) == ["FORBIDDEN"]
    excluded = await fields(platform, made, out, moderator, done["consistencyToken"])
    assert excluded["excludedMembers"]["nodes"] == [{"member": {"displayName": "Sam"}}]
    theirs = f'member(id: "{member}") {{ standing {{ exclusion {{ reason }} }} }}'
    assert (await fields(platform, made, theirs, made.member))["member"] == {"standing": {"exclusion": None}}

    lifted = await accepted(platform, moderator, "reinstateMember", memberId=member, reason="Said sorry")
    await accepted(platform, subject, "publishReply", **reply)
    actions = f"""standingActions(memberId: "{member}") {{ nodes {{ kind reason by {{ id }} at member {{ id }} }} }}
      excludedMembers {{ nodes {{ member {{ displayName }} }} }}"""
    audit = await fields(platform, made, actions, moderator, lifted["consistencyToken"])
    shown = [(node["kind"], node["reason"], node["by"]["id"]) for node in audit["standingActions"]["nodes"]]
    assert shown == [("REINSTATED", "Said sorry", mo), ("SUSPENDED", "Insulted Mona", mo)]
    assert audit["excludedMembers"]["nodes"] == []
    assert await errors(platform, made, "standingActions { nodes { reason } }", made.member) == ["FORBIDDEN"]


async def test_need_40_a_suspension_ends_by_itself(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    subject, member = await person(platform, made, "Sam")
    ends = datetime.now(UTC) + timedelta(seconds=1)
    await accepted(platform, made.owner, "suspendMember", memberId=member, reason="Noise", until=ends.isoformat())
    query = f'standingActions(memberId: "{member}") {{ nodes {{ kind by {{ id }} }} }}'
    shown = await until(platform, made, query, subject, lambda shown: len(shown["standingActions"]["nodes"]) == 2)
    assert shown["standingActions"]["nodes"][0] == {"kind": "REINSTATED", "by": None}
    await accepted(platform, subject, "publishReply", postId=made.ids["Post"], body="I am back")


async def test_need_40_who_is_banned_reads_nothing_and_does_not_come_back_until_reinstated(platform: Platform) -> None:
    made = await found(platform)
    await furnish(platform, made)
    subject, member = await person(platform, made, "Bea")
    done = await accepted(platform, made.owner, "banMember", memberId=member, reason="Sells the list of members")
    assert done["member"]["standing"]["exclusion"] == {
        "banned": True,
        "reason": "Sells the list of members",
        "until": None,
    }
    await shown_everywhere(platform, made, done["consistencyToken"])
    inside = ["members { nodes { id } }", "posts { nodes { id } }", "events { nodes { id } }", "ideas { nodes { id } }"]
    for wanted in inside:
        assert await errors(platform, made, wanted, subject) == ["FORBIDDEN"]
    shown = await fields(platform, made, "viewer { id } viewerCan", subject)
    assert shown == {"viewer": None, "viewerCan": ["ERASE_ME"]}
    join = {"brandId": made.ids["Brand"], "displayName": "Bea again"}
    assert await refused(platform, subject, "joinBrand", **join) == ["BANNED"]
    place = {"brandId": made.ids["Brand"], "identity": platform.identity(subject)}
    assert await refused(platform, made.owner, "admitMember", **place) == ["BANNED"]
    public = await fields(platform, made, "memberCount", made.owner, done["consistencyToken"])
    assert public["memberCount"] == len(("founder", "owner", "member"))
    await accepted(platform, made.owner, "reinstateMember", memberId=member, reason="It was somebody else")
    back = await accepted(platform, subject, "joinBrand", **join)
    assert back["member"]["id"] == member, "the same member as before"


@pytest.fixture
async def gated(platform: Platform) -> Any:
    """A brand that is open, with a member in it who may be excluded."""
    async with platform.bus() as bus:
        made = Brand(bus, platform, uuid7(), "", "")
        network = uuid7()
        await made.send(
            "members.network.create_network", SYSTEM, brand="_", network_id=network, name="Net", slug=network
        )
        await made.send(
            "members.brand.create_brand", SYSTEM, brand_id=made.id, network_id=network, name="B", slug=made.id,
            kind="club", locale="en", founder=platform.identity(OPERATOR), founder_name="Olga",
        )  # fmt: skip
        member = platform.member("member", made.id)
        identity = platform.identity("member")
        await made.send("members.member.join_brand", SYSTEM, member_id=member, identity=identity, display_name="Mona")
        yield made._replace(owner=platform.member(OPERATOR, made.id), member=member)


async def outcomes(gated: Brand) -> dict[str, str | None]:
    """What every command of every service comes to for the member, but for those that nothing stops."""
    oneself = {"member_id": gated.member, "identity": gated.platform.identity("member"), "asker": gated.member}
    oneself["purpose"] = "digest"  # one that there is
    found: dict[str, str | None] = {}
    for subject in COMMANDS:
        if subject not in STILL_ALLOWED and not subject.endswith(".join_brand"):
            found[subject] = await gated.outcome(subject, gated.member, **oneself)
    return found


async def known_everywhere(gated: Brand, command: str, **fields: Any) -> None:
    """Exclude the member, and wait for one projection lag: until each service's view shows it, and no longer."""
    envelope = {"command_id": uuid7(), "brand": gated.id, "actor": SYSTEM, "now": datetime.now(UTC)}
    message = {**envelope, "member_id": gated.member, "reason": "R", **fields}
    position = (await gated.bus.command("members", "member", command, message)).position
    queries = [ViewerCan(brand=gated.id, viewer=gated.member, kind="none", ids=[], at_least=position) for _ in SERVICES]
    await asyncio.gather(
        *(
            gated.bus.query(service, query.wire_name, query, list[list[str]])
            for service, query in zip(SERVICES, queries, strict=True)
        )
    )


@pytest.mark.parametrize("subject", sorted(STILL_ALLOWED))
def test_what_is_allowed_still_is_a_command(subject: str) -> None:
    assert subject in COMMANDS


async def test_need_40_a_suspension_holds_on_the_next_write_in_every_service(gated: Brand) -> None:
    before = await outcomes(gated)
    assert set(before.values()) > {None} and "SUSPENDED" not in before.values()
    await known_everywhere(gated, "suspend_member")
    after = await outcomes(gated)
    assert after == dict.fromkeys(after, "SUSPENDED")
    for subject in ("cmd.members.member.leave_brand", "cmd.members.member.erase_member"):
        assert await gated.outcome(subject, gated.member, member_id=gated.member) is None


async def test_need_40_a_ban_holds_on_the_next_write_in_every_service(gated: Brand) -> None:
    await known_everywhere(gated, "ban_member")
    after = await outcomes(gated)
    codes = {subject: code for subject, code in after.items() if code not in {"FORBIDDEN", "NOT_A_MEMBER"}}
    assert codes == {}
    assert await gated.outcome("cmd.members.member.erase_member", gated.member, member_id=gated.member) is None


async def test_need_41_a_verified_mark_is_for_the_name_that_was_seen(platform: Platform) -> None:
    made = await found(platform)
    subject, member = await person(platform, made, "Vera")
    one = {"memberId": member}
    assert await refused(platform, made.member, "grantVerifiedMark", **one) == ["FORBIDDEN"]
    assert await refused(platform, made.owner, "grantVerifiedMark", memberId=made.ids["Owner"]) == ["FORBIDDEN"]
    done = await accepted(platform, made.owner, "grantVerifiedMark", **one)
    assert done["member"]["verified"] is True
    marks = "members { nodes { displayName verified } }"
    shown = await fields(platform, made, marks, made.member, done["consistencyToken"])
    assert [node["displayName"] for node in shown["members"]["nodes"] if node["verified"]] == ["Vera"]
    renamed = await accepted(platform, subject, "changeProfile", brandId=made.ids["Brand"], displayName="The Bank")
    shown = await fields(platform, made, marks, made.member, renamed["consistencyToken"])
    assert not any(node["verified"] for node in shown["members"]["nodes"]), "nobody vouches for the new name"
    await accepted(platform, made.owner, "grantVerifiedMark", **one)
    assert (await accepted(platform, made.owner, "revokeVerifiedMark", **one))["member"]["verified"] is False


async def test_need_28_a_network_has_several_admins_who_open_brands(platform: Platform) -> None:
    made = await found(platform)
    network, tag = made.ids["Network"], made.slug
    ines, paul = f"ines-{tag}", f"paul-{tag}"

    def opening(number: int) -> dict[str, str]:
        return {"networkId": network, "slug": f"{tag}-{number}", "name": "N", "kind": "CLUB", "founderName": "F"}

    appoint = {"networkId": network, "identity": platform.identity(ines)}
    assert await refused(platform, ines, "createBrand", **opening(1)) == ["FORBIDDEN"]
    assert await refused(platform, ines, "appointNetworkAdmin", **appoint) == ["FORBIDDEN"]
    last = {"networkId": network, "identity": platform.identity(OPERATOR)}
    assert await refused(platform, OPERATOR, "dismissNetworkAdmin", **last) == ["LAST_ADMIN"]
    done = await accepted(platform, OPERATOR, "appointNetworkAdmin", **appoint)
    assert [one["identity"] for one in done["network"]["admins"]] == [
        platform.identity(who) for who in (OPERATOR, ines)
    ]
    await accepted(platform, ines, "createBrand", **opening(1))
    third = {"networkId": network, "identity": platform.identity(paul)}
    await accepted(platform, ines, "appointNetworkAdmin", **third)
    gone = await accepted(platform, paul, "dismissNetworkAdmin", **appoint)
    assert await refused(platform, ines, "createBrand", **opening(2)) == ["FORBIDDEN"]
    await accepted(platform, paul, "createBrand", **opening(2))

    query = "query($id: ID!) { node(id: $id) { ... on Network { admins { identity appointedBy } viewerCan } } }"
    for reader, visible in ((paul, True), (OPERATOR, True), (ines, False), (made.owner, False)):
        answer = await platform.graphql(
            query, {"id": network}, platform.token(reader), consistency_token=gone["consistencyToken"]
        )
        node = answer["data"]["node"]
        if not visible:
            assert node == {"admins": None, "viewerCan": []}
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
            continue
        by = [platform.identity(OPERATOR), platform.identity(ines)]
        assert [one["appointedBy"] for one in node["admins"]] == by
        assert set(node["viewerCan"]) == {"APPOINT_NETWORK_ADMIN", "CREATE_BRAND", "DISMISS_NETWORK_ADMIN"}
    anonymous = await platform.graphql(query, {"id": network})
    assert {error["extensions"]["code"] for error in anonymous["errors"]} == {"UNAUTHENTICATED"}
