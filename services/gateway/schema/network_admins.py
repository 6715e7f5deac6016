"""Who runs a network: its admins, who open brands in it."""

import strawberry
from strawberry import ID

from libs.shared.domain import NO_BRAND
from services.gateway import ids
from services.gateway.context import Info
from services.gateway.schema.brands import NetworkPayload
from services.gateway.schema.common import CommandId, command


@strawberry.input
class NetworkAdminInput:
    """An identity in a network."""

    network_id: ID
    identity: ID = strawberry.field(description="Who: what they read as me.identity.")
    command_id: CommandId = None


@strawberry.type
class NetworkAdminMutation:
    """Commands on the admins of networks."""

    @command
    async def appoint_network_admin(self, info: Info, input: NetworkAdminInput) -> NetworkPayload:  # noqa: A002
        """Let somebody open brands in a network and appoint others.  Its admins, and operators of the platform."""
        return await _change(info, "appoint_admin", input)

    @command
    async def dismiss_network_admin(self, info: Info, input: NetworkAdminInput) -> NetworkPayload:  # noqa: A002
        """End that somebody is an admin; the last one stays.  Its admins, and operators of the platform."""
        return await _change(info, "dismiss_admin", input)


async def _change(info: Info, name: str, given: NetworkAdminInput) -> NetworkPayload:
    context, identity = info.context, info.context.identity()
    network = ids.expect(given.network_id, "networkId", "Network").key
    command_id = context.command_id(NO_BRAND, identity, name, given.command_id)
    fields = {"network_id": network, "identity": given.identity}
    return NetworkPayload(done=await context.send(NO_BRAND, identity, f"members.network.{name}", command_id, **fields))
