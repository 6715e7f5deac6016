"""No command gets past the stage and the modules of a brand: every one of every service, read off the services."""

import time
from collections.abc import AsyncGenerator, Collection
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from libs.access.gate import Module
from libs.shared.bus import BusClient
from libs.shared.domain import NO_BRAND, SYSTEM, Command, DomainError
from libs.shared.ids import uuid7
from libs.shared.testing.platform import OPERATOR, Platform
from tests.integration.samples import sample
from tests.integration.test_contracts import OWNERS

COMMANDS: Final = {
    endpoint.subject: endpoint.message
    for endpoint in OWNERS.values()
    if endpoint.aggregate and issubclass(endpoint.message, Command)
}

#: What no stage stops, and why.
ALLOWED: Final = {
    "cmd.members.network.create_network": "a network stands above brands",
    "cmd.members.network.appoint_admin": "a network stands above brands",
    "cmd.members.network.dismiss_admin": "a network stands above brands",
    "cmd.members.brand.create_brand": "the brand is not there yet",
    "cmd.members.brand.enter_stage": "an owner opens the brand again, and the brand itself decides",
    "cmd.members.member.leave_brand": "nobody is held in a brand",
    "cmd.members.member.erase_member": "who wants to be forgotten is, whatever the brand does",
    "cmd.members.member.certify_erasure": "an erasure comes to its end",
    "cmd.members.member.suspend_member": "who is in danger is protected at once",
    "cmd.members.member.ban_member": "who is in danger is protected at once",
    "cmd.members.member.end_suspension": "an end that was set comes",
    "cmd.members.member.expire_role": "an end that was set comes",
    "cmd.members.nudge.choose_nudges": "who wants no nudges is heard at any time",
    "cmd.members.member.hide_profile_fields": "who wants to show less of themselves can, at any time",
    "cmd.members.member.withdraw_consent": "to withdraw a consent is as easy as to give it",
    **{
        f"cmd.members.{what}": "a directory prepares a draft, and lets people go whatever the stage"
        for what in (
            "provisioned_user.provision_user",
            "provisioned_user.replace_user",
            "provisioned_user.remove_user",
            "provisioned_user.settle_group_roles",
            "provisioned_user.settle_access",
            "provisioned_group.provision_group",
            "provisioned_group.change_group",
            "provisioned_group.remove_group",
        )
    },
    "cmd.members.service_account.revoke_api_key": "a key that leaked must stop to count",
    "cmd.members.service_account.close_service_account": "so must an account",
    "cmd.members.score.show_on_leaderboard": "nobody is shown against their will",
    "cmd.members.spotlight.end_spotlight": "nor stands in a light",
    "cmd.members.invitation.accept_invitation": "a stage stops it as it stops to join: see test_needs_mail",
    "cmd.members.mail_address.opt_out_of_mail": "who wants no mails gets none",
    "cmd.members.mail_address.opt_in_to_mail": "and may think again by the same link",
    "cmd.members.networking.leave_networking": "who does not want to be found any more is not, whatever the brand does",
    "cmd.members.block_list.block_member": "who is in danger is protected at once",
    "cmd.members.follow.unfollow": "what somebody does not want to hear of any more, they need not",
    "cmd.members.follow.mute": "whatever the brand does",
    "cmd.members.notification_choices.choose_notifications": "opting out always holds",
    "cmd.members.notification_choices.switch_mail": "opting out always holds",
    "cmd.members.inbox.read_notices": "to read is not to write",
    "cmd.members.session.end_sessions": "sessions stand above brands",
    "cmd.members.session.end_sessions_of_member": "who is in danger is protected at once",
}

#: Which module a service is; members is none.
MODULES: Final = {"discussions": Module.DISCUSSIONS, "events": Module.EVENTS, "feedback": Module.FEEDBACK}


class Brand(NamedTuple):
    """A brand with an owner and a plain member, by their member ids."""

    bus: BusClient
    platform: Platform
    id: str
    owner: str
    member: str

    async def enter(self, stage: str) -> None:
        await self.send("members.brand.enter_stage", SYSTEM, brand_id=self.id, stage=stage)

    async def switch(self, module: Module, *, on: bool) -> None:
        await self.send("members.brand.switch_module", SYSTEM, brand_id=self.id, module=module.value, on=on)

    async def send(self, to: str, actor: str, **fields: Any) -> None:
        envelope = {"command_id": uuid7(), "brand": self.id, "actor": actor, "now": datetime.now(UTC)}
        service, aggregate, name = to.split(".")
        await self.bus.command(service, aggregate, name, {**envelope, **fields}, timeout_seconds=30)

    async def outcome(self, subject: str, actor: str, **given: Any) -> str | None:
        """What a sample of a command comes to: the code of its refusal, None if it is accepted.

        `given` are values for fields of these names.
        """
        fields = {**sample(COMMANDS[subject], full=False)}
        fields.update({name: value for name, value in given.items() if name in fields})
        if subject.endswith(".join_brand"):
            fields["identity"] = self.platform.identity(f"newcomer-{actor}")
            fields["member_id"] = actor = self.platform.member(f"newcomer-{actor}", self.id)
        for name in ("command_id", "brand", "actor", "now"):
            fields.pop(name)
        if "brand_id" in fields and not subject.endswith(".create_brand"):
            fields["brand_id"] = self.id
        envelope = {"command_id": "c", "brand": "b", "actor": "a", "now": datetime.now(UTC)}
        msgspec.convert({**envelope, **fields}, COMMANDS[subject])  # else the sample would be refused for its shape
        try:
            await self.send(subject.removeprefix("cmd."), actor, **fields)
        except DomainError as refusal:
            return refusal.code
        return None


@pytest.fixture
async def brand(platform: Platform) -> AsyncGenerator[Brand, None]:
    """A brand in DRAFT; the platform let a member in, as an import does."""
    async with platform.bus() as bus:
        made = Brand(bus, platform, uuid7(), "", "")
        network = {"brand": NO_BRAND, "network_id": uuid7(), "name": "Net"}
        await made.send("members.network.create_network", SYSTEM, **network, slug=f"n-{made.id}")
        owner, member = (platform.member(who, made.id) for who in (OPERATOR, "member"))
        await made.send(
            "members.brand.create_brand", SYSTEM, brand_id=made.id, network_id=network["network_id"], name="Draft",
            slug=f"b-{made.id}", kind="club", locale="en", stage="draft",
            founder=platform.identity(OPERATOR), founder_name="Olga",
        )  # fmt: skip
        identity = platform.identity("member")
        await made.send("members.member.join_brand", SYSTEM, member_id=member, identity=identity, display_name="Mona")
        yield made._replace(owner=owner, member=member)


async def outcomes(brand: Brand, actor: str, **given: Any) -> dict[str, str | None]:
    """What each command comes to that a stage can stop."""
    return {subject: await brand.outcome(subject, actor, **given) for subject in COMMANDS if subject not in ALLOWED}


async def settled(brand: Brand, actor: str, refused: Collection[str], code: str, **given: Any) -> None:
    """Wait until exactly these commands are refused with a code: a yes may be as old as a view is behind."""
    deadline = time.monotonic() + 60
    while True:
        found = await outcomes(brand, actor, **given)
        there = {subject for subject, came in found.items() if came == code}
        if there == set(refused):
            return
        assert time.monotonic() < deadline, {subject: found[subject] for subject in there ^ set(refused)}


def stopped() -> set[str]:
    """The commands that a stage can stop."""
    return set(COMMANDS) - set(ALLOWED)


async def test_in_a_draft_only_its_leaders_write(brand: Brand) -> None:
    found = await outcomes(brand, brand.member)
    assert found == dict.fromkeys(found, "BRAND_NOT_OPEN"), "nothing is a moment old: it began as a draft"
    leaders = await outcomes(brand, brand.owner)
    refused = [subject for subject, code in leaders.items() if code == "BRAND_NOT_OPEN"]
    assert refused == ["cmd.members.member.join_brand"], "who is not admitted stays outside"


async def test_an_archived_brand_is_only_read(brand: Brand) -> None:
    await brand.enter("archived")
    await settled(brand, brand.owner, stopped(), "BRAND_ARCHIVED")
    await brand.enter("open")
    await settled(brand, brand.owner, (), "BRAND_ARCHIVED")


@pytest.mark.parametrize("subject", ALLOWED)
async def test_what_no_stage_stops(brand: Brand, subject: str) -> None:
    await brand.enter("archived")
    assert await brand.outcome(subject, brand.owner) not in {"BRAND_ARCHIVED", "BRAND_NOT_OPEN"}


@pytest.mark.parametrize("module", MODULES.values())
async def test_a_module_that_is_off_takes_no_command_and_the_others_go_on(brand: Brand, module: Module) -> None:
    await brand.enter("open")
    await brand.switch(module, on=False)
    own = {subject for subject in COMMANDS if MODULES.get(subject.split(".")[1]) is module}
    await settled(brand, brand.owner, own, "MODULE_OFF", module=module.value, on=False)
    await brand.switch(module, on=True)
    await settled(brand, brand.owner, (), "MODULE_OFF", module=module.value, on=True)


def test_every_service_but_members_is_a_module() -> None:
    assert {subject.split(".")[1] for subject in COMMANDS} == {*MODULES, "members"}
    assert set(MODULES.values()) == set(Module)
