"""The NATS KV bucket of ended sessions: an identity's id, and the time before which its tokens no longer count.

Nothing else is in it, and it forgets both once every token of then has expired.
"""

from datetime import datetime
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError

from libs.shared.domain import Unavailable
from libs.shared.event_store import StoredMessage

#: A token that would live longer is refused: what ends sessions is remembered for little longer.
LONGEST_TOKEN_SECONDS: Final = 7 * 24 * 3600.0
#: How long an entry is kept; clocks differ, and an hour too long does no harm.
KEPT_SECONDS: Final = LONGEST_TOKEN_SECONDS + 3600.0

#: The bucket as a stream, as NATS lays buckets out (ADR-8 of the NATS architecture), and its subjects.
STREAM: Final = "KV_SIGNED_OUT"
_PREFIX: Final = "$KV.SIGNED_OUT."
SUBJECTS: Final = f"{_PREFIX}>"

_PUT_SECONDS: Final = 5.0


def bucket(replicas: int = 1) -> StreamConfig:
    """The settings of the bucket."""
    return StreamConfig(
        name=STREAM,
        subjects=[SUBJECTS],
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_msgs_per_subject=1,
        max_age=KEPT_SECONDS,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_direct=True,
    )


async def put(nats: Client, identity: str, until: datetime) -> None:
    """Let tokens of an identity that were issued before `until` count no longer.

    Returns when that is stored; raises `Unavailable` when it may not be, and to put it again does no harm.
    """
    try:
        await nats.jetstream().publish(_PREFIX + identity, repr(until.timestamp()).encode(), timeout=_PUT_SECONDS)
    except (NatsError, APIError, OSError) as error:
        raise Unavailable("the sessions may not have been ended; try again") from error


def read(message: StoredMessage) -> tuple[str, float]:
    """An entry: the identity, and the time in unix seconds, 0 for one that was taken away.  Raises ValueError."""
    return message.subject.removeprefix(_PREFIX), float(message.data or b"0")
