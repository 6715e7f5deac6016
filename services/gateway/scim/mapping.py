"""Between SCIM's resources and what the members service takes and answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct
from scim2_models import Meta, Name, Reference

from services.gateway.scim.resources import Email, EnterpriseUser, Group, GroupMember, User, UserGroup

AnyUser: TypeAlias = "User[EnterpriseUser]"


class UserReply(Struct, frozen=True):
    """A user as the service knows them; `profile` has the attributes by their names here."""

    id: str
    user_name: str
    external_id: str | None
    profile: dict[str, Any]
    active: bool
    created_at: datetime
    modified_at: datetime
    version: int


class GroupReply(Struct, frozen=True):
    """A group as the service knows it, without its members."""

    id: str
    display_name: str
    external_id: str | None
    member_count: int
    created_at: datetime
    modified_at: datetime
    version: int


class UserGroupsReply(Struct, frozen=True):
    """The groups of a user."""

    user_id: str
    groups: list[GroupReply]


class UserPageReply(Struct, frozen=True):
    """A page of users."""

    items: list[UserReply]
    total_count: int


class GroupPageReply(Struct, frozen=True):
    """A page of groups."""

    items: list[GroupReply]
    total_count: int


_TEXTS = ("display_name", "nick_name", "title", "user_type", "preferred_language", "locale", "timezone")


def user_fields(user: AnyUser) -> dict[str, Any]:
    """What a user says, as `provision_user` and `replace_user` take it."""
    return {
        "user_name": user.user_name,
        "external_id": user.external_id or None,
        "active": user.active,
        "profile": _given(
            name=_given(**_plain(user.name)),
            work=_given(**_plain(user[EnterpriseUser])),
            emails=[_given(**_plain(email)) for email in user.emails or [] if email.value] or None,
            **{field: getattr(user, field) for field in _TEXTS},
        )
        or {},
    }


def to_user(row: UserReply, model: Any, base: str, groups: Sequence[GroupReply] | None) -> AnyUser:
    """A user as SCIM has it; `groups` only when they were asked for."""
    profile = row.profile
    user: AnyUser = model(
        id=row.id,
        external_id=row.external_id,
        user_name=row.user_name,
        active=row.active,
        name=Name(**profile["name"]) if profile.get("name") else None,
        emails=[Email(**email) for email in profile.get("emails", ())] or None,
        groups=[
            UserGroup(value=one.id, display=one.display_name, type="direct", ref=Reference(f"{base}/Groups/{one.id}"))
            for one in groups
        ]
        if groups
        else None,
        meta=_meta(row, "User", base),
        **{field: profile.get(field) for field in _TEXTS},
    )
    if profile.get("work"):
        user[EnterpriseUser] = EnterpriseUser(**profile["work"])
    return user


def to_group(row: GroupReply, members: Sequence[str] | None, base: str) -> "Group[Any]":
    """A group as SCIM has it; `members` only when they were read."""
    return Group(
        id=row.id,
        external_id=row.external_id,
        display_name=row.display_name,
        members=[GroupMember(value=one, type="User", ref=Reference(f"{base}/Users/{one}")) for one in members]
        if members
        else None,
        meta=_meta(row, "Group", base),
    )


def etag(row: UserReply | GroupReply) -> str:
    """What changes with the resource (RFC 7644, section 3.14).  Weak: the same may be written in several ways.

    Who is provisioned anew begins to count anew, so the time of that is in it.
    """
    return f'W/"{row.version}-{int(row.created_at.timestamp() * 1000):x}"'


def location(row: UserReply | GroupReply, base: str) -> str:
    """The address of a resource."""
    return f"{base}/{'Users' if isinstance(row, UserReply) else 'Groups'}/{row.id}"


def _meta(row: UserReply | GroupReply, kind: str, base: str) -> Meta:
    return Meta(
        resource_type=kind,
        created=row.created_at,
        last_modified=row.modified_at,
        location=location(row, base),
        version=etag(row),
    )


def _plain(value: Any) -> Mapping[str, Any]:
    """The attributes of a complex value."""
    if value is None:
        return {}
    return {name: getattr(value, name) for name in type(value).model_fields if name not in {"schemas", "ref"}}


def _given(**values: Any) -> dict[str, Any] | None:
    """The attributes that have a value: an empty text is none (RFC 7643, section 2.5)."""
    return {name: value for name, value in values.items() if value is not None and value != ""} or None
