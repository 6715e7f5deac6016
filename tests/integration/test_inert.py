"""What people write is text wherever it comes back: in answers, on pages, in mails; for every text of every mutation.

The texts are read off the schema: a new one is tried here, and either is on the list of free texts or is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
import pytest
from graphql import get_nullable_type, is_input_object_type, is_list_type

from libs.shared.testing.platform import OPERATOR, Platform
from tests.integration.community import COMPANY, JOURNEY_STEPS, MUTATIONS, Community, document, found, furnish
from tests.integration.test_isolation import SCHEMA, arguments, brand_fields, inputs, object_type, selection
from tests.integration.test_needs_mail import token_in

#: Ends an attribute and an element, runs in a page, in a template and in a formula.
HOSTILE: Final = "=\"'></p><script>alert(1)</script><img src=x onerror=alert(1)>{{1337*1337}}"

#: What takes any text: it comes back as it was written.  All other texts have a shape, and refuse it.
FREE: Final = {
    "createNetwork.name", "createBrand.name", "createBrand.description", "createBrand.founderName",
    "joinBrand.displayName", "publishManifesto.text", "publishRules.text", "publishJourney.steps.wordings.title",
    "publishJourney.steps.wordings.text", "changeProfile.displayName", "changeProfile.bio", "suspendMember.reason",
    "banMember.reason", "reinstateMember.reason", "defineProfileField.field.labels.text",
    "defineProfileField.field.choices.labels.text", "setProfileFields.values.text", "chooseAvatar.alt",
    "setExternalId.externalId", "publishConsentPurpose.texts.text", "createServiceAccount.name", "inviteMember.name",
    "inviteMember.message", "inviteMembers.contacts.name", "inviteMembers.message",
    "publishRecognitionRules.badges.name", "publishRecognitionRules.badges.description",
    "publishRecognitionRules.levels.name", "awardBadge.reason", "revokeBadge.reason", "spotlightMember.text",
    "createSpace.name", "publishPost.title", "publishPost.body", "publishReply.body", "scheduleEvent.title",
    "scheduleEvent.description", "scheduleEvent.sessions.title", "scheduleEvent.sessions.speakers", "openBoard.name",
    "submitIdea.title", "submitIdea.body", "changeIdeaStatus.note", "createSegment.name", "changeSegment.name",
}  # fmt: skip

#: Mutations after which others are refused.
LAST: Final = ("suspendMember", "reinstateMember", "banMember")

Path = tuple[str, ...]


def texts(of: Any, within: Path = ()) -> Iterator[Path]:
    """The ways to the texts of an input; `*` is an item of a list.  A command's id is never shown."""
    kind = get_nullable_type(of)
    if is_list_type(kind):
        for path in texts(kind.of_type, within):
            yield ("*", *path)
    elif is_input_object_type(kind) and kind.name not in within:
        for name, field in kind.fields.items():
            for path in texts(field.type, (*within, kind.name)):
                if name != "commandId":
                    yield (name, *path)
    elif getattr(kind, "name", "") == "String":
        yield ()


CASES: Final = [
    (mutation, path)
    for mutation in sorted(MUTATIONS, key=lambda name: LAST.index(name) if name in LAST else -1)
    for path in texts(SCHEMA.type_map[MUTATIONS[mutation][0]])
]


def named(mutation: str, path: Path) -> str:
    return ".".join((mutation, *(part for part in path if part != "*")))


def given(made: Community) -> Mapping[str, dict[str, Any]]:
    """What the owner could send, with every text in it."""
    ids, label = made.ids, [{"language": "en", "text": "x"}]
    choice = {**COMPANY, "key": "rig", "type": "CHOICE", "choices": [{"key": "sloop", "labels": label}]}
    badge = {"badge": "kind", "name": "Kind", "description": "Was kind"}
    session = {"title": "Opening", "speakers": ["Ada"], "language": "en", "url": "https://example.org/"}
    usual = inputs(made)
    return {
        **usual,
        "createNetwork": {"name": "Mine"},
        "createBrand": {
            "networkId": ids["Network"], "name": "Mine", "kind": "CLUB", "locale": "en", "founderName": "Mine",
        },
        "joinBrand": {"brandId": ids["Brand"], "displayName": "Mine"},
        "publishJourney": {"brandId": ids["Brand"], "steps": [JOURNEY_STEPS[1]]},
        "defineProfileField": {"brandId": ids["Brand"], "field": choice},
        "publishRecognitionRules": {
            "brandId": ids["Brand"], "awards": [], "badges": [badge], "levels": [{"name": "New", "points": 0}],
        },
        "scheduleEvent": {**usual["scheduleEvent"], "sessions": [session]},
        "createSegment": {"brandId": ids["Brand"], "name": "Mine"},
        "changeSegment": {"segmentId": ids["Segment"], "name": "Mine"},
    }  # fmt: skip


def put(value: Any, path: Path, text: str) -> Any:
    """The value with the text at a path, made as far as it is not there."""
    if not path:
        return text
    head, *rest = path
    if head == "*":
        return [put(value[0] if value else None, tuple(rest), text)]
    return {**(value or {}), head: put((value or {}).get(head), tuple(rest), text)}


def guest(made: Community, path: Path) -> str:
    """The address that an invitation with its text there goes to."""
    return f"{path[-1]}-{made.slug}@example.org"


class Told:
    """What came of every case."""

    def __init__(self, made: Community) -> None:
        self.made = made
        self.codes: dict[str, list[str]] = {}
        self.answers: dict[str, httpx.Response] = {}


@pytest.fixture(scope="module")
async def told(platform: Platform) -> Told:
    made = await found(platform)
    await furnish(platform, made)
    told, sent = Told(made), given(made)
    for number, (mutation, path) in enumerate(CASES):
        name = named(mutation, path)
        subject = {
            "createNetwork": OPERATOR, "createBrand": OPERATOR, "joinBrand": f"guest-{number}-{made.slug}",
        }.get(mutation, made.owner)  # fmt: skip
        said = sent[mutation]
        match mutation:
            case "inviteMember":
                said = said | {"address": guest(made, path)}
            case "createBrand" | "createNetwork":
                said = said | {"slug": f"{made.slug}-{number}"}
            case "createSegment" | "changeSegment" if "hasValue" in path:
                said = said | {"rule": {"hasValue": {"field": "rig"}}}
        variables = {"input": put(said, path, HOSTILE)}
        answer = await post(platform, document(mutation), variables, subject)
        told.answers[name] = answer
        payload = answer.json()["data"][mutation]
        refusals = [payload, *(payload.get("results") or ())]
        told.codes[name] = [error["code"] for one in refusals for error in one["errors"]]
    return told


async def post(platform: Platform, query: str, variables: Mapping[str, Any], subject: str) -> httpx.Response:
    """The answer as it came."""
    headers = {"Authorization": f"Bearer {platform.token(subject)}"}
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(
            f"{platform.url}/graphql", json={"query": query, "variables": variables}, headers=headers
        )


def strings(value: object) -> Iterator[str]:
    """Every text in an answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from strings(inner)


def hostile(answer: httpx.Response) -> list[str]:
    """The texts of an answer that have something of it; an answer is never anything that a browser would run."""
    assert answer.headers["content-type"].startswith("application/"), answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff", answer.headers
    return [text for text in strings(answer.json()) if "alert(" in text]


def test_a_text_is_taken_as_it_is_or_refused(told: Told) -> None:
    assert {name for name, codes in told.codes.items() if not codes} == FREE
    assert {code for codes in told.codes.values() for code in codes} <= {"INVALID", "NOT_FOUND", "INVALID_INVITATION"}


def test_an_answer_shows_a_text_as_it_was_written(told: Told) -> None:
    shown = {name: set(hostile(told.answers[name])) for name in FREE}
    assert {name: found for name, found in shown.items() if not found <= {HOSTILE}} == {}
    assert len([name for name, found in shown.items() if found]) > len(FREE) / 2


async def test_whoever_reads_it_later_reads_what_was_written(platform: Platform, told: Told) -> None:
    shown = set()
    for field in brand_fields():
        below = selection(object_type("Brand").fields[field])
        query = f"query($slug: String!) {{ brand(slug: $slug) {{ {field}{arguments(field, told.made)} {below} }} }}"
        found = hostile(await post(platform, query, {"slug": told.made.slug}, told.made.owner))
        assert set(found) <= {HOSTILE}, field
        shown |= {field for _ in found}
    assert shown >= {"posts", "ideas", "events", "spaces", "boards", "segments", "members"}, shown


@pytest.mark.parametrize("script", ["javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,<script>"])
@pytest.mark.parametrize(
    ("mutation", "path"),
    [pytest.param(*case, id=named(*case)) for case in CASES if case[1][-1].lower().endswith("url")],
)
async def test_a_link_leads_to_a_page_and_runs_nothing(
    platform: Platform, told: Told, mutation: str, path: Path, script: str
) -> None:
    variables = {"input": put(given(told.made)[mutation], path, script)}
    answer = await post(platform, document(mutation), variables, told.made.owner)
    assert [error["code"] for error in answer.json()["data"][mutation]["errors"]] == ["INVALID"]


async def test_a_mail_and_the_page_of_an_invitation_have_no_elements_of_it(platform: Platform, told: Told) -> None:
    for path in ("name",), ("message",):
        [mail] = await platform.mailbox.wait(guest(told.made, path))
        body = mail.get_body(("html",))
        assert body is not None
        async with httpx.AsyncClient() as client:
            page = await client.get(f"{platform.url}/invitations/{token_in(mail)}")
        for html in body.get_content(), page.text:
            assert "alert(1)" in html
            assert not [part for part in ("<script>alert", "<img src=x", "'></p>", "1787569") if part in html]
        assert "default-src 'none'" in page.headers["content-security-policy"]
