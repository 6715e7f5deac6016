"""What follows from scopes, and that nothing more does."""

import pytest

from libs.access.scopes import PROVISIONER, READER, Scope, is_account, roles_in

AREAS = ("members", "discussions", "events", "feedback")


@pytest.mark.parametrize(
    ("level", "roles"),
    [("read", {READER}), ("write", {READER, "member"}), ("manage", {READER, "member", "builder"})],
)
def test_each_level_includes_the_one_below(level: str, roles: set[str]) -> None:
    assert roles_in("events", {f"events:{level}"}) == roles


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_gives_roles_in_its_own_area_only(scope: Scope) -> None:
    assert [area for area in AREAS if roles_in(area, {scope})] == [scope.split(":")[0]]


def test_scopes_of_several_areas_stand_side_by_side() -> None:
    held = {Scope.EVENTS_READ, Scope.FEEDBACK_WRITE, Scope.FEEDBACK_READ}
    assert roles_in("events", held) == {READER}
    assert roles_in("feedback", held) == {READER, "member"}
    assert roles_in("members", held) == frozenset()


@pytest.mark.parametrize("scope", ["events", "events:", "events:own", "event:read", ":read", "", "EVENTS:READ"])
def test_what_no_scope_is_gives_nothing(scope: str) -> None:
    assert roles_in("events", {scope}) == frozenset()


def test_in_the_members_service_programs_read_or_provision() -> None:
    assert [scope for scope in Scope if scope.startswith("members:")] == [Scope.MEMBERS_READ, Scope.MEMBERS_PROVISION]


def test_who_provisions_may_do_nothing_else() -> None:
    assert roles_in("members", {Scope.MEMBERS_PROVISION}) == {PROVISIONER}


def test_an_account_shows_in_its_id() -> None:
    assert is_account("sa_1")
    assert not is_account("sa1")
    assert not is_account("msa_1")
