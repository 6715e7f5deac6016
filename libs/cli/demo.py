"""The demo community: a small brand of bicycle lights, with the developer as its owner."""

from datetime import UTC, datetime
from pathlib import Path

from libs.access.roles import Role
from libs.cli.import_report import Report
from libs.cli.import_sender import Sender
from libs.cli.import_views import wait_for_views
from libs.cli.importer import import_files
from libs.cli.up import DEVELOPER
from libs.shared.bus import BusClient
from libs.shared.domain import SYSTEM
from libs.shared.ids import derived_id, identity_id, member_id
from services.members.member import GrantRole, JoinBrand

BRAND = "lighthouse"
DEVELOPER_NAME = "Ada"
DEMO_FILE = Path(__file__).with_name("demo.jsonl")


async def import_demo(bus: BusClient, identity_key: bytes, issuer: str, report: Report) -> None:
    """Imports the demo community and makes the developer an owner of it; a repeat changes nothing."""
    brand = await import_files(bus, identity_key, BRAND, [DEMO_FILE], report, create=True)
    identity = identity_id(identity_key, issuer, DEVELOPER)
    member = member_id(identity_key, brand, identity)
    now = datetime.now(UTC)
    join = JoinBrand(
        command_id=derived_id("demo", "join", brand, identity),
        brand=brand,
        actor=member,
        now=now,
        member_id=member,
        identity=identity,
        display_name=DEVELOPER_NAME,
    )
    own = GrantRole(
        command_id=derived_id("demo", "own", brand, identity),
        brand=brand,
        actor=SYSTEM,
        now=now,
        member_id=member,
        role=Role.OWNER,
    )
    sender = Sender(bus)
    for command in (join, own):
        await sender.send(command)
    await wait_for_views(sender, brand)
