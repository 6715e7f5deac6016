"""A service account: a program that acts in one brand within its scopes, and the API keys that prove it."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, assert_never

from msgspec import Meta, Struct, structs

from libs.access.roles import LEADERS, Role, require
from libs.access.scopes import ACCOUNT_PREFIX, Scope, is_account
from libs.shared.domain import Command, Decider, DomainError, Event, Forbidden, Id, Invalid, NotFound
from libs.shared.text import Name

#: The longest life of a key.
MAX_KEY_DAYS: Final = 366
#: Keys of one account that count at the same time: enough to change them one after the other.
MAX_LIVE_KEYS: Final = 10
#: Keys that one account can ever have: its history stays small.
MAX_KEYS: Final = 1_000

#: An id that shows what it is the id of, so that no member can have it.
AccountId = Annotated[str, Meta(pattern=rf"^{ACCOUNT_PREFIX}[A-Za-z0-9_-]{{1,61}}\Z")]

#: SHA-256 of a key, 64 hexadecimal digits.  The key itself never reaches this service.
KeyHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

#: The end of a key, by which people recognise it.
LastFour = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{4}\Z")]

# Events


class ServiceAccountCreated(Event, frozen=True, kw_only=True):
    """The event's actor let a program into the brand; `scopes` are sorted."""

    wire_name: ClassVar[str] = "service_account_created"

    name: str
    scopes: list[Scope]


class ApiKeyIssued(Event, frozen=True, kw_only=True):
    """The event's actor was given a key of the account; of the key only `key_hash` and `last_four` are kept."""

    wire_name: ClassVar[str] = "api_key_issued"

    key_id: str
    key_hash: str
    last_four: str
    expires_at: datetime


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    """A key proves nothing any more."""

    wire_name: ClassVar[str] = "api_key_revoked"

    key_id: str


class ServiceAccountClosed(Event, frozen=True, kw_only=True):
    """The account ended for good, and with it all of its keys."""

    wire_name: ClassVar[str] = "service_account_closed"


ServiceAccountEvent = ServiceAccountCreated | ApiKeyIssued | ApiKeyRevoked | ServiceAccountClosed

# State


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key that was issued."""

    key_hash: str
    expires_at: datetime
    revoked: bool = False


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """What an account must remember to decide.  `keys` are all that were ever issued, by id."""

    name: str = ""
    scopes: list[Scope] = []
    keys: dict[str, ApiKey] = {}
    closed: bool = False

    @property
    def exists(self) -> bool:
        """Whether it was created; closed ones were."""
        return bool(self.name)

    def live_keys(self, now: datetime) -> int:
        """How many keys prove the account at a time."""
        return sum(not key.revoked and key.expires_at > now for key in self.keys.values())


def evolve(state: ServiceAccount, event: ServiceAccountEvent) -> ServiceAccount:
    """The account after `event`."""
    match event:
        case ServiceAccountCreated():
            return structs.replace(state, name=event.name, scopes=event.scopes)
        case ApiKeyIssued():
            key = ApiKey(key_hash=event.key_hash, expires_at=event.expires_at)
            return structs.replace(state, keys={**state.keys, event.key_id: key})
        case ApiKeyRevoked():
            revoked = structs.replace(state.keys[event.key_id], revoked=True)
            return structs.replace(state, keys={**state.keys, event.key_id: revoked})
        case ServiceAccountClosed():
            return structs.replace(state, closed=True)
        case _:
            assert_never(event)


# Commands


class CreateServiceAccount(Command, frozen=True, kw_only=True):
    """Let a program into the brand.  Owners and builders only, as all commands here; never a service account.

    Owners only for one that provisions members, and for its keys: it can end everybody's membership.
    """

    wire_name: ClassVar[str] = "create_service_account"

    account_id: AccountId
    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]


class IssueApiKey(Command, frozen=True, kw_only=True):
    """Keep a new key of the account: its hash, its last four characters, and until when it counts."""

    wire_name: ClassVar[str] = "issue_api_key"

    account_id: AccountId
    key_id: Id
    key_hash: KeyHash
    last_four: LastFour
    expires_at: Annotated[datetime, Meta(tz=True)]


class RevokeApiKey(Command, frozen=True, kw_only=True):
    """Let a key count no longer."""

    wire_name: ClassVar[str] = "revoke_api_key"

    account_id: AccountId
    key_id: Id


class CloseServiceAccount(Command, frozen=True, kw_only=True):
    """End the account and all of its keys, for good."""

    wire_name: ClassVar[str] = "close_service_account"

    account_id: AccountId


ServiceAccountCommand = CreateServiceAccount | IssueApiKey | RevokeApiKey | CloseServiceAccount

# Decisions


def decide(state: ServiceAccount, command: ServiceAccountCommand) -> list[ServiceAccountEvent]:
    """The facts that `command` makes true.

    Raises FORBIDDEN, NOT_FOUND, ID_TAKEN, ACCOUNT_CLOSED, TOO_MANY_KEYS, INVALID.
    """
    require(command.roles, LEADERS)
    if is_account(command.actor):
        raise Forbidden("people manage service accounts, not service accounts themselves")
    match command:
        case CreateServiceAccount():
            return _create(state, command)
        case IssueApiKey():
            return _issue(state, command)
        case RevokeApiKey():
            return _revoke(state, command)
        case CloseServiceAccount():
            _must_exist(state)
            return [] if state.closed else [ServiceAccountClosed()]
        case _:
            assert_never(command)


def _create(state: ServiceAccount, command: CreateServiceAccount) -> list[ServiceAccountEvent]:
    scopes = sorted(set(command.scopes))
    _owners_for(scopes, command)
    if not state.exists:
        return [ServiceAccountCreated(name=command.name, scopes=scopes)]
    if state.closed or (state.name, state.scopes) != (command.name, scopes):
        raise DomainError("ID_TAKEN", "another service account has this id", ("account_id",))
    return []


def _issue(state: ServiceAccount, command: IssueApiKey) -> list[ServiceAccountEvent]:
    _must_exist(state)
    _owners_for(state.scopes, command)
    if state.closed:
        raise DomainError("ACCOUNT_CLOSED", "this service account was closed", ("account_id",))
    if not command.now < command.expires_at <= command.now + timedelta(days=MAX_KEY_DAYS):
        raise Invalid(f"a key counts for at most {MAX_KEY_DAYS} days from now", ("expires_at",))
    known = state.keys.get(command.key_id)
    if known is not None and known.key_hash == command.key_hash and not known.revoked:
        return []
    if known is not None:
        raise DomainError("ID_TAKEN", "another key has this id", ("key_id",))
    if state.live_keys(command.now) >= MAX_LIVE_KEYS or len(state.keys) >= MAX_KEYS:
        raise DomainError("TOO_MANY_KEYS", f"revoke one first: {MAX_LIVE_KEYS} keys count at a time", ("account_id",))
    return [
        ApiKeyIssued(
            key_id=command.key_id,
            key_hash=command.key_hash,
            last_four=command.last_four,
            expires_at=command.expires_at,
        )
    ]


def _revoke(state: ServiceAccount, command: RevokeApiKey) -> list[ServiceAccountEvent]:
    _must_exist(state)
    key = state.keys.get(command.key_id)
    if key is None:
        raise NotFound("the service account has no such key", ("key_id",))
    return [] if key.revoked or state.closed else [ApiKeyRevoked(key_id=command.key_id)]


def _owners_for(scopes: list[Scope], command: ServiceAccountCommand) -> None:
    if Scope.MEMBERS_PROVISION in scopes:
        require(command.roles, Role.OWNER)


def _must_exist(state: ServiceAccount) -> None:
    if not state.exists:
        raise NotFound("there is no such service account", ("account_id",))


DECIDER: Decider[ServiceAccount, ServiceAccountCommand, ServiceAccountEvent] = Decider(
    aggregate="service_account",
    initial=ServiceAccount(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.account_id,
    commands=(CreateServiceAccount, IssueApiKey, RevokeApiKey, CloseServiceAccount),
    events=(ServiceAccountCreated, ApiKeyIssued, ApiKeyRevoked, ServiceAccountClosed),
)
