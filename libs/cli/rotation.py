"""`archipel rotate-keys`: wraps every member's key with the newest master key while the platform runs."""

from collections.abc import Callable

from nats.js.errors import NotFoundError
from pydantic import SecretStr

from libs.cli.client import Target
from libs.cli.problems import CannotRun
from libs.shared.connection import Connection, NotReachable
from libs.shared.domain import Unavailable
from libs.shared.privacy import CannotOpen
from libs.shared.pull import ReaderLost
from libs.shared.rotation import Rotated, rotate
from libs.shared.settings import Settings, SettingsError
from libs.shared.vault import Vault

_CONNECT_SECONDS = 5.0


async def rotate_keys(target: Target, on_progress: Callable[[Rotated], None]) -> int:
    """Wraps all keys anew and returns how many needed it; raises `CannotRun`.  Safe to interrupt and to repeat."""
    try:
        masters = Settings(master_keys=SecretStr(target.master_keys)).key_ring
    except SettingsError as error:
        raise CannotRun(str(error)) from error
    connection = Connection("archipel-cli")
    try:
        await connection.open(target.nats_url, timeout_seconds=_CONNECT_SECONDS)
    except (NotReachable, OSError) as error:
        raise CannotRun("NATS does not answer: is the platform running?") from error
    try:
        return await rotate(connection, Vault(connection, masters), on_progress)
    except NotFoundError as error:
        raise CannotRun("this NATS has no keys of members: is it the platform's?") from error
    except CannotOpen as error:
        raise CannotRun(f"{error}; nothing is lost: name it after the newest one and run this again") from error
    except (Unavailable, ReaderLost) as error:
        raise CannotRun(f"NATS went away; run this again to go on: {error}") from error
    finally:
        await connection.close()
