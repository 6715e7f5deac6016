"""`/Users`: the people of a brand as its directory has them."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from scim2_models import Context, PatchOp

from libs.shared.domain import DomainError, Unavailable
from services.gateway.http import Answer
from services.gateway.scim import writing
from services.gateway.scim.directory import Directory
from services.gateway.scim.errors import Refused
from services.gateway.scim.mapping import GroupReply, UserReply, etag, location, to_user, user_fields
from services.gateway.scim.request import Request, with_defaults
from services.gateway.scim.resources import Served

_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.02


class UserEndpoint:
    """Answers for one request; raises what `errors.answer` knows."""

    def __init__(self, directory: Directory, served: Served, base: str) -> None:
        self._directory = directory
        self._served = served
        self._model = served.user
        self._base = base

    async def page(self, given: Mapping[str, Any]) -> Answer:
        """A part of the list."""
        part = writing.Part.of(self._model, given)
        groups = writing.wanted(part.shown, "groups", unasked=False)
        found = await self._directory.users(part.offset, part.size, part.where, groups=groups)
        of_each: Sequence[list[GroupReply] | None] = found.groups or [None] * len(found.items)
        users = [to_user(row, self._model, self._base, of) for row, of in zip(found.items, of_each, strict=True)]
        return writing.page(users, found.total, part.offset, part.shown)

    async def create(self, request: Request) -> Answer:
        """Bring a person."""
        shown = writing.chosen(self._model, request.parameters())
        document = with_defaults(request.document(), active=True)
        user = self._model.model_validate(document, scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        row = await self._known(await self._directory.provision_user(user_fields(user)))
        return await self._show(row, shown, 201)

    async def one(self, request: Request, user_id: str) -> Answer:
        """Read, replace, change or let go one user."""
        row = await self._known(user_id)
        shown = writing.chosen(self._model, request.parameters())
        if request.method == "GET":
            groups = writing.wanted(shown, "groups", unasked=False)
            if request.has(etag(row)) and not groups:  # being in another group is no new version of the user
                return Answer(304, headers={"ETag": etag(row)})
            return await self._show(row, shown)
        seen = request.must_have_seen(etag(row))
        if request.method == "DELETE":
            await self._directory.remove_user(user_id, row.version if seen else None)
            return Answer(204)
        return await self._show(await self._write(request, row, seen=seen), shown)

    async def _write(self, request: Request, row: UserReply, *, seen: bool) -> UserReply:
        """Replace the user by what the request comes to.

        Without If-Match the sender means the user as they are by then: who was quicker is not overwritten unseen.
        """
        for attempt in range(_ATTEMPTS):
            user = self._put(request, row) if request.method == "PUT" else self._patched(request, row)
            try:
                await self._directory.replace_user(row.id, row.version, user_fields(user))
                break
            except DomainError as refusal:
                if refusal.code != "VERSION_MISMATCH" or seen:
                    raise
                if attempt == _ATTEMPTS - 1:
                    raise Unavailable("the user is being changed by many at once") from None
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * (attempt + 1)))  # noqa: S311 – jitter
            row = await self._known(row.id)
        return await self._known(row.id)

    def _put(self, request: Request, row: UserReply) -> Any:
        """The user that a PUT says.  What it does not say of access, and of who it is, stays as it was."""
        kept = {"active": row.active, self._served.subject: self._served.subject_of(row)}
        document = with_defaults(request.document(), **kept)
        return self._model.model_validate(document, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)

    def _patched(self, request: Request, row: UserReply) -> Any:
        """The user that a PATCH comes to."""
        patch: Any = PatchOp[self._model]  # type: ignore[name-defined]
        operations = patch.model_validate(request.operations(), scim_ctx=Context.RESOURCE_PATCH_REQUEST)
        user = to_user(row, self._model, self._base, None)
        operations.patch(user)
        return user

    async def _known(self, user_id: str) -> UserReply:
        found = await self._directory.user(user_id)
        if found is None:
            raise Refused(404, "there is no such user")
        return found

    async def _show(self, row: UserReply, shown: Any, status: int = 200) -> Answer:
        groups = None
        if writing.wanted(shown, "groups", unasked=False):
            [groups] = await self._directory.groups_of([row.id])
        user = to_user(row, self._model, self._base, groups)
        headers = {"ETag": etag(row), "Content-Location" if status == 200 else "Location": location(row, self._base)}
        return writing.one(user, shown, status, headers)
