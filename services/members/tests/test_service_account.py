"""The specification of a service account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.access.roles import ALL_ROLES, LEADERS, Role
from libs.access.scopes import Scope
from libs.shared.domain import DomainError
from libs.shared.testing.bdd import given
from services.members.service_account import (
    DECIDER,
    MAX_KEY_DAYS,
    MAX_KEYS,
    MAX_LIVE_KEYS,
    ApiKeyIssued,
    ApiKeyRevoked,
    CloseServiceAccount,
    CreateServiceAccount,
    IssueApiKey,
    RevokeApiKey,
    ServiceAccountClosed,
    ServiceAccountCommand,
    ServiceAccountCreated,
    ServiceAccountEvent,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SOON = NOW + timedelta(days=30)
CREATED = ServiceAccountCreated(name="Bot", scopes=[Scope.FEEDBACK_WRITE])
CLOSED = ServiceAccountClosed()
REVOKED = ApiKeyRevoked(key_id="k1")


def envelope(changes: dict[str, Any]) -> dict[str, Any]:
    fields = {"command_id": "c1", "brand": "b1", "actor": "olga", "now": NOW, "roles": frozenset({"member", "owner"})}
    return {**fields, "account_id": "sa_a", **changes}


def create(**changes: Any) -> CreateServiceAccount:
    return CreateServiceAccount(**{"name": "Bot", "scopes": [Scope.FEEDBACK_WRITE], **envelope(changes)})


def issue(key: str = "k1", **changes: Any) -> IssueApiKey:
    fields = {"key_id": key, "key_hash": "0" * 64, "last_four": "abcd", "expires_at": SOON}
    return IssueApiKey(**{**fields, **envelope(changes)})


def revoke(key: str = "k1", **changes: Any) -> RevokeApiKey:
    return RevokeApiKey(key_id=key, **envelope(changes))


def close(**changes: Any) -> CloseServiceAccount:
    return CloseServiceAccount(**envelope(changes))


def issued(key: str = "k1", expires_at: datetime = SOON) -> ApiKeyIssued:
    return ApiKeyIssued(key_id=key, key_hash="0" * 64, last_four="abcd", expires_at=expires_at)


ALL = pytest.mark.parametrize("command", [create, issue, revoke, close])


def test_a_leader_lets_a_program_in_with_its_scopes_in_order() -> None:
    scopes = [Scope.MEMBERS_READ, Scope.EVENTS_READ, Scope.MEMBERS_READ]
    created = ServiceAccountCreated(name="Bot", scopes=[Scope.EVENTS_READ, Scope.MEMBERS_READ])
    given(DECIDER).when(create(scopes=scopes)).then(created)


@ALL
@pytest.mark.parametrize("role", sorted(ALL_ROLES - LEADERS))
def test_others_manage_none(command: Any, role: Role) -> None:
    given(DECIDER, CREATED, issued()).when(command(roles=frozenset({"member", role}))).then_raises("FORBIDDEN")


@ALL
def test_an_account_manages_none_whatever_its_roles(command: Any) -> None:
    given(DECIDER, CREATED, issued()).when(command(actor="sa_a", roles=ALL_ROLES)).then_raises("FORBIDDEN")


def test_creating_it_again_changes_nothing() -> None:
    given(DECIDER, CREATED).when(create(command_id="c2")).then_nothing()


@pytest.mark.parametrize("changes", [{"name": "Other"}, {"scopes": [Scope.FEEDBACK_MANAGE]}])
def test_an_id_is_of_one_account_only(changes: dict[str, Any]) -> None:
    given(DECIDER, CREATED).when(create(**changes)).then_raises("ID_TAKEN", ("account_id",))


def test_a_closed_account_is_not_opened_again() -> None:
    given(DECIDER, CREATED, CLOSED).when(create()).then_raises("ID_TAKEN", ("account_id",))


def test_a_key_is_issued() -> None:
    given(DECIDER, CREATED).when(issue()).then(issued())


def test_the_same_key_again_changes_nothing() -> None:
    given(DECIDER, CREATED, issued()).when(issue()).then_nothing()


def test_a_key_id_is_of_one_key_only() -> None:
    given(DECIDER, CREATED, issued()).when(issue(key_hash="1" * 64)).then_raises("ID_TAKEN", ("key_id",))


def test_a_revoked_key_does_not_come_back() -> None:
    given(DECIDER, CREATED, issued(), REVOKED).when(issue()).then_raises("ID_TAKEN", ("key_id",))


@pytest.mark.parametrize("days", [-1, 0, MAX_KEY_DAYS + 1])
def test_a_key_ends_in_the_future_that_one_can_see(days: int) -> None:
    command = issue(expires_at=NOW + timedelta(days=days))
    given(DECIDER, CREATED).when(command).then_raises("INVALID", ("expires_at",))


def test_a_key_may_live_as_long_as_allowed() -> None:
    longest = NOW + timedelta(days=MAX_KEY_DAYS)
    given(DECIDER, CREATED).when(issue(expires_at=longest)).then(issued(expires_at=longest))


def test_only_so_many_keys_count_at_a_time() -> None:
    keys = [issued(f"k{number}") for number in range(MAX_LIVE_KEYS)]
    given(DECIDER, CREATED, *keys).when(issue("next")).then_raises("TOO_MANY_KEYS", ("account_id",))
    given(DECIDER, CREATED, *keys, ApiKeyRevoked(key_id="k3")).when(issue("next")).then(issued("next"))
    late = issue("next", now=SOON, expires_at=SOON + timedelta(days=1))
    given(DECIDER, CREATED, *keys).when(late).then(issued("next", SOON + timedelta(days=1)))


def test_an_account_has_no_endless_history_of_keys() -> None:
    history: list[ServiceAccountEvent] = [CREATED]
    for number in range(MAX_KEYS):
        history += [issued(f"k{number}"), ApiKeyRevoked(key_id=f"k{number}")]
    given(DECIDER, *history).when(issue("next")).then_raises("TOO_MANY_KEYS")


@ALL
def test_what_is_missing_is_not_found(command: Any) -> None:
    if command is not create:
        given(DECIDER).when(command()).then_raises("NOT_FOUND", ("account_id",))


def test_a_key_is_revoked() -> None:
    given(DECIDER, CREATED, issued()).when(revoke()).then(REVOKED)


def test_revoking_it_again_changes_nothing() -> None:
    given(DECIDER, CREATED, issued(), REVOKED).when(revoke()).then_nothing()


def test_a_key_that_never_was_is_not_revoked() -> None:
    given(DECIDER, CREATED, issued()).when(revoke("k9")).then_raises("NOT_FOUND", ("key_id",))


def test_it_is_closed() -> None:
    given(DECIDER, CREATED, issued()).when(close()).then(CLOSED)


def test_closing_it_again_changes_nothing() -> None:
    given(DECIDER, CREATED, CLOSED).when(close()).then_nothing()


def test_the_keys_of_a_closed_account_are_revoked_already() -> None:
    given(DECIDER, CREATED, issued(), CLOSED).when(revoke()).then_nothing()


def test_a_closed_account_gets_no_key() -> None:
    given(DECIDER, CREATED, CLOSED).when(issue()).then_raises("ACCOUNT_CLOSED", ("account_id",))


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        (create, "account_id", "m1"),
        (create, "account_id", "sa_"),
        (create, "scopes", []),
        (create, "scopes", ["members:manage"]),
        (issue, "key_hash", "0" * 63),
        (issue, "key_hash", "G" * 64),
        (issue, "last_four", "abcde"),
        (issue, "expires_at", "2026-06-01T00:00:00"),
    ],
)
def test_what_is_not_of_the_documented_form_is_no_command(command: Any, field: str, value: object) -> None:
    plain = {**msgspec.to_builtins(command()), field: value}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(plain, type(command()))


def test_a_snapshot_is_read_as_it_was_written() -> None:
    state = given(DECIDER, CREATED, issued(), issued("k2"), REVOKED, CLOSED).state
    assert msgspec.json.decode(msgspec.json.encode(state), type=type(state)) == state


commands = some.one_of(
    some.builds(create, name=some.sampled_from(["Bot", "Other"])),
    some.builds(issue, some.sampled_from(["k1", "k2"]), key_hash=some.sampled_from(["0" * 64, "1" * 64])),
    some.builds(revoke, some.sampled_from(["k1", "k2", "k3"])),
    some.builds(close),
)


@for_all(some.lists(commands))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[ServiceAccountCommand]) -> None:
    state = DECIDER.initial
    for one in sent:
        try:
            events = DECIDER.decide(state, one)
        except DomainError:
            continue
        before = state
        for event in events:
            state = DECIDER.evolve(state, event)
        assert state.exists
        assert not before.closed or state == before
        assert set(before.keys) <= set(state.keys)
        assert DECIDER.decide(state, one) == []


def test_owners_alone_let_in_what_provisions_members() -> None:
    provisions = [Scope.MEMBERS_PROVISION]
    builder = frozenset({"member", "builder"})
    given(DECIDER).when(create(scopes=provisions)).then(ServiceAccountCreated(name="Bot", scopes=provisions))
    given(DECIDER).when(create(scopes=provisions, roles=builder)).then_raises("FORBIDDEN")
    let_in = given(DECIDER, ServiceAccountCreated(name="Bot", scopes=provisions))
    let_in.when(issue(roles=builder)).then_raises("FORBIDDEN")
    let_in.when(revoke("k9", roles=builder)).then_raises("NOT_FOUND")
    let_in.when(close(roles=builder)).then(CLOSED)
