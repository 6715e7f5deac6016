"""Nothing personal ever stands readable in the log, and of who was erased nothing is left anywhere."""

import asyncio
import importlib
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest

from libs.access.erasure import SERVICES
from libs.shared.app import App
from libs.shared.connection import Connection
from libs.shared.domain import ERASED, NO_BRAND, SYSTEM, DomainError, Erased
from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from libs.shared.testing.servers import MongoServer, NatsServer
from services.discussions.views.threads import PostsGetMany, PostView
from services.feedback.views.ideas import IdeasGetMany, IdeaView
from services.gateway import consistency
from services.gateway.ids import encode
from services.members.member import JoinBrand
from services.members.profiles.views.profiles import ProfilesGetMany, ProfileView
from services.members.views.member_list import MembersGetMany, MemberView
from tests.integration.community import accepted, found, refused
from tests.integration.crash_checks import Views
from tests.integration.marked import CONTROL, Marked, Marker, in_documents, in_files


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    with MongoServer(tmp_path_factory.mktemp("mongo")) as server:
        yield server


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory: pytest.TempPathFactory, nats: NatsServer, mongo: MongoServer) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("platform"), nats.url, mongo.url) as started:
        yield started


@pytest.fixture(scope="module")
async def marker(own_platform: Platform) -> AsyncIterator[Marker]:
    async with own_platform.bus() as bus:
        made = Marker(bus, own_platform)
        await made.found()
        yield made


async def shown(marker: Marker, who: Marked, viewer: Marked) -> tuple[MemberView, PostView, IdeaView]:
    """The member, the post and the idea as another member sees them."""
    asked: dict[str, Any] = {"brand": who.brand, "viewer": viewer.member, "at_least": who.at | viewer.at}
    [member] = await marker.ask("members", MembersGetMany(**asked, ids=[who.member]), list[MemberView | None])
    [post] = await marker.ask("discussions", PostsGetMany(**asked, ids=[who.thread]), list[PostView | None])
    [idea] = await marker.ask("feedback", IdeasGetMany(**asked, ids=[who.idea]), list[IdeaView | None])
    assert member is not None and post is not None and idea is not None
    return member, post, idea


async def profile_of(marker: Marker, who: Marked, viewer: Marked) -> ProfileView | None:
    """The profile as another member sees it."""
    query = ProfilesGetMany(brand=who.brand, viewer=viewer.member, at_least=who.at | viewer.at, ids=[who.member])
    [profile] = await marker.ask("members", query, list[ProfileView | None])
    return profile


def in_logs(platform: Platform, *people: Marked) -> dict[str, list[str]]:
    """Which of these stand in the logs of which services with anything of theirs, or with how they sign in."""
    heard = in_files(platform.logs, [b'"message":"listening"'])
    assert set(heard) == {f"{name}.log" for name in platform.services}, "the search finds what is there"
    assert in_files(platform.logs, [who.member.encode() for who in people]), "they are spoken of, by their ids"
    return in_files(platform.logs, [who.mark.encode() for who in people])


@pytest.mark.timeout(400)
async def test_need_42_of_who_was_erased_nothing_is_left(
    own_platform: Platform, nats: NatsServer, mongo: MongoServer, marker: Marker, tmp_path: Path
) -> None:
    who, other = await marker.join(), await marker.join()
    member, post, idea = await shown(marker, who, other)
    assert member.display_name == f"{who.mark}newname"
    profile = await profile_of(marker, who, other)
    assert profile is not None and profile.bio == f"{who.mark}bio" and profile.fields[0].value == f"{who.mark}company"
    assert (post.title, post.body) == (f"{who.mark}title", f"{who.mark}body")
    assert (idea.title, idea.body) == (f"{who.mark}ideatitle", f"{who.mark}ideabody")
    marks = [*who.marks, *other.marks]
    assert in_files(nats.folder, [CONTROL.encode()]), "the search finds what is there"
    assert in_files(nats.folder, marks) == {}, "the log never holds anything readable"
    assert in_documents(mongo.url, who.marks), "the search finds what is there"

    await marker.erase(who)
    certificate = await marker.certificate(who)
    assert [service.service for service in certificate.services] == list(SERVICES)
    assert certificate.key_destroyed_at is not None
    assert certificate.requested_at <= certificate.key_destroyed_at
    assert in_documents(mongo.url, who.marks) == {}
    await marker.let_go(who)
    assert in_documents(mongo.url, other.marks), "of others everything is kept"

    member, post, idea = await shown(marker, who, other)
    assert (member.display_name, member.roles) == (ERASED, [])
    assert await profile_of(marker, who, other) is None
    assert (post.title, post.body, post.reply_count) == (ERASED, ERASED, 1)
    assert (idea.title, idea.body, idea.vote_count) == (ERASED, ERASED, 1)
    with pytest.raises(Erased):
        await marker.send(
            "members.member", JoinBrand, who.brand, who.member,
            member_id=who.member, identity=who.identity, display_name=f"{who.mark}name",
        )  # fmt: skip

    with MongoServer(tmp_path / "shadow") as shadow:
        connection = Connection("test")
        await connection.open(nats.url)
        views = Views(connection, nats.url, mongo.url, shadow.url)
        assert await views.differences() == [], "a view made anew from the log is what the scrubbed one is"
        views.close()
        await connection.close()
        assert in_documents(shadow.url, other.marks), "and it shows what others wrote"
        shadow.stop()
        assert in_files(tmp_path / "shadow", who.marks) == {}, "no byte of it is in a database made from the log"
    await purge(own_platform, mongo)
    assert await shown(marker, who, other) == (member, post, idea)
    mongo.restart()
    assert in_files(mongo.folder, who.marks) == {}
    nats.restart()
    assert in_files(nats.folder, marks) == {}
    assert in_logs(own_platform, who, other) == {}


async def purge(platform: Platform, mongo: MongoServer) -> None:
    """Begin with an empty database, as the README says: views are made anew from the log, old bytes are gone."""
    for service in platform.services.values():
        service.end()
    mongo.stop()
    shutil.rmtree(mongo.folder / "data")
    mongo.start()
    for service in platform.services.values():
        service.start()
    for service in platform.services.values():
        await asyncio.to_thread(service.wait_ready)


EXPORT = """query($slug: String!, $after: String) { me { export(brandSlug: $slug, after: $after) {
  items { service kind data } next } } }"""
ERASE = """mutation($input: EraseMeInput!) { eraseMe(input: $input) {
  errors { code } consistencyToken erasure { requestedAt } } }"""
JOIN = "mutation($input: JoinBrandInput!) { joinBrand(input: $input) { errors { code message } } }"
ERASURE = "query($slug: String!) { me { erasure(brandSlug: $slug) { certifiedAt services { service views } } } }"


def sources() -> Counter[str]:
    """What the services say that they hold of a member: `<service> <kind>`, as often as they have a source of it."""
    found: Counter[str] = Counter()
    for service in SERVICES:
        composition = importlib.import_module(f"services.{service}.service")
        with patch.object(composition, "compose_export") as composed:
            composition.compose(App.offline(service))
        _, declared = composed.call_args.args
        found.update(f"{service} {source.kind}" for source in declared)
    return found


async def export(marker: Marker, who: Marked) -> tuple[list[tuple[str, str]], str]:
    """Of every page of a member's export: what there is in which service, and the whole as text."""
    found: list[tuple[str, str]] = []
    text, after, pages = "", cast("str | None", "first"), 0
    while after is not None:
        variables = {"slug": marker.slug, "after": after if pages else None}
        page = (await marker.graphql(who, EXPORT, variables))["me"]["export"]
        found += [(item["service"], item["kind"]) for item in page["items"]]
        text += repr(page["items"])
        after, pages = page["next"], pages + 1
    return found, text


@pytest.mark.timeout(400)
async def test_need_42_a_member_gets_everything_and_is_erased_by_graphql(
    own_platform: Platform, marker: Marker
) -> None:
    who, other = await marker.join(), await marker.join()
    honours = ["members score", *["members score entry"] * 3, *["members badge"] * 2, "members spotlight"]
    acts = ["members act counts", "members acts of a day"]
    silence = ["members journey", "members nudges", "members last post or reply", "members last idea"]
    words = "members words in an invitation"
    told = ["members follow", "members notification choices", "members digests", *["members notification"] * 5]
    things = ["members membership", "members rules accepted", "members profile", "members consent", words,
              "members standing", *["members standing action"] * 2, "members role change", *told, *silence, *honours,
              "members networking", "members block", "members dismissed suggestion", "members provisioned user",
              "members provisioned group", "members segment", "members segment facts", *acts, *acts, *acts,
              "discussions post", "discussions reply", "discussions reaction", "events event",
              *["events rsvp"] * 2, "events invitation", "feedback idea", "feedback vote"]  # fmt: skip
    assert sources() - Counter(things) == Counter(["members erasure"]), "there is one of whatever a service can hold"
    found, text = await export(marker, who)
    while len(found) < len(things):
        await asyncio.sleep(0.1)  # facts count in their own time
        found, text = await export(marker, who)
    assert [" ".join(thing) for thing in found] == things
    # The first name was replaced, so nobody holds it any more.
    assert [mark for mark in who.marks if mark.decode() not in text] == [f"{who.mark}name".encode()]
    assert other.mark not in text

    given = {"input": {"brandId": encode("Brand", NO_BRAND, marker.brand)}}
    erased = (await marker.graphql(who, ERASE, given))["eraseMe"]
    assert erased["erasure"]["requestedAt"]
    who.at |= consistency.decode(erased["consistencyToken"])
    await marker.certificate(who)
    certificate = (await marker.graphql(who, ERASURE, {"slug": marker.slug}))["me"]["erasure"]
    assert certificate["certifiedAt"]
    assert [one["service"] for one in certificate["services"]] == list(SERVICES)
    await marker.let_go(who)
    found, text = await export(marker, who)
    while ("events", "invitation") in found or ("members", "segment") in found:
        await asyncio.sleep(0.1)  # who left gives up their seat, and leaves segments, a moment later
        found, text = await export(marker, who)
    # Leaving withdrew the consent; that there was one, or a role, is not personal, nor that somebody came to an event.
    kept = ["members membership", "members rules accepted", *["members consent"] * 2, "members erasure"]
    kept += ["members standing", *["members standing action"] * 2, "members role change"]
    kept += ["discussions post", "discussions reply", "discussions reaction", "events event", "events rsvp"]
    kept += ["feedback idea", "feedback vote"]
    assert [" ".join(thing) for thing in found] == kept
    assert who.mark not in text
    assert in_logs(own_platform, who) == {}
    with pytest.raises(DomainError) as refusal:
        await marker.graphql(who, JOIN, {"input": {**given["input"], "displayName": "Back"}})
    assert refusal.value.code == "ERASED"


@pytest.mark.timeout(400)
async def test_need_42_erasures_survive_crashes(
    own_platform: Platform, nats: NatsServer, mongo: MongoServer, marker: Marker
) -> None:
    crowd = [await marker.join() for _ in range(12)]
    members = own_platform.services["members"]

    async def strike() -> None:
        for _ in range(3):
            await asyncio.sleep(0.7)  # somewhere in the middle of it
            members.end(signal.SIGKILL)
            members.start()
            await asyncio.to_thread(members.wait_ready)

    await asyncio.gather(strike(), *(marker.erase(who) for who in crowd))
    for who in crowd:
        certificate = await marker.certificate(who)
        assert [service.service for service in certificate.services] == list(SERVICES)
    marks = [mark for who in crowd for mark in who.marks]
    assert in_documents(mongo.url, marks) == {}
    assert in_files(nats.folder, marks) == {}
    assert in_logs(own_platform, *crowd) == {}


MEMBER = """query($id: ID!) { node(id: $id) { ... on Member { displayName viewerCan
  erasure { requestedAt keyDestroyedAt certifiedAt services { service views } } } } }"""


async def seen(platform: Platform, subject: str, member: str, token: str) -> dict[str, Any]:
    """A member as somebody sees them, no older than a token; nothing where they see none."""
    answer = await platform.graphql(MEMBER, {"id": member}, platform.token(subject), consistency_token=token)
    assert "errors" not in answer, answer
    return answer["data"]["node"] or {}


async def test_need_42_an_owner_erases_a_member_who_never_signs_in(
    own_platform: Platform, mongo: MongoServer, nats: NatsServer, marker: Marker
) -> None:
    made, stranger = await found(own_platform), await found(own_platform)
    mark = f"mark{uuid7()[-12:]}"
    member = own_platform.member(mark, made.brand)
    one = {"memberId": encode("Member", made.brand, member)}
    imported = await marker.send(
        "members.member", JoinBrand, made.brand, SYSTEM,
        member_id=member, identity=own_platform.identity(mark), display_name=f"{mark}name",
        email=f"{mark}email@example.org",
    )  # fmt: skip
    token = consistency.encode(imported.position)
    for subject in (made.member, stranger.owner):
        assert await refused(own_platform, subject, "eraseMember", **one) == ["FORBIDDEN"]
    last = {"memberId": made.ids["Owner"]}
    assert await refused(own_platform, made.owner, "eraseMember", **last) == ["LAST_OWNER"], "they hand over first"
    before = await seen(own_platform, made.owner, one["memberId"], token)
    assert (before["displayName"], before["erasure"]) == (f"{mark}name", None)
    assert "ERASE_MEMBER" in before["viewerCan"]
    assert in_documents(mongo.url, [mark.encode()]), "the search finds what is there"

    erased = await accepted(own_platform, made.owner, "eraseMember", **one)
    assert erased["erasure"]["requestedAt"] and erased["member"]["leftAt"]
    token, deadline = erased["consistencyToken"], time.monotonic() + 60
    while not (shown := await seen(own_platform, made.owner, one["memberId"], token))["erasure"]["certifiedAt"]:
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.1)
    certificate = shown["erasure"]
    assert certificate["requestedAt"] == erased["erasure"]["requestedAt"] <= certificate["keyDestroyedAt"]
    assert [one["service"] for one in certificate["services"]] == list(SERVICES)
    assert shown["displayName"] == ERASED and "ERASE_MEMBER" not in shown["viewerCan"]
    assert in_documents(mongo.url, [mark.encode()]) == {}
    assert in_files(nats.folder, [mark.encode()]) == in_files(own_platform.logs, [mark.encode()]) == {}

    others = await seen(own_platform, made.member, one["memberId"], token)
    assert others == {"displayName": ERASED, "viewerCan": others["viewerCan"], "erasure": None}
    assert await seen(own_platform, stranger.owner, one["memberId"], token) == {}
    with pytest.raises(DomainError) as refusal:
        await marker.send(
            "members.member", JoinBrand, made.brand, SYSTEM,
            member_id=member, identity=own_platform.identity(mark), display_name=f"{mark}name",
        )  # fmt: skip
    assert refusal.value.code == "ERASED", "an import does not bring them back"
