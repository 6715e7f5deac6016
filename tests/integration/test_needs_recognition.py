"""What recognises members, each test named for its need, through GraphQL on a real platform."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from libs.shared.connection import Connection
from libs.shared.generations import Generations
from libs.shared.mongo import connect, service_database
from libs.shared.positions import Positions
from libs.shared.rebuild import rebuild
from libs.shared.settings import Settings
from libs.shared.testing.platform import MASTER_KEYS, Platform
from libs.shared.testing.views import canonical
from libs.shared.vault import Vault
from services.members.recognition.views.scores import ScoresView
from tests.integration.community import Community, accepted, found, furnish, refused, tomorrow

LEADERBOARD = """leaderboard(window: %s) { totalCount nodes { rank score member { displayName } } }"""


async def ask(platform: Platform, made: Community, fields: str, subject: str, token: str | None = None) -> Any:
    """Fields of a brand as somebody sees them."""
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ {fields} }} }}"
    sender = platform.token(subject)
    answer = await platform.graphql(query, {"slug": made.slug}, sender, consistency_token=token)
    assert "errors" not in answer, answer
    return answer["data"]["brand"]


async def until(platform: Platform, made: Community, fields: str, subject: str, ready: Callable[[Any], bool]) -> Any:
    """Ask until the answer is there: facts count in their own time."""
    deadline = time.monotonic() + 60
    while not ready(shown := await ask(platform, made, fields, subject)):
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.05)
    return shown


def places(shown: Any) -> list[tuple[int, int, str]]:
    """A leaderboard as (rank, score, name)."""
    board = shown["leaderboard"]
    assert board["totalCount"] == len(board["nodes"])
    return [(node["rank"], node["score"], node["member"]["displayName"]) for node in board["nodes"]]


async def busy(platform: Platform) -> tuple[Community, list[tuple[int, int, str]]]:
    """A club in which members wrote, reacted, voted and came; and the leaderboard that must follow."""
    made = await found(platform)
    await furnish(platform, made)  # Mona posts and submits an idea, Olga replies
    ids, nele = made.ids, f"nele-{made.slug}"
    joined = await accepted(
        platform, nele, "joinBrand", brandId=ids["Brand"], displayName="Nele", referrerId=ids["Member"]
    )
    ids["Nele"] = joined["member"]["id"]
    reply = await accepted(platform, nele, "publishReply", postId=ids["Post"], body="I come")
    await accepted(platform, made.member, "publishReply", postId=ids["Post"], body="In my own thread")
    for emoji in ("HEART", "ROCKET"):
        await accepted(platform, made.member, "addReaction", targetId=reply["reply"]["id"], emoji=emoji)
    await accepted(platform, nele, "addReaction", targetId=reply["reply"]["id"], emoji="CLAP")
    await accepted(platform, made.owner, "addReaction", targetId=ids["Post"], emoji="THUMBS_DOWN")
    await accepted(platform, nele, "addReaction", targetId=ids["Post"], emoji="HEART")
    for voter in (made.member, nele, made.owner):
        await accepted(platform, voter, "castVote", ideaId=ids["Idea"])
    await accepted(platform, made.owner, "changeIdeaStatus", ideaId=ids["Idea"], status="SHIPPED")
    await accepted(platform, nele, "rsvp", eventId=ids["Event"], mode="ONLINE")
    await accepted(platform, made.owner, "checkIn", eventId=ids["Event"], memberId=ids["Nele"])
    # Mona: a post 5, a reaction 1, an idea 5, two votes 2, shipped 50, brought Nele 20.  Nele: a reply 3, a reaction 2,
    # came (in a club) 20.  Olga: a reply 3.
    return made, [(1, 83, "Mona"), (2, 25, "Nele"), (3, 3, "Olga")]


async def test_need_13_and_15_a_deterministic_leaderboard_whose_scores_list_their_facts(
    platform: Platform, tmp_path: Path
) -> None:
    made, expected = await busy(platform)
    for window in ("ALL", "WEEK", "MONTH"):
        await until(platform, made, LEADERBOARD % window, made.member, lambda shown: places(shown) == expected)
    await identical_after_a_rebuild(platform)
    assert places(await ask(platform, made, LEADERBOARD % "ALL", made.member)) == expected

    own = "viewerStanding { rank score member { displayName score { points level { name } nextLevel { points } } } }"
    assert (await ask(platform, made, own, made.member))["viewerStanding"] == {
        "rank": 1,
        "score": 83,
        "member": {
            "displayName": "Mona",
            "score": {"points": 83, "level": {"name": "Participant"}, "nextLevel": {"points": 150}},
        },
    }

    # 15: who leads the brand sees what made somebody stand out, event by event.
    fields = "fact points happenedAt rulesVersion sourceId aboutId number"
    entries = f'member(id: "{made.ids["Member"]}") {{ scoreEntries(first: 100) {{ totalCount nodes {{ {fields} }} }} }}'
    for subject in (made.owner, made.member):
        listed = (await ask(platform, made, entries, subject))["member"]["scoreEntries"]
        facts = sorted((node["fact"], node["points"]) for node in listed["nodes"])
        assert facts == [
            ("IDEA_SHIPPED", 50), ("IDEA_SUBMITTED", 5), ("MEMBER_REFERRED", 20), ("POST_PUBLISHED", 5),
            ("POST_REACTION_RECEIVED", 1), ("VOTE_RECEIVED", 1), ("VOTE_RECEIVED", 1),
        ]  # fmt: skip
        assert sum(points for _, points in facts) == 83
        assert [node["number"] for node in listed["nodes"]] == list(range(listed["totalCount"], 0, -1))
        about = {node["fact"]: node["aboutId"] for node in listed["nodes"]}
        ids = made.ids
        assert about["POST_PUBLISHED"] == about["POST_REACTION_RECEIVED"] == ids["Post"]
        assert about["IDEA_SHIPPED"] == about["VOTE_RECEIVED"] == ids["Idea"]
        assert about["MEMBER_REFERRED"] == ids["Nele"]
    asking = {"slug": made.slug}
    query = f"query($slug: String!) {{ brand(slug: $slug) {{ {entries} }} }}"
    other = await platform.graphql(query, asking, platform.token(f"nele-{made.slug}"))
    assert [error["extensions"]["code"] for error in other["errors"]] == ["FORBIDDEN"], "not every member's affair"
    await awards_list_their_facts(platform, made)
    await who_is_not_on_it(platform, made)


async def awards_list_their_facts(platform: Platform, made: Community) -> None:
    """Each badge by a rule says which entries earned it."""
    badges = "badges { badge reason evidence { fact reached through } }"
    member = f'member(id: "{made.ids["Member"]}") {{ {badges} }}'
    earned = {one["badge"]: one for one in (await ask(platform, made, member, made.owner))["member"]["badges"]}
    assert set(earned) == {"first-post", "inventor"}
    for one in earned.values():
        evidence = one["evidence"]
        only = f"scoreEntries(fact: {evidence['fact']}, through: {evidence['through']}) {{ nodes {{ number }} }}"
        listed = await ask(platform, made, f'member(id: "{made.ids["Member"]}") {{ {only} }}', made.owner)
        assert len(listed["member"]["scoreEntries"]["nodes"]) == evidence["reached"] == 1


async def who_is_not_on_it(platform: Platform, made: Community) -> None:
    """Who opted out and who left is not on the leaderboard; who comes back is."""
    id_, nele = made.ids["Brand"], f"nele-{made.slug}"
    hidden = await accepted(platform, made.member, "showOnLeaderboard", brandId=id_, on=False)
    assert hidden["member"]["score"] == {"onLeaderboard": False}
    token = hidden["consistencyToken"]
    shown = await ask(platform, made, LEADERBOARD % "ALL", nele, token)
    assert places(shown) == [(1, 25, "Nele"), (2, 3, "Olga")]
    member = f'member(id: "{made.ids["Member"]}") {{ score {{ points }} }}'
    assert (await ask(platform, made, member, nele, token))["member"] == {"score": None}
    assert (await ask(platform, made, member, made.owner, token))["member"] == {"score": {"points": 83}}
    await accepted(platform, nele, "leaveBrand", brandId=id_)
    await until(platform, made, LEADERBOARD % "ALL", made.member, lambda shown: places(shown) == [(1, 3, "Olga")])
    await accepted(platform, nele, "joinBrand", brandId=id_, displayName="Nele")
    again = [(1, 25, "Nele"), (2, 3, "Olga")]
    await until(platform, made, LEADERBOARD % "ALL", made.member, lambda shown: places(shown) == again)


async def identical_after_a_rebuild(platform: Platform) -> None:
    """Make the view of scores anew from the log, while the service runs, and compare every byte."""
    connection = Connection("test")
    await connection.open(platform.nats_url)
    client = connect(platform.mongo_url)
    database = service_database(client, "members")
    positions = Positions("members", connection, database)
    vault = Vault(connection, Settings(master_keys=SecretStr(MASTER_KEYS)).key_ring)
    await vault.start()
    contents = []
    try:
        view, generations = ScoresView(), Generations(database)
        opened = await generations.open(view)
        view.bind(opened.generation.key, generations.collections(view, opened.generation))
        contents.append(await canonical(view))
        await rebuild(view, lambda _: None, nats=connection, database=database, positions=positions, vault=vault)
        active = await generations.active(view.name)
        assert active is not None and active != opened.generation
        view.bind(active.key, generations.collections(view, active))
        contents.append(await canonical(view))
    finally:
        client.close()
        await connection.close()
    assert contents[0] == contents[1]


async def test_need_16_badges_and_spotlights(platform: Platform) -> None:
    made = await found(platform)
    member = {"memberId": made.ids["Member"]}
    thanks = {**member, "badge": "merci", "reason": "She **answers** everybody."}
    assert await refused(platform, made.member, "awardBadge", **thanks) == ["FORBIDDEN"]
    assert await refused(platform, made.owner, "awardBadge", **thanks) == ["NOT_FOUND"]
    own = {**thanks, "memberId": made.ids["Owner"]}
    assert await refused(platform, made.owner, "awardBadge", **own) == ["FORBIDDEN"], "nobody honours themselves"
    given = await accepted(platform, made.owner, "awardBadge", **{**thanks, "badge": "thank-you"})
    badge = {"badge": "thank-you", "reason": thanks["reason"], "awardedById": made.ids["Owner"]}
    assert given["member"]["badges"] == [badge]
    page = "members { nodes { displayName badges { badge name } } }"
    shown = await ask(platform, made, page, made.member, given["consistencyToken"])
    [mona] = [node for node in shown["members"]["nodes"] if node["displayName"] == "Mona"]
    assert mona["badges"] == [{"badge": "thank-you", "name": "Merci"}]
    taken = await accepted(platform, made.owner, "revokeBadge", **member, badge="thank-you", reason="By mistake.")
    assert taken["member"]["badges"] == []

    light = {**member, "text": "Look at her maps.", "until": tomorrow()}
    assert await refused(platform, made.member, "spotlightMember", **light) == ["FORBIDDEN"]
    late = {**light, "until": (datetime.now(UTC) + timedelta(days=93)).isoformat()}
    assert await refused(platform, made.owner, "spotlightMember", **late) == ["INVALID"]
    lit = await accepted(platform, made.owner, "spotlightMember", **light)
    assert lit["member"]["spotlight"]["text"] == light["text"]
    fields = "spotlights { nodes { spotlight { text byId } member { displayName } } }"
    shown = await ask(platform, made, fields, made.member, lit["consistencyToken"])
    spotlight = {"text": light["text"], "byId": made.ids["Owner"]}
    assert shown["spotlights"]["nodes"] == [{"spotlight": spotlight, "member": {"displayName": "Mona"}}]
    soon = {**light, "text": "For a moment.", "until": (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()}
    await accepted(platform, made.owner, "spotlightMember", **soon)
    await until(platform, made, fields, made.member, lambda shown: shown["spotlights"]["nodes"] == [])
    lit = await accepted(platform, made.owner, "spotlightMember", **light)
    ended = await accepted(platform, made.member, "endSpotlight", **member)
    assert ended["member"]["spotlight"] is None, "who stands in it may leave it"


async def test_a_leader_publishes_rules_for_tomorrow(platform: Platform) -> None:
    made = await found(platform)
    rules = {
        "brandId": made.ids["Brand"],
        "awards": [{"fact": "POST_PUBLISHED", "points": 7, "dailyCap": 1}],
        "badges": [
            {"badge": "poster", "name": "Poster", "description": "Two", "fact": "POST_PUBLISHED", "atLeast": 2},
            {"badge": "hero", "name": "Hero", "description": "By hand"},
        ],
        "levels": [{"name": "New", "points": 0}, {"name": "Old", "points": 9}],
    }
    assert await refused(platform, made.member, "publishRecognitionRules", **rules) == ["FORBIDDEN"]
    twice = {**rules, "awards": rules["awards"] * 2}  # type: ignore[operator]
    assert await refused(platform, made.owner, "publishRecognitionRules", **twice) == ["INVALID"]
    without = {**rules, "badges": [{"badge": "x1", "name": "X", "description": "-", "fact": "POST_PUBLISHED"}]}
    assert await refused(platform, made.owner, "publishRecognitionRules", **without) == ["INVALID"]
    published = await accepted(platform, made.owner, "publishRecognitionRules", **rules)
    both = published["recognitionRules"]
    assert both["current"]["version"] == 0
    coming = both["coming"]
    assert (coming["version"], coming["awards"], coming["badges"]) == (
        1, [{"points": 7}], [{"badge": "poster"}, {"badge": "hero"}],
    )  # fmt: skip
    assert datetime.now(UTC).date().isoformat() < coming["holdsFrom"]
    fields = """recognitionRules { current { version awards { fact points dailyCap } } }
      recognitionRulesEditions { nodes { version badges { badge fact atLeast } levels { name points } } }"""
    shown = await ask(platform, made, fields, made.member, published["consistencyToken"])
    assert {"fact": "POST_PUBLISHED", "points": 5, "dailyCap": 5} in shown["recognitionRules"]["current"]["awards"]
    [edition] = shown["recognitionRulesEditions"]["nodes"]
    assert edition["badges"][1] == {"badge": "hero", "fact": None, "atLeast": None}
    assert edition["levels"] == rules["levels"]
