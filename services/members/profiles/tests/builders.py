"""Fields, commands and histories of the tests here."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from libs.access.roles import Role
from libs.shared.domain import Command
from services.members.member import MemberJoined
from services.members.profiles.audience import EVERYONE, Audience, Reach
from services.members.profiles.fields import Choice, FieldDefinition, FieldType, Label, Limits
from services.members.profiles.form import Form

C = TypeVar("C", bound=Command)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
JOINED = MemberJoined(identity="i1", display_name="Marie", email="marie@example.org")
MEMBERS = frozenset({"member"})
BUILDERS = frozenset({"member", "builder"})
MODERATORS = Audience(reach=Reach.ROLES, roles=[Role.MODERATOR, Role.OWNER])


def labels(text: str) -> list[Label]:
    return [Label(language="en", text=text)]


def field(key: str = "company", kind: FieldType = FieldType.TEXT, **more: Any) -> FieldDefinition:
    """A field that everybody sees; a choice is between red, green and blue."""
    if kind in (FieldType.CHOICE, FieldType.MULTI_CHOICE):
        more.setdefault("choices", [Choice(key=one, labels=labels(one.title())) for one in ("red", "green", "blue")])
    given = {"audience": EVERYONE, "limits": Limits(), **more}
    return FieldDefinition(key=key, type=kind, labels=labels(key.title()), **given)


def form(*fields: FieldDefinition, retired: tuple[str, ...] = ()) -> Form:
    """A form with these fields."""
    return Form(edition=len(fields), fields={one.key: one for one in fields}, retired=frozenset(retired))


def own(kind: type[C], *, actor: str = "m1", roles: frozenset[str] = MEMBERS, **fields: Any) -> C:
    """A command on the member m1, by themselves."""
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, roles=roles, member_id="m1", **fields)  # type: ignore[call-arg]


def leading(kind: type[C], *, roles: frozenset[str] = BUILDERS, brand_id: str = "b1", **fields: Any) -> C:
    """A command of a builder on something of the brand."""
    return kind(command_id="c1", brand="b1", actor="m2", now=NOW, roles=roles, brand_id=brand_id, **fields)  # type: ignore[call-arg]
