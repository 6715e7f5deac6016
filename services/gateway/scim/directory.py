"""What a directory's service account asks of the members service, one request long."""

import asyncio
from typing import Any, Final

from msgspec import Struct, structs

from services.gateway.context import Context, Scope
from services.gateway.replies import DirectoryReply
from services.gateway.scim.filters import Clause
from services.gateway.scim.group_changes import GroupChange
from services.gateway.scim.mapping import (
    GroupPageReply,
    GroupReply,
    UserGroupsReply,
    UserPageReply,
    UserReply,
)

#: What requests cost, in units of the rate limits: as a read of one thing, for each thing of a page, and a write.
COST_READ: Final = 10
COST_ITEM: Final = 2
COST_WRITE: Final = 50
#: The most members in the groups of one answer: a page ends with the group that reaches it.
MAX_MEMBERS_SHOWN: Final = 10_000


class Users(Struct, frozen=True):
    """A page of users and how many match in all; `groups` are those of each, when they were asked for."""

    items: list[UserReply]
    total: int
    groups: list[list[GroupReply]] | None


class Groups(Struct, frozen=True):
    """A page of groups and how many match in all; `members` are those of each, when they were asked for."""

    items: list[GroupReply]
    total: int
    members: list[list[str]] | None


class Directory:
    """One brand as its directory's account sees it.  Raises `DomainError`; its own writes are seen by what it reads."""

    def __init__(self, context: Context, brand: str) -> None:
        self._context = context
        self._brand = brand
        self._scope: Scope = context.inside(brand)

    async def settings(self) -> DirectoryReply:
        """How the brand recognises its people; FORBIDDEN for who does not provision it."""
        return await self._scope.ask("members", "directory_of_brand", DirectoryReply)

    # Users

    async def user(self, user_id: str) -> UserReply | None:
        """A user."""
        self._pay(COST_READ)
        many = list[UserReply | None]
        [found] = await self._scope.ask("members", "provisioned_users_get_many", many, ids=[user_id])
        return found

    async def users(self, offset: int, size: int, where: list[Clause] | None, *, groups: bool) -> Users:
        """A page of users in the order of their ids."""
        self._pay(COST_READ + COST_ITEM * size)
        asked = {"offset": offset, "size": size} | ({"where": where} if where else {})
        page = await self._scope.ask("members", "provisioned_user_page", UserPageReply, **asked)
        found = await self.groups_of([row.id for row in page.items]) if groups else None
        return Users(page.items, page.total_count, found)

    async def groups_of(self, users: list[str]) -> list[list[GroupReply]]:
        """The groups of each user."""
        found = await self._scope.ask("members", "groups_of_users", list[UserGroupsReply], user_ids=users)
        return [one.groups for one in found]

    async def provision_user(self, fields: dict[str, Any]) -> str:
        """Bring a person; returns the id of the user."""
        return await self._do("members.provisioned_user.provision_user", **fields)

    async def replace_user(self, user_id: str, version: int | None, fields: dict[str, Any]) -> None:
        """Say everything about a person anew, if they are still as they were seen."""
        await self._do("members.provisioned_user.replace_user", user_id=user_id, **fields, **_seen(version))

    async def remove_user(self, user_id: str, version: int | None) -> None:
        """Let a person go; returns when nobody finds them any more."""
        await self._do("members.provisioned_user.remove_user", user_id=user_id, **_seen(version))
        await self.user(user_id)

    # Groups

    async def group(self, group_id: str) -> GroupReply | None:
        """A group without its members."""
        self._pay(COST_READ)
        many = list[GroupReply | None]
        [found] = await self._scope.ask("members", "provisioned_groups_get_many", many, ids=[group_id])
        return found

    async def groups(self, offset: int, size: int, where: list[Clause] | None, *, members: bool) -> Groups:
        """A page of groups in the order of their ids; with their members it may be shorter than `size`."""
        self._pay(COST_READ + COST_ITEM * size)
        asked = {"offset": offset, "size": size} | ({"where": where} if where else {})
        page = await self._scope.ask("members", "provisioned_group_range", GroupPageReply, **asked)
        if not members:
            return Groups(page.items, page.total_count, None)
        items = _shown(page.items)
        found = await asyncio.gather(*(self.members_of(row) for row in items))
        return Groups(items, page.total_count, found)

    async def members_of(self, group: GroupReply) -> list[str]:
        """The users in a group."""
        self._pay(group.member_count // 10)
        return await self._scope.ask("members", "provisioned_group_members", list[str], group_id=group.id)

    async def provision_group(self, group_id: str, said: GroupChange) -> None:
        """Bring a group."""
        fields = {
            "display_name": said.display_name,
            "external_id": said.external_id,
            "members": sorted(said.members or ()),
        }
        await self._do("members.provisioned_group.provision_group", group_id=group_id, **fields)

    async def change_group(self, group_id: str, version: int | None, change: GroupChange) -> None:
        """Change what is given, if the group is still as it was seen."""
        given = {name: value for name, value in structs.asdict(change).items() if value is not None}
        fields = {name: sorted(value) if isinstance(value, set) else value for name, value in given.items()}
        await self._do("members.provisioned_group.change_group", group_id=group_id, **fields, **_seen(version))

    async def remove_group(self, group_id: str, version: int | None) -> None:
        """Let a group go; returns when nobody finds it any more."""
        await self._do("members.provisioned_group.remove_group", group_id=group_id, **_seen(version))
        await self.group(group_id)

    async def _do(self, to: str, **fields: Any) -> str:
        self._pay(COST_WRITE)
        done = await self._context.act(self._brand, to, None, **fields)
        self._scope = done.scope
        return done.id

    def _pay(self, cost: int) -> None:
        self._context.pay(cost)


def _seen(version: int | None) -> dict[str, int]:
    return {} if version is None else {"version": version}


def _shown(groups: list[GroupReply]) -> list[GroupReply]:
    """As many of the groups as have `MAX_MEMBERS_SHOWN` members together, at least one."""
    found: list[GroupReply] = []
    members = 0
    for group in groups:
        members += group.member_count
        if found and members > MAX_MEMBERS_SHOWN:
            break
        found.append(group)
    return found
