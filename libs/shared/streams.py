"""The platform's streams: their names, subjects and settings."""

import stamina
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NoStreamResponseError, ServiceUnavailableError

from libs.shared.event_store import stream_name

#: The stream of snapshots, one message a subject.
SNAPSHOTS = "SNAPSHOTS"

#: The stream of what is to happen later (`sched.>`) and of what is due now (`due.>`).
SCHEDULES = "SCHEDULES"

#: The stream of the members' data keys, apart from what they encrypt (`vault.py`).
KEYS = "KEYS"

#: How long the server remembers message ids; a longer memory costs it RAM for each message.
DUPLICATE_WINDOW_SECONDS = 120.0

_NAME_IN_USE = 10058


def event_stream(service: str, replicas: int = 1) -> StreamConfig:
    """Return the settings of a service's log: nothing in it ever expires."""
    return StreamConfig(
        name=stream_name(service),
        subjects=[f"evt.{service}.>"],
        storage=StorageType.FILE,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        allow_direct=True,
        allow_atomic=True,
    )


def snapshot_stream(replicas: int = 1) -> StreamConfig:
    """Return the settings of the snapshots: only the newest of each subject is kept."""
    return StreamConfig(
        name=SNAPSHOTS,
        subjects=["snap.>"],
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_msgs_per_subject=1,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        allow_direct=True,
    )


def key_stream(replicas: int = 1) -> StreamConfig:
    """Return the settings of the data keys: a message goes only when the vault has overwritten it."""
    return StreamConfig(
        name=KEYS,
        subjects=["key.>"],
        storage=StorageType.FILE,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        allow_direct=True,
    )


def schedule_stream(replicas: int = 1) -> StreamConfig:
    """Return the settings of the schedules: the server moves a message from `sched.…` to `due.…` when it is time."""
    return StreamConfig(
        name=SCHEDULES,
        subjects=["sched.>", "due.>"],
        storage=StorageType.FILE,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        allow_direct=True,
        allow_msg_schedules=True,
    )


async def ensure_streams(connection: Client, *configs: StreamConfig) -> None:
    """Create the streams that are missing and give the others these settings; safe in several processes at once.

    Waits up to 30 s for a cluster that has no leader yet.
    """
    retried = (NatsTimeoutError, NoRespondersError, NoStreamResponseError, ServiceUnavailableError)
    js = connection.jetstream()
    for config in configs:
        async for attempt in stamina.retry_context(on=retried, attempts=None, timeout=30.0, wait_max=1.0):
            with attempt:
                try:
                    await js.add_stream(config)
                except BadRequestError as error:
                    if not _is_other_config(error):
                        raise
                    await js.update_stream(config)


def _is_other_config(error: APIError) -> bool:
    return error.err_code == _NAME_IN_USE
