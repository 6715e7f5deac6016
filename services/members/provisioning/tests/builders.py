"""Commands and events of directories, as tests write them."""

from datetime import UTC, datetime
from typing import Any, Final

from libs.access.roles import ALL_ROLES
from libs.access.scopes import PROVISIONER
from libs.shared.domain import SYSTEM
from services.members.provisioning.directory import SubjectSource
from services.members.provisioning.group import AddGroup, ChangeNamedGroup, GroupProvisioned, RemoveGroup
from services.members.provisioning.profile import Profile, to_text
from services.members.provisioning.user import AddUser, ChangeUser, RemoveUser, UserProvisioned

NOW: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
ADA: Final = Profile(display_name="Ada King", nick_name="Ada")
PROVISIONED: Final = UserProvisioned(
    identity="i1",
    subject=SubjectSource.EXTERNAL_ID,
    user_name="ada@example.org",
    external_id="e1",
    profile=to_text(ADA),
    active=True,
    names=["n1", "n2"],
)
GROUP: Final = GroupProvisioned(display_name="Helpers", external_id=None, name="h1")


def envelope(**changes: Any) -> dict[str, Any]:
    return {
        "command_id": "c1",
        "brand": "b1",
        "actor": "sa_scim",
        "now": NOW,
        "roles": frozenset({PROVISIONER}),
        **changes,
    }


def platform() -> dict[str, Any]:
    return {"actor": SYSTEM, "roles": ALL_ROLES}


def add(**changes: Any) -> AddUser:
    fields: dict[str, Any] = {
        "user_id": "m1", "user_name": "ada@example.org", "external_id": "e1", "profile": ADA, "identity": "i1",
        "subject": SubjectSource.EXTERNAL_ID, "names": ["n1", "n2"],
    }  # fmt: skip
    return AddUser(**envelope(**{**fields, **changes}))


def replace(**changes: Any) -> ChangeUser:
    fields: dict[str, Any] = {
        "user_id": "m1", "user_name": "ada@example.org", "external_id": "e1", "profile": ADA, "identity": "i1",
        "names": ["n1", "n2"], "names_before": ["n1", "n2"], "email_before": None,
    }  # fmt: skip
    return ChangeUser(**envelope(**{**fields, **changes}))


def remove(**changes: Any) -> RemoveUser:
    return RemoveUser(**envelope(**{"user_id": "m1", **changes}))


def add_group(**changes: Any) -> AddGroup:
    return AddGroup(**envelope(**{"group_id": "g1", "display_name": "Helpers", "name": "h1", **changes}))


def change_group(**changes: Any) -> ChangeNamedGroup:
    return ChangeNamedGroup(**envelope(**{"group_id": "g1", "name": "h1", "name_before": "h1", **changes}))


def remove_group(**changes: Any) -> RemoveGroup:
    return RemoveGroup(**envelope(**{"group_id": "g1", **changes}))
