"""How commands find and reach the platform: by the environment, else by what `archipel up` left in the data folder."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from libs.cli.data_folder import DataFolder
from libs.cli.problems import CannotRun
from libs.shared.bus import BusClient
from libs.shared.connection import Connection, NotReachable

#: Where a data folder keeps the master key that `archipel up` made for it.
MASTER_KEY_FILE = "master.key"

_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """A platform: where its servers are, and the secrets behind the ids and data of members (see docs/settings.md)."""

    nats_url: str
    mongo_url: str | None
    identity_key: bytes
    master_keys: str

    @classmethod
    def find(cls, env: Mapping[str, str], folder: DataFolder) -> "Target":
        """The one that the environment names, else the one running on the data folder.

        Raises `CannotRun` when there is neither.
        """
        nats_url, mongo_url = env.get("NATS_URL"), env.get("MONGO_URL")
        if not nats_url:
            running = folder.running()
            nats_url, mongo_url = running.nats_url, mongo_url or running.mongo_url
        key = env.get("ARCHIPEL_IDENTITY_KEY", "").encode() or folder.read("identity.key")
        if not key:
            raise CannotRun("ARCHIPEL_IDENTITY_KEY is not set: it must be the platform's own")
        return cls(nats_url, mongo_url, key, master_keys(env, folder.read(MASTER_KEY_FILE)))

    @contextlib.asynccontextmanager
    async def bus(self) -> AsyncIterator[BusClient]:
        """A connection for as long as the block runs; raises `CannotRun` when NATS does not answer."""
        connection = Connection("archipel-cli")
        try:
            await connection.open(self.nats_url, timeout_seconds=_CONNECT_SECONDS)
        except (NotReachable, OSError) as error:
            raise CannotRun("NATS does not answer: is the platform running?") from error
        try:
            yield BusClient(connection)
        finally:
            await connection.close()


def master_keys(env: Mapping[str, str], kept: bytes | None) -> str:
    """The master keys that the environment names, else the one `kept` in the data folder; empty when there is none."""
    return env.get("ARCHIPEL_MASTER_KEYS", "") or ("" if kept is None else f"1:{kept.decode()}")
