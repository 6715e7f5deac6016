"""`archipel up` as a person uses it: start, ask, stop, start again, and every way in which it can be interrupted."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from libs.shared.ports import free_ports
from libs.shared.settings import EMBEDDED_MONGO

START_SECONDS = 90
STOP_SECONDS = 10


class Up:
    """One running `archipel up`."""

    def __init__(self, data: Path, port: int, **env: str) -> None:
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in {"NATS_URL", "MONGO_URL"}},
            "ARCHIPEL_DATA": str(data),
            "ARCHIPEL_GATEWAY_PORT": str(port),
            **env,
        }
        self.log = data.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command("up"), env=self.environment, stdout=log, stderr=log)
        until(lambda: bool(self.tries) or self.process.poll() is not None, START_SECONDS)
        assert self.process.poll() is None, self.said
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "libs.cli.main", *arguments]

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def tries(self) -> list[str]:
        """The commands to try, the last thing that a start says."""
        return re.findall(r"^Try +(curl .+)\n", self.said, re.MULTILINE)

    def child(self, name: str) -> psutil.Process:
        """The process of a service."""
        (found,) = [
            child for child in psutil.Process(self.process.pid).children(recursive=True) if child.name() == name
        ]
        return found

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `archipel` command on the same data."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def try_it(self) -> dict[str, Any]:
        """What the printed command answers, read as a shell reads it."""
        (line,) = self.tries
        curl = shlex.split(line)
        headers = dict(curl[at + 1].split(": ", 1) for at, word in enumerate(curl) if word == "-H")
        body = curl[curl.index("-d") + 1]
        answer = httpx.post(curl[2], headers=headers, content=body, timeout=20)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        assert "errors" not in found
        return found["data"]  # type: ignore[no-any-return]

    def me(self) -> str:
        """The identity behind a fresh token of the developer."""
        token = self.run("token").stdout.strip()
        answer = httpx.post(
            f"http://127.0.0.1:{self.environment['ARCHIPEL_GATEWAY_PORT']}/graphql",
            headers={"Authorization": f"Bearer {token}"},
            json={"query": "{ me { identity memberships { brand { slug } } } }"},
            timeout=20,
        ).json()
        assert answer["data"]["me"]["memberships"] == [{"brand": {"slug": "lighthouse"}}]
        return str(answer["data"]["me"]["identity"])

    def end(self) -> None:
        """Whatever is left after a failed test goes."""
        self.process.kill()
        self.process.wait()
        for child in self.children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts platforms on one data folder and port, one after the other."""
    port = free_ports(1)[0]
    started: list[Up] = []

    def start(**env: str) -> Up:
        started.append(Up(tmp_path / "data", port, **env))
        return started[-1]

    yield start
    for up in started:
        up.end()


@pytest.mark.timeout(300)
def test_a_platform_lives_through_restarts_crashes_and_interruptions(place: Callable[..., Up]) -> None:
    up = place()
    brand = up.try_it()["brand"]
    assert brand["memberCount"] == 13
    assert len(brand["posts"]["nodes"]) == 3
    ada = up.me()

    # the embedded database is not asked too much at a time
    assert up.child("members").environ().items() >= EMBEDDED_MONGO.items()

    # a second start on the same data is refused and disturbs nothing
    second = up.run("up")
    assert second.returncode == 2
    assert second.stderr.startswith("archipel: a platform already runs on ")
    assert len(second.stderr.splitlines()) == 1

    # the demo again, as `make demo` does, brings nothing new
    again = up.run("demo")
    assert again.returncode == 0, again.stderr
    assert up.try_it()["brand"] == brand

    # a view is rebuilt while it serves
    rebuilt = up.run("rebuild", "members", "brands")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.startswith("brands is served from ")
    assert up.try_it()["brand"] == brand
    unknown = up.run("rebuild", "members", "nothing")
    assert unknown.returncode == 2
    assert re.search(r"members has no view 'nothing'; it has .*\bbrands\b", unknown.stderr)

    # a service that dies comes back
    first = up.child("members")
    first.kill()
    until(lambda: "members     ● " in up.said and "was ended by SIGKILL" in up.said, 10)
    until(lambda: up.said.count("members     ● ") >= 2 and answers(up), START_SECONDS)
    assert up.try_it()["brand"] == brand

    # a supervisor killed by force leaves nothing behind
    up.children = psutil.Process(up.process.pid).children(recursive=True)
    assert len(up.children) == 9
    up.process.kill()
    up.process.wait()
    until(lambda: gone(up.children), 5)

    # everything is still there at the next start, and everybody is still the same person
    up = place(ARCHIPEL_DEMO="0")
    assert up.try_it()["brand"] == brand
    assert up.me() == ada

    # Ctrl-C stops it in order
    began = time.monotonic()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(STOP_SECONDS) == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert gone(up.children)
    assert "Traceback" not in up.said


def answers(up: Up) -> bool:
    """Whether the members service answers again."""
    try:
        return up.try_it()["brand"] is not None
    except (AssertionError, httpx.HTTPError):
        return False


@pytest.mark.timeout(150)
def test_down_stops_the_platform(place: Callable[..., Up]) -> None:
    up = place(ARCHIPEL_DEMO="0")
    stopped = up.run("down")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "stopped\n", "")
    assert up.process.wait(1) == 0
    assert gone(up.children)
    assert up.run("down").stdout == "nothing runs here\n"
