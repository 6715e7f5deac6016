"""What a PATCH of a group comes to: its names, and who comes in and goes, without reading who is in it.

Applied as it is written, a PATCH would need all members of the group before it could take one out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct
from scim2_models import (
    InvalidPathException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    PatchOp,
    PatchOperation,
)
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from services.gateway.scim.resources import Group, GroupMember

_ADD: Final = PatchOperation.Op.add
_REMOVE: Final = PatchOperation.Op.remove


class GroupChange(Struct, omit_defaults=True):
    """What `change_group` takes: `members` are to be exactly these, then `add` come in and `remove` go."""

    display_name: str | None = None
    external_id: str | None = None
    drop_external_id: bool = False
    members: set[str] | None = None
    add: set[str] = set()
    remove: set[str] = set()

    def put(self, users: Iterable[str]) -> None:
        """These are the members."""
        self.members, self.add, self.remove = set(users), set(), set()

    def let_in(self, users: Iterable[str]) -> None:
        """These come in."""
        arriving = set(users)
        self.add |= arriving
        self.remove -= arriving

    def let_go(self, users: Iterable[str]) -> None:
        """These go."""
        going = set(users)
        self.remove |= going
        self.add -= going

    def label(self, external_id: str | None) -> None:
        """The directory calls the group so, or has no name for it."""
        self.external_id, self.drop_external_id = external_id, external_id is None


def change(patch: "PatchOp[Group[Any]]") -> GroupChange:
    """The change that all operations come to, in their order; raises `SCIMException` for what is none."""
    found = GroupChange()
    for operation in patch.operations or []:
        if operation.path:
            _apply(found, operation.op, _attribute(operation.path.parts), operation.value, operation.path.value_filter)
        elif isinstance(operation.value, Mapping):
            for name, value in operation.value.items():
                _apply(found, operation.op, _attribute((_local(str(name)),)), value, None)
        else:
            raise InvalidValueException(detail="without a path, the value is an object")
    return found


def members(given: Any) -> list[str]:
    """The ids in what was given as members: a list of objects, one object, or one id."""
    values = given if isinstance(given, list) else [given]
    found = []
    for value in values:
        one = GroupMember.model_validate({"value": value} if isinstance(value, str) else value)
        if not one.value:
            raise InvalidValueException(detail="a member has a value: the id of a user")
        if one.type is not None and one.type.lower() != "user":
            raise InvalidValueException(detail="groups hold users only")
        found.append(one.value)
    return found


def _local(name: str) -> str:
    """An attribute's name without the URN of its schema."""
    return name.rpartition(":")[2]


def _attribute(parts: tuple[str, ...]) -> str:
    return ".".join(parts).lower()


def _apply(found: GroupChange, op: PatchOperation.Op, attribute: str, value: Any, selection: FilterNode | None) -> None:
    match attribute:
        case "members":
            _apply_members(found, op, value, selection)
        case "displayname":
            if op is _REMOVE or not isinstance(value, str) or not value.strip():
                raise InvalidValueException(detail="a group has a displayName")
            found.display_name = value
        case "externalid":
            if not (value is None or isinstance(value, str)):
                raise InvalidValueException(detail="externalId is a string")
            found.label(None if op is _REMOVE else value or None)
        case "id" | "meta" | "schemas":
            if op is _REMOVE:
                raise MutabilityException(detail=f"{attribute} is the server's")
        case _ if attribute.startswith("members."):
            raise MutabilityException(detail="a membership is made and ended, not changed")
        case _:
            return  # an attribute that is not kept here


def _apply_members(found: GroupChange, op: PatchOperation.Op, value: Any, selection: FilterNode | None) -> None:
    if selection is not None:
        if op is not _REMOVE:
            raise NoTargetException(detail="who is in a group already cannot be changed")
        found.let_go(_selected(selection))
    elif op is _REMOVE and value is None:
        found.put(())
    elif op is _REMOVE:
        found.let_go(members(value))
    elif op is _ADD:
        found.let_in(members(value))
    else:
        found.put(members(value or []))


def _selected(node: FilterNode) -> list[str]:
    """The ids that `value eq "…"`, or several of them joined by "or", selects."""
    match node:
        case LogicalExpr(op=LogicalOperator.or_):
            return [user for term in node.terms for user in _selected(term)]
        case Comparison(op=CompareOperator.eq, value=str()) if node.attr_path.attr.lower() == "value":
            return [str(node.value)]
        case _:
            raise InvalidPathException(detail='members are selected by value eq "…"')
