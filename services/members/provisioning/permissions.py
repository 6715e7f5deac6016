"""What a viewer could send about the directory of a brand and its groups: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import Asked, Example, Examples, named
from libs.access.roles import Role
from services.members.provisioning.directory import ConfigureDirectory, ShownName, SubjectSource
from services.members.provisioning.group import MapGroupToRole


async def _brand(asked: Asked) -> list[Example]:
    shown = {"brand_id": asked.id, "shown_name": ShownName.NICK_NAME}
    return named(*(asked.example(ConfigureDirectory, **shown, subject=subject) for subject in SubjectSource))


async def _group(asked: Asked) -> list[Example]:
    roles = (None, Role.AMBASSADOR)
    return named(*(asked.example(MapGroupToRole, group_id=asked.id, role=role) for role in roles))


#: The examples for each kind of thing.
EXAMPLES: Final[Mapping[str, Examples]] = {"brand": _brand, "provisioned_group": _group}
