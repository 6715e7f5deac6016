"""`archipel import`: brings members, posts, replies, events and ideas of another platform into a brand.

Everything goes through the commands that people use, with the original times.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from libs.cli.import_brand import find_brand
from libs.cli.import_plan import Plan
from libs.cli.import_report import Report
from libs.cli.import_run import Importer
from libs.cli.import_sender import Bus, PlatformGone, Sender
from libs.cli.import_views import wait_for_views
from libs.cli.problems import CannotRun
from libs.shared.domain import BrandId


async def import_files(
    bus: Bus, identity_key: bytes, slug: str, files: Sequence[Path], report: Report, *, create: bool = False
) -> BrandId:
    """Imports files into the brand with that slug and returns when the views show them.

    Raises `CannotRun` when there is no such brand and `create` is false, or when the platform stays away.
    """
    now = datetime.now(UTC)
    brand = await find_brand(bus, slug, now, create=create)
    sender = Sender(bus)
    try:
        with report.showing(sum(path.stat().st_size for path in files)):
            await Importer(sender, Plan(brand, identity_key, now), report).run(files)
            report.decided()
            await wait_for_views(sender, brand)
    except* PlatformGone as gone:
        raise CannotRun(
            f"the platform stopped answering ({gone.exceptions[0]}): run the import again, nothing comes in twice"
        ) from gone
    report.summary(slug)
    return brand
