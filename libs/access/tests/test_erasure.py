"""The specification of an erasure as every service records it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from libs.access.erasure import DECIDER, ErasureRecorded, RecordErasure
from libs.shared.codec import Codec
from libs.shared.domain import SYSTEM
from libs.shared.testing.bdd import given
from libs.shared.testing.golden import check_golden

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORDED = ErasureRecorded(key_destroyed_at=NOON)


def record(actor: str = SYSTEM, at: datetime = NOON) -> RecordErasure:
    return RecordErasure(command_id="c1", brand="b1", actor=actor, now=NOON, member_id="m1", key_destroyed_at=at)


def test_the_platform_records_it() -> None:
    given(DECIDER).when(record()).then(RECORDED)


def test_nobody_else_does() -> None:
    given(DECIDER).when(record(actor="m1")).then_raises("FORBIDDEN")
    given(DECIDER, RECORDED).when(record(actor="o1")).then_raises("FORBIDDEN")


def test_once() -> None:
    given(DECIDER, RECORDED).when(record(at=NOON + timedelta(days=1))).then_nothing()


def test_golden_file() -> None:
    check_golden(Path(__file__).parent / "golden", Codec("members", DECIDER.events), {"erasure_recorded.v1": RECORDED})
