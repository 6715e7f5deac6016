"""What people need of e-mail, each test named for its need, on a real platform and a real mail server."""

import html
import io
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from rich.console import Console

from libs.cli.import_report import Outcome, Report
from libs.cli.importer import import_files
from libs.cli.inviting import invite_files
from libs.shared.testing.platform import PUBLIC_URL, Platform
from tests.integration.community import Community, accepted, found, refused, run
from tests.integration.test_needs_members import brand, until


def address(made: Community, who: str) -> str:
    return f"{who}-{made.slug}@example.org"


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def token_in(mail: EmailMessage) -> str:
    found = re.search(r"/invitations/([A-Za-z0-9._-]+)", text_of(mail))
    assert found is not None, text_of(mail)
    return found[1]


async def invite(platform: Platform, made: Community, who: str, **more: Any) -> tuple[str, str]:
    """Invite somebody; returns the invitation's id and the token in its mail."""
    to = address(made, who)
    answer = await accepted(platform, made.owner, "inviteMember", brandId=made.ids["Brand"], address=to, **more)
    [mail] = await platform.mailbox.wait(to)
    return answer["invitation"]["id"], token_in(mail)


async def test_need_34_an_invitation_by_mail_lets_somebody_into_a_beta(platform: Platform) -> None:
    made = await found(platform, stage="BETA")
    id_, guest = made.ids["Brand"], f"guest-{made.slug}"
    assert await refused(platform, guest, "joinBrand", brandId=id_, displayName="Gus") == ["BRAND_NOT_OPEN"]
    invitation, token = await invite(platform, made, "gus", role="MODERATOR", name="Gus", message="Viens !\nOlga")
    [mail] = platform.mailbox.of(address(made, "gus"))
    assert mail["Subject"] == "Olga vous invite à rejoindre Acme", "in the language of the brand"
    assert mail["From"] == "Acme <community@example.org>"
    assert "Bonjour Gus," in text_of(mail) and "> Viens !" in text_of(mail)
    assert f"{PUBLIC_URL}/invitations/{token}" in text_of(mail)
    offer = await platform.graphql(
        "query($token: String!) { invitationOffer(token: $token) { brandSlug role status } }", {"token": token}
    )
    assert offer["data"]["invitationOffer"] == {"brandSlug": made.slug, "role": "MODERATOR", "status": "PENDING"}

    given = {"brandId": id_, "token": token, "displayName": "Gus"}
    first = await accepted(platform, guest, "acceptInvitation", **given)
    assert set(first["member"]["roles"]) == {"MEMBER", "MODERATOR"}
    again = await accepted(platform, guest, "acceptInvitation", **given)
    assert again["member"] == first["member"], "twice is the same as once"
    thief = f"thief-{made.slug}"
    assert await refused(platform, thief, "acceptInvitation", **given) == ["INVITATION_USED"]
    await accepted(platform, guest, "leaveBrand", brandId=id_)
    assert await refused(platform, guest, "acceptInvitation", **given) == ["INVITATION_USED"], "it is for once"
    assert await refused(platform, guest, "joinBrand", brandId=id_, displayName="Gus") == ["BRAND_NOT_OPEN"]
    fields = "invitations { nodes { id status address name message acceptedBy { displayName } } totalCount }"
    shown = await until(
        platform, made, fields, made.owner, lambda shown: shown["invitations"]["nodes"][0]["address"] is None
    )
    [node] = shown["invitations"]["nodes"]
    assert node == {
        "id": invitation, "status": "ACCEPTED", "address": None, "name": None, "message": None,
        "acceptedBy": {"displayName": "Gus"},
    }, "nobody needs the address any more"  # fmt: skip


async def test_need_34_an_invitation_is_taken_back_and_only_leaders_send_them(platform: Platform) -> None:
    made, other = await found(platform), await found(platform)
    invitation, token = await invite(platform, made, "ida")
    given = {"brandId": made.ids["Brand"], "token": token, "displayName": "Ida"}
    guest = f"ida-{made.slug}"
    assert await refused(platform, guest, "acceptInvitation", **{**given, "brandId": other.ids["Brand"]}) == [
        "INVALID_INVITATION"
    ]
    assert await refused(platform, guest, "acceptInvitation", **{**given, "token": f"{token[:-1]}_"}) == [
        "INVALID_INVITATION"
    ]
    twice = {"brandId": made.ids["Brand"], "address": address(made, "Ida").upper().replace("IDA", "Ida")}
    assert (await accepted(platform, made.owner, "inviteMember", **twice))["invitation"]["id"] == invitation
    assert await refused(platform, made.member, "inviteMember", **twice) == ["FORBIDDEN"]
    wrong = {**twice, "address": "ida@localhost"}
    assert await refused(platform, made.owner, "inviteMember", **wrong) == ["INVALID"]
    assert await refused(platform, made.owner, "resendInvitation", invitationId=invitation) == ["TOO_SOON"]
    revoked = await accepted(platform, made.owner, "revokeInvitation", invitationId=invitation)
    assert revoked["invitation"]["status"] == "REVOKED"
    assert await refused(platform, guest, "acceptInvitation", **given) == ["INVITATION_REVOKED"]
    assert len(platform.mailbox.of(address(made, "ida"))) == 1, "one mail, whatever was tried"
    again = await accepted(platform, made.owner, "inviteMember", **twice)
    assert again["invitation"]["id"] == invitation
    mails = await platform.mailbox.wait(address(made, "ida"), 2)
    assert await refused(platform, guest, "acceptInvitation", **given) == ["INVALID_INVITATION"], "that was the old one"
    await accepted(platform, guest, "acceptInvitation", **{**given, "token": token_in(mails[1])})


async def test_need_34_leaders_see_what_became_of_the_mails(platform: Platform) -> None:
    made = await found(platform)
    platform.mailbox.replies[address(made, "gone")] = ["550 no such user"]
    await accepted(
        platform, made.owner, "inviteMember", brandId=made.ids["Brand"], address=address(made, "gone"), language="en"
    )
    await invite(platform, made, "here", language="en")
    [mail] = platform.mailbox.of(address(made, "here"))
    assert mail["Subject"] == "Olga invites you to Acme"
    shown = await until(
        platform,
        made,
        "invitations { nodes { address status } }",
        made.owner,
        lambda shown: {node["status"] for node in shown["invitations"]["nodes"]} == {"SENT", "BOUNCED"},
    )
    assert {node["address"]: node["status"] for node in shown["invitations"]["nodes"]} == {
        address(made, "here"): "SENT", address(made, "gone"): "BOUNCED",
    }  # fmt: skip
    query = "query($slug: String!) { brand(slug: $slug) { invitations { nodes { address } } } }"
    answer = await platform.graphql(query, {"slug": made.slug}, platform.token(made.member))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


@pytest.mark.parametrize("one_click", [True, False])
async def test_need_34_who_wants_no_mails_gets_none_of_that_brand(platform: Platform, one_click: bool) -> None:
    made, other = await found(platform), await found(platform)
    to = address(made, "opted")
    _, _ = await invite(platform, made, "opted")
    [mail] = platform.mailbox.of(to)
    link = mail["List-Unsubscribe"].strip("<>").replace(PUBLIC_URL, platform.url)
    async with httpx.AsyncClient() as client:
        page = await client.get(link)
        assert page.status_code == 200 and "Ne plus recevoir de messages de Acme ?" in page.text
        forged = link[:-5] + ("AAAAA" if not link.endswith("AAAAA") else "BBBBB")
        assert (await client.post(forged)).status_code == 404
        if one_click:
            done = await client.post(link, data={"List-Unsubscribe": "One-Click"})
        else:
            action = re.search(r'action="([^"]*)"', page.text)
            assert action is not None
            done = await client.post(link + action[1])
        assert done.status_code == 200 and "Vous ne recevrez plus de messages de Acme" in done.text
    again = {"address": to}
    [node] = (await brand(platform, made, "invitations { nodes { id } }", made.owner, None))["invitations"]["nodes"]
    await accepted(platform, made.owner, "revokeInvitation", invitationId=node["id"])
    await accepted(platform, made.owner, "inviteMember", brandId=made.ids["Brand"], **again)
    await until(
        platform,
        made,
        "invitations { nodes { status } }",
        made.owner,
        lambda shown: shown["invitations"]["nodes"] == [{"status": "OPTED_OUT"}],
    )
    assert len(platform.mailbox.of(to)) == 1
    await accepted(platform, other.owner, "inviteMember", brandId=other.ids["Brand"], **again)
    await platform.mailbox.wait(to, 2)
    async with httpx.AsyncClient() as client:
        back = await client.post(f"{link}?again")
        assert back.status_code == 200 and "Ne plus recevoir" in back.text
    await accepted(platform, made.owner, "revokeInvitation", invitationId=node["id"])
    await accepted(platform, made.owner, "inviteMember", brandId=made.ids["Brand"], **again)
    await platform.mailbox.wait(to, 3)


async def test_need_34_rules_are_accepted_with_the_invitation(platform: Platform) -> None:
    made = await found(platform)
    await accepted(platform, made.owner, "publishRules", brandId=made.ids["Brand"], text="Be kind.")
    _, token = await invite(platform, made, "rula")
    given = {"brandId": made.ids["Brand"], "token": token, "displayName": "Rula"}
    guest = f"rula-{made.slug}"
    assert await refused(platform, guest, "acceptInvitation", **given) == ["RULES_NOT_ACCEPTED"]
    await accepted(platform, guest, "acceptInvitation", **given, acceptedRules=1)


async def test_need_33_a_list_read_twice_invites_everybody_once(platform: Platform, tmp_path: Path) -> None:
    made = await found(platform)
    people, path = 300, tmp_path / "contacts.csv"
    rows = [f"{address(made, f'p{number}')};Zoë {number};fr\r\n" for number in range(people)]
    bad = [";Nobody;\r\n", "no address;X;\r\n", rows[0], f"{address(made, 'x')};X;xx-klingon\r\n"]
    path.write_bytes(("E-mail;Nom complet;Langue\r\n" + "".join(rows + bad)).encode("cp1252"))
    reports = []
    for _ in range(2):
        report = Report(Console(quiet=True), Console(quiet=True))
        async with platform.bus() as bus:
            await invite_files(bus, made.slug, [path], report, refused=tmp_path / "refused.csv")
        reports.append([report.of("invitation", outcome) for outcome in Outcome])
    assert reports == [[people, 1, 3], [0, people + 1, 3]]
    refusals = (tmp_path / "refused.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert [line.split(",")[0] for line in refusals] == ["302", "303", "305"]
    shown = await brand(platform, made, "invitations { totalCount nodes { invitedBy { id } } }", made.owner, None)
    assert shown["invitations"]["totalCount"] == people
    assert shown["invitations"]["nodes"][0]["invitedBy"] is None, "the platform did"
    [mail] = await platform.mailbox.wait(address(made, "p7"))
    assert mail["Subject"] == "Vous êtes invité à rejoindre Acme" and "Bonjour Zoë 7," in text_of(mail)


async def test_need_33_members_come_in_once_and_bad_lines_have_their_number(platform: Platform, tmp_path: Path) -> None:
    made = await found(platform)
    people, path = 300, tmp_path / "members.jsonl"
    lines = [
        {"kind": "member", "ref": f"m{number}", "display_name": f"Member {number}",
         "email": address(made, f"m{number}"), "joined_at": "2020-01-02T03:04:05Z"}
        for number in range(people)
    ]  # fmt: skip
    lines.insert(7, {"kind": "member", "ref": "bad", "joined_at": "2020-01-02T03:04:05Z"})
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines) + b"{broken\n")
    reports = []
    for _ in range(2):
        errors = Console(file=io.StringIO(), width=200)
        report = Report(Console(quiet=True), errors)
        async with platform.bus() as bus:
            await import_files(bus, platform.identity_key, made.slug, [path], report)
        reports.append(([report.of("member", outcome) for outcome in Outcome], errors.file.getvalue()))  # type: ignore[attr-defined]
    assert [counts for counts, _ in reports] == [[people, 0, 1], [0, people, 1]]
    for _, said in reports:
        assert "members.jsonl:8:" in said and f"members.jsonl:{people + 2}:" in said
    shown = await brand(platform, made, "memberCount", None, None)
    assert shown["memberCount"] == people + len(("founder", "owner", "member"))


async def test_need_33_a_client_sends_a_list_and_hears_of_each_line(platform: Platform) -> None:
    made = await found(platform)
    builder = f"builder-{made.slug}"
    joined = await accepted(platform, builder, "joinBrand", brandId=made.ids["Brand"], displayName="Bo")
    await accepted(platform, made.owner, "grantRole", memberId=joined["member"]["id"], role="BUILDER")
    contacts: list[dict[str, Any]] = [{"address": address(made, f"c{number}")} for number in range(30)]
    contacts[0] |= {"name": "Zoë", "language": "en"}
    contacts[7] = {"address": "no address"}
    contacts[8] = contacts[3]
    contacts[9] = {"address": f"{address(made, 'x')}\r\nBcc: {address(made, 'all')}"}
    contacts[10]["role"] = "MODERATOR"
    contacts[11]["language"] = "xx-klingon"
    bad = {
        8: ("INVALID", ["address"]),
        10: ("INVALID", ["address"]),
        11: ("FORBIDDEN", []),
        12: ("INVALID", ["language"]),
    }
    given = {"brandId": made.ids["Brand"], "contacts": contacts, "message": "Come aboard"}
    runs = [(await accepted(platform, builder, "inviteMembers", **given))["results"] for _ in range(2)]
    for results in runs:
        assert [one["number"] for one in results] == list(range(1, len(contacts) + 1))
        refusals = {one["number"]: one["errors"] for one in results if one["errors"]}
        assert {number: (one["code"], one["path"]) for number, [one] in refusals.items()} == bad
        assert [one["number"] for one in results if one["invitation"] is None] == list(bad)
    assert [sum(one["invited"] for one in results) for results in runs] == [25, 0], "one address is there twice"
    assert [one["invitation"] for one in runs[0]] == [one["invitation"] for one in runs[1]]
    assert runs[0][3]["invitation"] == runs[0][8]["invitation"]
    [mail] = await platform.mailbox.wait(address(made, "c0"))
    assert mail["Subject"] == "Bo invites you to Acme" and "> Come aboard" in text_of(mail)
    assert platform.mailbox.of(address(made, "all")) == []

    three = {**given, "contacts": contacts[:3]}
    assert await refused(platform, made.member, "inviteMembers", **three) == ["FORBIDDEN"], "the whole of it, once"
    for number in (0, 101):
        many = {**given, "contacts": [contacts[0]] * number}
        payload = await run(platform, builder, "inviteMembers", **many)
        assert [(one["code"], one["path"]) for one in payload["errors"]] == [("INVALID", ["contacts"])]


async def test_need_34_the_link_leads_to_a_page_that_says_how_to_join(platform: Platform) -> None:
    made = await found(platform)
    await accepted(platform, made.owner, "publishRules", brandId=made.ids["Brand"], text="Be <b>kind</b>.")
    _, token = await invite(platform, made, "lou", language="en")
    [mail] = platform.mailbox.of(address(made, "lou"))
    [link] = re.findall(rf"{PUBLIC_URL}(/invitations/\S+)", text_of(mail))
    async with httpx.AsyncClient(base_url=platform.url, headers={"Accept-Language": "en"}) as client:
        page = await client.get(link)
        assert page.status_code == 200
        assert "You are invited to join the community Acme." in page.text
        assert "Be &lt;b&gt;kind&lt;/b&gt;." in page.text and f"<code>{token}</code>" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
        # Whoever copies what the page shows, and has signed in, is in.
        shown = re.search(r"<pre>(.*)</pre>", page.text, re.DOTALL)
        assert shown is not None
        answer = await platform.graphql(html.unescape(shown[1]), token=platform.token(f"lou-{made.slug}"))
        assert answer["data"]["acceptInvitation"] == {"member": {"displayName": "…"}, "errors": []}
        assert "Somebody has already joined Acme" in (await client.get(link)).text
        assert (await client.get(f"{link[:-1]}_")).status_code == 404
        domain = f"home-{made.slug}.example.org"
        _, other = await invite(platform, made, "max", language="en")
        await accepted(platform, made.owner, "setDomain", brandId=made.ids["Brand"], domain=domain)
        await invite(platform, made, "mia", language="en")
        [mail] = platform.mailbox.of(address(made, "mia"))
        assert f"https://{domain}/invitations/{token_in(mail)}" in text_of(mail), "the brand's own pages take it"
        assert f"Acme – https://{domain}" in text_of(mail)
        moved = await client.get(f"/invitations/{other}")
        assert f'href="https://{domain}/invitations/{other}"' in moved.text, "and one that was sent before"
