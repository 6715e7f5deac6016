"""The specification of a provisioned user."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some
from msgspec import structs

from libs.access.roles import Role
from libs.shared.domain import ERASED, DomainError
from libs.shared.testing.bdd import given
from services.members.provisioning.directory import SubjectSource
from services.members.provisioning.profile import EmailAddress, Profile, folded, from_text, to_text
from services.members.provisioning.tests.builders import ADA, PROVISIONED, add, envelope, platform, remove, replace
from services.members.provisioning.user import (
    DECIDER,
    GroupRolesSettled,
    ProvisionedUserChanged,
    SettleAccess,
    SettleGroupRoles,
    UserCommand,
    UserDeactivated,
    UserDeprovisioned,
    UserEvent,
    UserReactivated,
)

CHANGED = ProvisionedUserChanged(
    user_name="ada.king@example.org", external_id="e1", profile=to_text(ADA), names=["n3", "n2"]
)


def settle(*roles: Role, **changes: Any) -> SettleGroupRoles:
    return SettleGroupRoles(**envelope(**{"user_id": "m1", "group_roles": list(roles), **platform(), **changes}))


def test_somebody_is_provisioned() -> None:
    given(DECIDER).when(add()).then(PROVISIONED)
    given(DECIDER).when(add(active=False)).then(structs.replace(PROVISIONED, active=False))


def test_nobody_is_provisioned_twice() -> None:
    given(DECIDER, PROVISIONED).when(add()).then_raises("USER_EXISTS", ("external_id",))
    by_name = add(subject=SubjectSource.USER_NAME)
    given(DECIDER, PROVISIONED).when(by_name).then_raises("USER_EXISTS", ("user_name",))


def test_who_was_let_go_may_be_brought_again() -> None:
    again = given(DECIDER, PROVISIONED, CHANGED, UserDeprovisioned())
    again.when(add()).then(PROVISIONED)
    assert given(DECIDER, PROVISIONED, CHANGED, UserDeprovisioned(), PROVISIONED).state.version == 1


def _joined(roles: set[str]) -> str:
    return " ".join(sorted(roles)) or "none"


@pytest.mark.parametrize("command", [add(), replace(), remove()], ids=lambda command: command.wire_name)
@pytest.mark.parametrize(
    "roles", [{"owner", "member"}, {"builder"}, {"reader"}, set()], ids=lambda roles: " ".join(sorted(roles))
)
def test_only_a_directory_says_anything(command: UserCommand, roles: set[str]) -> None:
    given(DECIDER, PROVISIONED).when(structs.replace(command, roles=frozenset(roles))).then_raises("FORBIDDEN")


def test_what_is_said_anew_is_a_change_and_what_is_the_same_is_none() -> None:
    changed = replace(user_name="ada.king@example.org", names=["n3", "n2"])
    given(DECIDER, PROVISIONED).when(changed).then(CHANGED)
    given(DECIDER, PROVISIONED).when(replace()).then_nothing()


def test_access_ends_and_begins_again() -> None:
    given(DECIDER, PROVISIONED).when(replace(active=False)).then(UserDeactivated())
    given(DECIDER, PROVISIONED, UserDeactivated()).when(replace(active=False)).then_nothing()
    given(DECIDER, PROVISIONED, UserDeactivated()).when(replace()).then(UserReactivated())


def test_each_change_is_a_version_and_only_what_was_seen_is_changed() -> None:
    assert given(DECIDER, PROVISIONED, CHANGED, UserDeactivated(), UserReactivated()).state.version == 4
    seen = given(DECIDER, PROVISIONED, UserDeactivated())
    seen.when(replace(version=2)).then(UserReactivated())
    seen.when(replace(version=1)).then_raises("VERSION_MISMATCH")
    seen.when(remove(version=1)).then_raises("VERSION_MISMATCH")
    seen.when(remove(version=2)).then(UserDeprovisioned())


def test_nobody_becomes_somebody_else() -> None:
    given(DECIDER, PROVISIONED).when(replace(identity="i2")).then_raises("SUBJECT_FIXED", ("external_id",))


def test_what_was_decided_on_other_names_or_another_address_is_decided_again() -> None:
    given(DECIDER, PROVISIONED).when(replace(names_before=["n1"])).then_raises("CONFLICT")
    given(DECIDER, PROVISIONED).when(replace(email_before="ada@example.org")).then_raises("CONFLICT")


def test_of_who_was_erased_nothing_is_said() -> None:
    erased = structs.replace(PROVISIONED, identity=ERASED, user_name=ERASED, profile=ERASED, external_id=None)
    given(DECIDER, erased).when(replace()).then_raises("ERASED")
    given(DECIDER, erased).when(remove(**platform())).then(UserDeprovisioned())


def test_who_is_not_there_is_not_found() -> None:
    for command in (replace(), remove()):
        given(DECIDER).when(command).then_raises("NOT_FOUND")
        given(DECIDER, PROVISIONED, UserDeprovisioned()).when(command).then_raises("NOT_FOUND")


def test_the_platform_settles_what_follows_from_groups() -> None:
    settled = GroupRolesSettled(roles=[Role.AMBASSADOR, Role.MODERATOR])
    both = settle(Role.MODERATOR, Role.AMBASSADOR)
    given(DECIDER, PROVISIONED).when(both).then(settled)
    given(DECIDER, PROVISIONED, settled).when(both).then_nothing()
    given(DECIDER).when(both).then_nothing()
    given(DECIDER, PROVISIONED).when(settle(actor="sa_scim")).then_raises("FORBIDDEN")
    assert given(DECIDER, PROVISIONED, settled).state.version == 1, "what the directory sees is the same"


def test_only_the_platform_settles_access_and_the_user_stays_the_same() -> None:
    given(DECIDER, PROVISIONED).when(SettleAccess(**envelope(user_id="m1", **platform()))).then_nothing()
    given(DECIDER, PROVISIONED).when(SettleAccess(**envelope(user_id="m1"))).then_raises("FORBIDDEN")


def test_the_address_to_write_to() -> None:
    home, work = EmailAddress(value="a@home.example"), EmailAddress(value="a@work.example", primary=True)
    assert Profile(emails=[home, work]).email == "a@work.example"
    assert Profile(emails=[EmailAddress(type="work"), home]).email == "a@home.example"
    assert Profile().email is None


def test_a_profile_is_read_as_it_was_written_and_an_erased_one_is_empty() -> None:
    profile = Profile(display_name="Ada", emails=[EmailAddress(value="a@example.org", primary=True)])
    assert from_text(to_text(profile)) == profile
    assert from_text(ERASED) == Profile()


@for_all(some.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


COMMANDS = some.lists(
    some.one_of(
        some.just(add()),
        some.builds(
            lambda name, active, version: replace(user_name=name, active=active, version=version),
            some.sampled_from(["ada@example.org", "ada"]),
            some.booleans(),
            some.sampled_from([None, 1, 2]),
        ),
        some.just(remove()),
        some.builds(settle, some.sampled_from(Role)),
    ),
    max_size=8,
)


@for_all(COMMANDS)
def test_the_same_command_twice_changes_nothing_the_second_time(commands: list[UserCommand]) -> None:
    events: list[UserEvent] = []
    for command in commands:
        before = given(DECIDER, *events).state
        try:
            fresh = DECIDER.decide(before, command)
        except DomainError:
            continue
        events += fresh
        after = given(DECIDER, *events).state
        assert after.version == (0 if not after.there else 1 if not before.there else before.version + len(
            [event for event in fresh if not isinstance(event, GroupRolesSettled)]))  # fmt: skip
        try:
            assert DECIDER.decide(after, structs.replace(command, **_seen(command, after.version))) == []
        except DomainError as refusal:
            assert refusal.code in {"USER_EXISTS", "NOT_FOUND"}


def _seen(command: UserCommand, version: int) -> dict[str, int]:
    return {"version": version} if getattr(command, "version", None) else {}
