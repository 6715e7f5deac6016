"""`/Groups`: the groups of a brand as its directory has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from scim2_models import Context, PatchOp

from libs.shared.ids import uuid7
from services.gateway.http import Answer
from services.gateway.scim import group_changes, writing
from services.gateway.scim.directory import Directory
from services.gateway.scim.errors import Refused
from services.gateway.scim.group_changes import GroupChange
from services.gateway.scim.mapping import GroupReply, etag, location, to_group
from services.gateway.scim.request import Request
from services.gateway.scim.resources import Group


class GroupEndpoint:
    """Answers for one request; raises what `errors.answer` knows."""

    def __init__(self, directory: Directory, base: str) -> None:
        self._directory = directory
        self._base = base

    async def page(self, given: Mapping[str, Any]) -> Answer:
        """A part of the list."""
        part = writing.Part.of(Group, given)
        members = writing.wanted(part.shown, "members", unasked=True)
        found = await self._directory.groups(part.offset, part.size, part.where, members=members)
        of_each: Sequence[list[str] | None] = found.members or [None] * len(found.items)
        groups = [to_group(row, of, self._base) for row, of in zip(found.items, of_each, strict=True)]
        return writing.page(groups, found.total, part.offset, part.shown)

    async def create(self, request: Request) -> Answer:
        """Bring a group."""
        shown = writing.chosen(Group, request.parameters())
        group: Any = Group.model_validate(request.document(), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        said = _said(group)
        group_id = uuid7()
        await self._directory.provision_group(group_id, said)
        return await self._show(await self._known(group_id), shown, 201)

    async def one(self, request: Request, group_id: str) -> Answer:
        """Read, replace, change or let go one group."""
        row = await self._known(group_id)
        shown = writing.chosen(Group, request.parameters())
        if request.method == "GET":
            if request.has(etag(row)):
                return Answer(304, headers={"ETag": etag(row)})
            return await self._show(row, shown)
        version = row.version if request.must_have_seen(etag(row)) else None
        if request.method == "DELETE":
            await self._directory.remove_group(group_id, version)
            return Answer(204)
        change = self._put(request) if request.method == "PUT" else self._patched(request)
        await self._directory.change_group(group_id, version, change)
        return await self._show(await self._known(group_id), shown)

    def _put(self, request: Request) -> GroupChange:
        group: Any = Group.model_validate(request.document(), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
        return _said(group)

    def _patched(self, request: Request) -> GroupChange:
        patch: Any = PatchOp[Group[Any]]
        return group_changes.change(patch.model_validate(request.operations(), scim_ctx=Context.RESOURCE_PATCH_REQUEST))

    async def _known(self, group_id: str) -> GroupReply:
        found = await self._directory.group(group_id)
        if found is None:
            raise Refused(404, "there is no such group")
        return found

    async def _show(self, row: GroupReply, shown: Any, status: int = 200) -> Answer:
        members = await self._directory.members_of(row) if writing.wanted(shown, "members", unasked=True) else None
        group = to_group(row, members, self._base)
        headers = {"ETag": etag(row), "Content-Location" if status == 200 else "Location": location(row, self._base)}
        return writing.one(group, shown, status, headers)


def _said(group: Any) -> GroupChange:
    """All that a group says."""
    found = GroupChange(display_name=group.display_name)
    found.label(group.external_id or None)
    found.put(group_changes.members(group.members or []))
    return found
