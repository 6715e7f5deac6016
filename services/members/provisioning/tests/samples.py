"""The newest form of every event of this piece, for the golden files of the service."""

from collections.abc import Mapping
from typing import Final

from libs.access.roles import Role
from libs.shared.domain import Event
from services.members.provisioning import directory, group, user

DECIDERS: Final = (directory.DECIDER, user.DECIDER, group.DECIDER)

SAMPLES: Final[Mapping[str, Event]] = {
    "directory_configured.v1": directory.DirectoryConfigured(
        subject=directory.SubjectSource.USER_NAME, shown_name=directory.ShownName.DISPLAY_NAME
    ),
    "user_provisioned.v1": user.UserProvisioned(
        identity="i1",
        subject=directory.SubjectSource.EXTERNAL_ID,
        user_name="marie@example.org",
        external_id="0f2c",
        profile='{"nick_name":"Marie","emails":[{"value":"marie@example.org"}]}',
        active=True,
        names=["n1", "n2"],
    ),
    "provisioned_user_changed.v1": user.ProvisionedUserChanged(
        user_name="marie@example.net", external_id=None, profile="{}", names=["n3"]
    ),
    "user_deactivated.v1": user.UserDeactivated(),
    "user_reactivated.v1": user.UserReactivated(),
    "user_deprovisioned.v1": user.UserDeprovisioned(),
    "group_roles_settled.v1": user.GroupRolesSettled(roles=[Role.AMBASSADOR, Role.MODERATOR]),
    "group_provisioned.v1": group.GroupProvisioned(display_name="Helpers", external_id="g-1", name="h1"),
    "provisioned_group_renamed.v1": group.ProvisionedGroupRenamed(display_name="Guides", external_id=None, name="h2"),
    "group_members_changed.v1": group.GroupMembersChanged(added=["m2"], removed=["m1"]),
    "group_role_mapped.v1": group.GroupRoleMapped(role=Role.MODERATOR),
    "group_deprovisioned.v1": group.GroupDeprovisioned(members=["m2"]),
}
