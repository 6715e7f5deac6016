"""Roles and the refusal."""

import pytest

from libs.access.roles import ALL_ROLES, LEADERS, STEWARDS, Role, require
from libs.shared.domain import Forbidden


def test_leaders_are_stewards_and_stewards_are_members_with_a_role() -> None:
    assert LEADERS < STEWARDS < ALL_ROLES
    assert {Role.MEMBER, Role.AMBASSADOR} == ALL_ROLES - STEWARDS


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
