"""What a platform on one machine keeps on disk: its secrets, its lock, and where it is running."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from libs.cli.problems import CannotRun

#: The folder of the mails that were sent.
MAILS = "mail"

_ONLY_OWNER = 0o600


class Running(Struct, frozen=True, kw_only=True):
    """Where a running platform can be reached; `issuer` is the identifier in its tokens, the others are URLs."""

    pid: int
    gateway_url: str
    nats_url: str
    mongo_url: str
    issuer: str
    issuer_url: str


class DataFolder:
    """The folder of `ARCHIPEL_DATA`.  Everything in it belongs to one platform at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def prepare(self) -> None:
        """Creates the folder, or raises `CannotRun` when nothing can be written there."""
        probe = self.root / f".probe-{os.getpid()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
            list(self.root.iterdir())
        except OSError as error:
            raise CannotRun(f"cannot use the data folder {self.root}: {error.strerror or error}") from error

    def folder(self, name: str) -> Path:
        """A folder inside, created when missing; raises `CannotRun` when it cannot be."""
        path = self.root / name
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise CannotRun(f"cannot use {path}: {error.strerror or error}") from error
        return path

    def read(self, name: str) -> bytes | None:
        """The content of a file inside, or None; raises `CannotRun` when it exists and cannot be read."""
        path = self.root / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CannotRun(f"cannot read {path}: {error.strerror or error}") from error

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file inside as a whole, readable by its owner only."""
        path = self.root / name
        fresh = path.with_name(f"{name}.{os.getpid()}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _ONLY_OWNER)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise CannotRun(f"cannot write {path}: {error.strerror or error}") from error

    def secret(self, name: str) -> str:
        """A random text of 43 characters (256 bits), made on first use and then the same for ever."""
        kept = self.read(name)
        if kept is None:
            kept = secrets.token_urlsafe(32).encode()
            self.write(name, kept)
        return kept.decode()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder for this process; raises `CannotRun` when another process holds it.

        The kernel drops the lock with the process, so a killed platform never blocks the next one.
        """
        try:
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, _ONLY_OWNER)
        except OSError as error:
            raise CannotRun(f"cannot lock {self.root}: {error.strerror or error}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                owner = os.read(descriptor, 32).decode().strip() or "unknown"
                raise CannotRun(
                    f"a platform already runs on {self.root} (process {owner}): stop it with `make down`, "
                    "or choose another folder with ARCHIPEL_DATA"
                ) from error
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    def holder(self) -> int | None:
        """The process that holds the lock, or None."""
        try:
            descriptor = os.open(self.root / "lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = os.read(descriptor, 32).decode().strip()
            return int(text) if text.isdecimal() else None
        else:
            return None
        finally:
            os.close(descriptor)

    def announce(self, running: Running) -> None:
        """Tells other commands where the platform runs."""
        self.write("running.json", msgspec.json.encode(running))

    def forget(self) -> None:
        """The platform has stopped."""
        with contextlib.suppress(OSError):
            (self.root / "running.json").unlink()

    def running(self) -> Running:
        """Where the platform on this folder runs; raises `CannotRun` when it does not."""
        kept = self.read("running.json")
        if kept is None or self.holder() is None:
            raise CannotRun(f"no platform runs on {self.root}: start it with `make up`")
        try:
            return msgspec.json.decode(kept, type=Running)
        except msgspec.DecodeError as error:
            raise CannotRun(f"{self.root / 'running.json'} is damaged: restart the platform") from error
