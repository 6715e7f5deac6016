"""Roles and the refusal."""

import pytest

from libs.access.roles import ALL_ROLES, LEADERS, SPEAKERS, STEWARDS, Role, held_as, in_space, names, require
from libs.shared.domain import Forbidden


def test_leaders_are_stewards_and_stewards_are_members_with_a_role() -> None:
    assert LEADERS < STEWARDS < ALL_ROLES
    assert {Role.MEMBER, Role.AMBASSADOR, Role.GUEST_SPEAKER} == ALL_ROLES - STEWARDS
    assert {Role.GUEST_SPEAKER} == SPEAKERS - LEADERS


HELD = frozenset({"member", held_as(Role.MODERATOR, "s1"), held_as(Role.BUILDER, "s2")})


def test_a_role_of_one_space_counts_there_and_nowhere_else() -> None:
    assert in_space(HELD, "s1") == {"member", "moderator"}
    assert in_space(HELD, "s2") == {"member", "builder"}
    assert in_space(HELD, "s3") == {"member"}
    assert in_space(frozenset({"owner"}), "s3") == {"owner"}
    assert names(HELD) == {"member", "moderator", "builder"}


def test_a_role_of_one_space_is_none_of_the_brand() -> None:
    require(HELD, Role.MEMBER)
    for wanted in (LEADERS, STEWARDS, Role.BUILDER):
        with pytest.raises(Forbidden):
            require(HELD, wanted)
    require(in_space(HELD, "s1"), STEWARDS)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_what_names_it(role: Role) -> None:
    require(frozenset({role.value}), role)
    require({role.value, "member"}, Role.OWNER, frozenset({role}))
    others = ALL_ROLES - {role}
    with pytest.raises(Forbidden):
        require(frozenset({role.value}), others)


def test_no_role_opens_nothing() -> None:
    with pytest.raises(Forbidden) as refused:
        require(frozenset(), ALL_ROLES)
    assert refused.value.code == "FORBIDDEN"
    with pytest.raises(Forbidden):
        require({"admin"}, *Role)
    with pytest.raises(Forbidden):
        require(ALL_ROLES)
