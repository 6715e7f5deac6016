"""Composes provisioning: what it answers, and who may ask."""

from collections.abc import Sequence

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.roles import LEADERS, require
from libs.access.scopes import PROVISIONER
from libs.shared.domain import SYSTEM, Forbidden, Query
from libs.shared.service import App
from services.members.provisioning.commands import Memberships, ProvisioningCommands
from services.members.provisioning.upkeep import Upkeep
from services.members.provisioning.views.directories import DirectoriesView, DirectoryOfBrand, DirectoryView
from services.members.provisioning.views.groups import (
    GroupsOfUsers,
    ProvisionedGroupMembers,
    ProvisionedGroupPage,
    ProvisionedGroupPageResult,
    ProvisionedGroupRange,
    ProvisionedGroupRanks,
    ProvisionedGroupsGetMany,
    ProvisionedGroupsView,
    ProvisionedGroupView,
    UserGroups,
)
from services.members.provisioning.views.users import (
    ProvisionedUserPage,
    ProvisionedUserPageResult,
    ProvisionedUsersGetMany,
    ProvisionedUsersView,
    ProvisionedUserView,
)


def compose_provisioning(app: App, authorizer: Authorizer, members: Memberships) -> Sequence[Source]:
    """Register everything that provisioning does; returns where it keeps things of members."""
    users, groups = app.view(ProvisionedUsersView()), app.view(ProvisionedGroupsView())
    directories = app.view(DirectoriesView())
    ProvisioningCommands(app, authorizer, members, users)
    Upkeep.register(app, users, groups)

    async def directory(query: Query) -> None:
        if query.viewer != SYSTEM and PROVISIONER not in await authorizer.roles(query.brand, query.viewer):
            raise Forbidden("only a service account with the scope members:provision sees this")

    async def leaders(query: Query) -> None:
        await authorizer.people_with(query, *LEADERS)

    async def directory_or_leaders(query: Query) -> None:
        roles = await authorizer.roles(query.brand, query.viewer)
        if PROVISIONER not in roles:
            require(roles, LEADERS)

    many = list[ProvisionedUserView | None]
    app.query(ProvisionedUsersGetMany, many, users.provisioned_users_get_many, view=users, allow=directory)
    app.query(ProvisionedUserPage, ProvisionedUserPageResult, users.provisioned_user_page, view=users, allow=directory)
    app.query(
        ProvisionedGroupsGetMany,
        list[ProvisionedGroupView | None],
        groups.provisioned_groups_get_many,
        view=groups,
        allow=directory_or_leaders,
    )
    app.query(
        ProvisionedGroupRange, ProvisionedGroupRanks, groups.provisioned_group_range, view=groups, allow=directory
    )
    app.query(
        ProvisionedGroupPage, ProvisionedGroupPageResult, groups.provisioned_group_page, view=groups, allow=leaders
    )
    app.query(ProvisionedGroupMembers, list[str], groups.provisioned_group_members, view=groups, allow=directory)
    app.query(GroupsOfUsers, list[UserGroups], groups.groups_of_users, view=groups, allow=directory)
    app.query(
        DirectoryOfBrand,
        DirectoryView,
        directories.directory_of_brand,
        view=directories,
        allow=directory_or_leaders,
    )
    return (
        Source("provisioned user", users, "users", lambda brand, member: {"_id": f"{brand}:{member}"}),
        Source("provisioned group", groups, "members", lambda brand, member: {"member": f"{brand}:{member}"}),
    )
