"""Commands on the launch of a brand and on joining it: stage, modules, places for who may come early, rules."""

import strawberry
from strawberry import ID

from services.gateway import ids
from services.gateway.context import Info
from services.gateway.schema.brand_launch import LaunchStage, Module
from services.gateway.schema.brand_rules import CharterPart
from services.gateway.schema.brands import BrandPayload
from services.gateway.schema.common import CommandId, command
from services.gateway.schema.members import MemberPayload
from services.gateway.schema.roles import Role


@strawberry.input
class EnterStageInput:
    """Another stage for a brand."""

    brand_id: ID
    stage: LaunchStage
    command_id: CommandId = None


@strawberry.input
class SwitchModuleInput:
    """A part of a brand to be used or not."""

    brand_id: ID
    module: Module
    on: bool
    command_id: CommandId = None


@strawberry.input
class AdmitMemberInput:
    """A place for somebody who has no membership yet."""

    brand_id: ID
    identity: ID = strawberry.field(description="Who: what they read as me.identity.")
    role: Role = strawberry.field(default=Role.MEMBER, description="The role that they will have from the start.")
    command_id: CommandId = None


@strawberry.input
class AcceptRulesInput:
    """A version of a brand's rules."""

    brand_id: ID
    version: int = strawberry.field(description="The current one.")
    command_id: CommandId = None


@strawberry.input
class PublishCharterInput:
    """A new version of a text."""

    brand_id: ID
    text: str = strawberry.field(description="Markdown, at most 20,000 characters.")
    command_id: CommandId = None


@strawberry.type
class BrandLaunchMutation:
    """Commands on the launch of a brand."""

    @command
    async def enter_brand_stage(self, info: Info, input: EnterStageInput) -> BrandPayload:  # noqa: A002
        """Take a brand to a later stage, or from ARCHIVED back to OPEN.  Owners only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand, "members.brand.enter_stage", input.command_id, brand_id=brand, stage=input.stage.value
        )
        return BrandPayload(done=done, key=brand)

    @command
    async def switch_module(self, info: Info, input: SwitchModuleInput) -> BrandPayload:  # noqa: A002
        """Close a part of a brand to writes, or open it again; nothing in it is lost.  Owners only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.brand.switch_module",
            input.command_id,
            brand_id=brand,
            module=input.module.value,
            on=input.on,
        )
        return BrandPayload(done=done, key=brand)

    @command
    async def admit_member(self, info: Info, input: AdmitMemberInput) -> BrandPayload:  # noqa: A002
        """Keep a place for somebody, who may then join before the brand is open.  Owners and builders.

        For a role beside MEMBER: owners only.
        """
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.member.admit_member",
            input.command_id,
            member_id=info.context.member_of(brand, input.identity),
            identity=input.identity,
            role=input.role.value,
        )
        return BrandPayload(done=done, key=brand)

    @command
    async def accept_rules(self, info: Info, input: AcceptRulesInput) -> MemberPayload:  # noqa: A002
        """Accept the current rules of a brand as its member; joining accepts them too."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        done = await info.context.act(
            brand,
            "members.member.accept_rules",
            input.command_id,
            member_id=info.context.member(brand),
            edition=input.version,
        )
        return MemberPayload(done=done)

    @command
    async def publish_manifesto(self, info: Info, input: PublishCharterInput) -> BrandPayload:  # noqa: A002
        """Say what a brand stands for.  Owners and builders."""
        return await _publish(info, CharterPart.MANIFESTO, input)

    @command
    async def publish_rules(self, info: Info, input: PublishCharterInput) -> BrandPayload:  # noqa: A002
        """Give a brand rules: who joins accepts them, and members are asked again.  Owners and builders."""
        return await _publish(info, CharterPart.RULES, input)


async def _publish(info: Info, part: CharterPart, given: PublishCharterInput) -> BrandPayload:
    brand = ids.expect(given.brand_id, "brandId", "Brand").key
    done = await info.context.act(
        brand,
        "members.charter.publish_charter",
        given.command_id,
        brand_id=brand,
        part=part.value,
        text=given.text,
    )
    return BrandPayload(done=done, key=brand)
