"""Mails follow members who have another e-mail address (needs 33, 56), on a real platform and a real mail server."""

from typing import Any

import httpx

from libs.shared.ids import uuid7
from libs.shared.testing.platform import PUBLIC_URL, Platform
from services.gateway import ids
from tests.integration.community import Community, accepted, document, found
from tests.integration.scim_client import scim_brand
from tests.integration.test_needs_mail import text_of
from tests.integration.test_needs_notices import until


def mailbox(name: str) -> str:
    """An address that no other test has."""
    return f"{name}-{uuid7()[-12:]}@example.org"


async def sign_in(platform: Platform, made: Community, subject: str, email: str, *, verified: bool = True) -> str:
    """What a client does when somebody signs in: join, with what the issuer says of them; returns the member's id."""
    token = platform.token(subject, email=email, email_verified=verified)
    given = {"input": {"brandId": made.ids["Brand"], "displayName": "Addie"}}
    joined = (await platform.graphql(document("joinBrand"), given, token))["data"]["joinBrand"]
    assert joined["errors"] == []
    member: str = joined["member"]["id"]
    return member


async def wants_mail(platform: Platform, made: Community, subject: str) -> None:
    """Let a member have a mail for each role that they are granted."""
    wish = {"kind": "ROLE_GRANTED", "mail": "NOW"}
    await accepted(platform, subject, "chooseNotifications", brandId=made.ids["Brand"], **wish)


async def mail(platform: Platform, made: Community, member: str, role: str, to: str, number: int = 1) -> Any:
    """Tell a member something new; returns the mail about it, the `number`th that comes to that address."""
    await accepted(platform, made.owner, "grantRole", memberId=member, role=role)
    mails = await platform.mailbox.wait(to, number)
    assert len(mails) == number
    return mails[-1]


async def test_need_56_mails_go_where_the_token_says_when_a_member_signs_in_again(platform: Platform) -> None:
    made = await found(platform)
    subject = f"addie-{made.slug}"
    typed, old, new, newest = [mailbox(name) for name in ("typed", "old", "new", "newest")]
    member = await sign_in(platform, made, subject, typed, verified=False)
    await wants_mail(platform, made, subject)
    await sign_in(platform, made, subject, old)
    first = await mail(platform, made, member, "AMBASSADOR", old)
    for _ in range(2):
        await sign_in(platform, made, subject, new)
    await sign_in(platform, made, subject, typed, verified=False)
    last = await mail(platform, made, member, "MODERATOR", new)
    assert "Addie" in text_of(first) and "Addie" in text_of(last)
    assert [len(platform.mailbox.of(address)) for address in (typed, old, new)] == [0, 1, 1]

    link = last["List-Unsubscribe"].strip("<>").replace(PUBLIC_URL, platform.url)
    async with httpx.AsyncClient() as client:
        assert (await client.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    await sign_in(platform, made, subject, newest)
    await accepted(platform, made.owner, "grantRole", memberId=member, role="BUILDER")
    await until(platform, made, subject, "ROLE_GRANTED", lambda told: told["role"] == "BUILDER")
    on = await accepted(platform, subject, "switchNotificationMail", brandId=made.ids["Brand"], on=True)
    assert on["choices"]["mailOff"] is False
    await mail(platform, made, member, "GUEST_SPEAKER", newest)  # the first there: they were told of BUILDER without


async def test_need_33_mails_go_where_the_directory_says(platform: Platform) -> None:
    brand = await scim_brand(platform)
    subject, made = f"oid-{uuid7()[-12:]}", brand.made
    old, new, own, newest = [mailbox(name) for name in ("old", "new", "own", "newest")]
    async with brand.http:
        said = {"type": "work", "primary": True}
        user = await brand.user(externalId=subject, emails=[{**said, "value": old}])
        member, path = ids.encode("Member", made.brand, user["id"]), f"/Users/{user['id']}"
        await wants_mail(platform, made, subject)
        await mail(platform, made, member, "AMBASSADOR", old)
        await brand.patch(path, {"op": "replace", "path": 'emails[type eq "work"].value', "value": new})
        await mail(platform, made, member, "MODERATOR", new)
        # What the token proves is newer than what the directory goes on to say, until that says something else.
        assert await sign_in(platform, made, subject, own) == member
        await brand.patch(path, {"op": "replace", "path": "title", "value": "Countess"})
        await mail(platform, made, member, "BUILDER", own)
        await brand.patch(path, {"op": "remove", "path": "emails"})
        await mail(platform, made, member, "GUEST_SPEAKER", own, 2)
        await brand.done("PUT", path, {**user, "emails": [{**said, "value": newest}]})
        await mail(platform, made, member, "OWNER", newest)
    assert [len(platform.mailbox.of(address)) for address in (old, new, own, newest)] == [1, 1, 2, 1]


async def test_need_33_who_joined_without_an_address_has_the_directorys(platform: Platform) -> None:
    brand = await scim_brand(platform)
    made, address = brand.made, mailbox("mona")
    async with brand.http:
        user = await brand.user(externalId=made.member, emails=[{"value": address, "primary": True}])
    assert ids.encode("Member", made.brand, user["id"]) == made.ids["Member"]
    await wants_mail(platform, made, made.member)
    await mail(platform, made, made.ids["Member"], "AMBASSADOR", address)
