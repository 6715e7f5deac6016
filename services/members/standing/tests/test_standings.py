"""What the view of standings shows after given events, on a real database."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from libs.access.erasure import ErasureRecorded
from libs.access.roles import Role
from libs.shared.domain import ERASED, SYSTEM, Event
from libs.shared.paging import PageRequest
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.members.member import MemberErasureRequested, MemberJoined, MemberLeft, RoleGranted, RoleRevoked
from services.members.standing.facts import (
    MemberBanned,
    MemberReinstated,
    MemberSuspended,
    VerifiedMarkGranted,
    VerifiedMarkRevoked,
)
from services.members.standing.views.standings import (
    Action,
    ExcludedMembers,
    ExclusionView,
    GrantView,
    RoleChange,
    RoleHistory,
    StandingActions,
    StandingsGetMany,
    StandingsView,
    StandingView,
)

Bench = ViewBench[StandingsView]
DAY = timedelta(days=1)
JOINED = MemberJoined(identity="i1", display_name="Marie")
SUSPENDED = MemberSuspended(reason="Shouts", until=NOON + DAY)


@pytest.fixture
async def bench(mongo_url: str) -> AsyncIterator[Bench]:
    async with view_bench(StandingsView(), mongo_url) as made:
        yield made


async def happened(bench: Bench, *events: Event, id: str = "m1", actor: str = "judge", brand: str = "b1") -> None:  # noqa: A002
    await bench.given(*events, aggregate="member", id=id, actor=actor, brand=brand)


def asking(viewer: str = "m9") -> dict[str, Any]:
    return {"brand": "b1", "viewer": viewer}


async def standing(bench: Bench, viewer: str = "m9", *, see_all: bool = True) -> StandingView:
    query = StandingsGetMany(**asking(viewer), ids=["m1"])
    [found] = await bench.view.standings_get_many(query, see_all=see_all)
    return found


async def excluded(bench: Bench) -> list[str]:
    return (await bench.view.excluded_members(ExcludedMembers(**asking()))).items


async def test_members_by_id_in_their_order(bench: Bench) -> None:
    await happened(bench, JOINED, VerifiedMarkGranted(), id="m2")
    await happened(bench, JOINED, VerifiedMarkGranted(), id="m3", brand="b2")
    query = StandingsGetMany(**asking(), ids=["m3", "m2", "nobody"])
    shown = await bench.view.standings_get_many(query, see_all=False)
    assert [one.verified for one in shown] == [False, True, False]


async def test_grants_with_their_places_and_ends(bench: Bench) -> None:
    here = RoleGranted(role=Role.MODERATOR, space_id="s1", expires_at=NOON + DAY)
    await happened(bench, JOINED, here, RoleGranted(role=Role.BUILDER), RoleGranted(role=Role.MODERATOR))
    seconds = [NOON + timedelta(seconds=number) for number in range(9)]
    brand_wide = [
        GrantView(role=role, space_id=None, expires_at=None, granted_at=seconds[second], granted_by="judge")
        for role, second in ((Role.BUILDER, 3), (Role.MODERATOR, 4))
    ]
    in_space = GrantView(
        role=Role.MODERATOR, space_id="s1", expires_at=NOON + DAY, granted_at=seconds[2], granted_by="judge"
    )
    assert (await standing(bench)).grants == [*brand_wide, in_space]
    await happened(bench, RoleRevoked(role=Role.MODERATOR), RoleGranted(role=Role.MODERATOR, space_id="s1"))
    [builder, moderator] = (await standing(bench)).grants
    assert (builder, moderator.space_id, moderator.expires_at) == (brand_wide[0], "s1", None)
    await happened(bench, MemberLeft())
    assert (await standing(bench)).grants == []


async def test_the_history_of_roles_says_who_what_where_and_until_when(bench: Bench) -> None:
    here: dict[str, Any] = {"role": Role.MODERATOR, "space_id": "s1"}
    await happened(bench, JOINED, RoleGranted(**here, expires_at=NOON + DAY), actor="ada")
    await happened(bench, RoleGranted(**here, expires_at=NOON + 2 * DAY), actor="bob")
    await happened(bench, RoleRevoked(**here, expired=True), actor=SYSTEM)
    await happened(bench, RoleGranted(role=Role.BUILDER), RoleRevoked(role=Role.BUILDER), actor="ada")
    await happened(bench, RoleGranted(role=Role.OWNER), id="m2")
    shown = await bench.view.role_history(RoleHistory(**asking(), member_id="m1"))
    assert [(one.change, one.role, one.space_id, one.expires_at, one.by) for one in shown.items] == [
        (RoleChange.REVOKED, Role.BUILDER, None, None, "ada"),
        (RoleChange.GRANTED, Role.BUILDER, None, None, "ada"),
        (RoleChange.EXPIRED, Role.MODERATOR, "s1", None, SYSTEM),
        (RoleChange.GRANTED, Role.MODERATOR, "s1", NOON + 2 * DAY, "bob"),
        (RoleChange.GRANTED, Role.MODERATOR, "s1", NOON + DAY, "ada"),
    ]
    assert [one.at for one in shown.items] == [NOON + timedelta(seconds=second) for second in (6, 5, 4, 3, 2)]
    page = await bench.view.role_history(RoleHistory(**asking(), member_id="m1", page=PageRequest(first=2)))
    rest = PageRequest(first=9, after=page.cursors[-1])
    following = await bench.view.role_history(RoleHistory(**asking(), member_id="m1", page=rest))
    assert [*page.items, *following.items] == shown.items


async def test_why_somebody_is_excluded_is_for_those_who_judge_and_for_themselves(bench: Bench) -> None:
    await happened(bench, JOINED, SUSPENDED)
    since = NOON + timedelta(seconds=2)
    shown = ExclusionView(banned=False, reason="Shouts", since=since, until=NOON + DAY, by="judge")
    assert (await standing(bench)).exclusion == shown
    assert (await standing(bench, "m1", see_all=False)).exclusion == shown
    assert (await standing(bench, "m9", see_all=False)).exclusion is None


async def test_who_is_excluded_now(bench: Bench) -> None:
    await happened(bench, JOINED, SUSPENDED)
    await happened(bench, JOINED, MemberLeft(), MemberBanned(reason="Sells"), id="m2")
    await happened(bench, JOINED, SUSPENDED, id="m3", brand="b2")
    assert await excluded(bench) == ["m2", "m1"]
    await happened(bench, MemberLeft())
    assert await excluded(bench) == ["m2", "m1"], "leaving ends no suspension"
    await happened(bench, MemberReinstated(expired=True))
    await happened(bench, MemberReinstated(reason="Said sorry"), JOINED, id="m2")
    assert await excluded(bench) == []
    assert (await standing(bench)).exclusion is None


async def test_every_action_keeps_who_when_and_why(bench: Bench) -> None:
    await happened(bench, JOINED, SUSPENDED, actor="ada")
    await happened(bench, MemberReinstated(reason="Said sorry"), actor="bob")
    await happened(bench, JOINED, VerifiedMarkGranted(), id="m2", actor="ada")
    await happened(bench, VerifiedMarkRevoked(), id="m2", actor="m2")
    await happened(bench, MemberLeft(), MemberBanned(reason="Sells"), id="m2", actor="ada")
    everything = await bench.view.standing_actions(StandingActions(**asking()))
    assert [(one.action, one.member_id, one.by, one.reason, one.until) for one in everything.items] == [
        (Action.BANNED, "m2", "ada", "Sells", None),
        (Action.MARK_REVOKED, "m2", "m2", None, None),
        (Action.VERIFIED, "m2", "ada", None, None),
        (Action.REINSTATED, "m1", "bob", "Said sorry", None),
        (Action.SUSPENDED, "m1", "ada", "Shouts", NOON + DAY),
    ]
    of_one = await bench.view.standing_actions(StandingActions(**asking(), member_id="m1"))
    assert of_one.items == everything.items[3:]


async def test_an_erasure_leaves_that_it_was_done_and_no_words(bench: Bench) -> None:
    lifted = MemberReinstated(reason="Said sorry")
    await happened(bench, JOINED, SUSPENDED, lifted, SUSPENDED, MemberErasureRequested())
    await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1")
    assert b"Shouts" not in await canonical(bench.view)
    actions = (await bench.view.standing_actions(StandingActions(**asking()))).items
    assert [(one.action, one.reason) for one in actions] == [
        (Action.SUSPENDED, ERASED), (Action.REINSTATED, None), (Action.SUSPENDED, ERASED),
    ]  # fmt: skip
    assert await excluded(bench) == []
    assert await standing(bench) == StandingView()


async def test_one_batch_or_many_make_the_same_view(mongo_url: str) -> None:
    here = RoleGranted(role=Role.MODERATOR, space_id="s1", expires_at=NOON + DAY)
    events = (JOINED, VerifiedMarkGranted(), here, SUSPENDED, MemberLeft(), MemberBanned(reason="Sells"))
    contents = set()
    for parts in ([events], [(event,) for event in events]):
        async with view_bench(StandingsView(), mongo_url) as bench:
            for part in parts:
                await happened(bench, *part)
            contents.add(await canonical(bench.view))
    assert len(contents) == 1
