"""What can go wrong before the platform starts.  That it runs is shown in tests/integration/test_up.py."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libs.cli.data_folder import DataFolder
from libs.cli.main import app
from libs.cli.problems import CannotRun
from libs.cli.up import Options, issuer_place
from libs.shared.ports import LOOPBACK, free_ports


def run(data: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs `archipel`; a command that should fail at once gets 20 s."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("ARCHIPEL_", "NATS_", "MONGO_"))}
    return subprocess.run(
        [sys.executable, "-m", "libs.cli.main", *command],
        env={**settings, "ARCHIPEL_DATA": str(data), "ARCHIPEL_GATEWAY_PORT": str(free_ports(1)[0]), **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only line of an orderly refusal, without the program's name."""
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("archipel: ")
    return line.removeprefix("archipel: ")


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        said = one_line(run(tmp_path, "up", ARCHIPEL_GATEWAY_PORT=str(port)))
    assert said.startswith(f"port {port} is in use: ")
    assert f"ARCHIPEL_GATEWAY_PORT={port + 1}" in said


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "", "²"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    with pytest.raises(CannotRun, match="ARCHIPEL_GATEWAY_PORT must be a port number"):
        Options.of({"ARCHIPEL_GATEWAY_PORT": port})


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert one_line(run(tmp_path / "data", "up")) == f"cannot use the data folder {tmp_path / 'data'}: File exists"


def test_a_second_start_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with DataFolder(tmp_path).lock():
        said = one_line(run(tmp_path, "up"))
    assert said.startswith(f"a platform already runs on {tmp_path} (process {os.getpid()}): stop it with `make down`")


@pytest.mark.parametrize("variable", ["NATS_URL", "MONGO_URL"])
def test_a_foreign_server_that_does_not_answer_is_named(tmp_path: Path, variable: str) -> None:
    url = f"{'nats' if variable == 'NATS_URL' else 'mongodb'}://{LOOPBACK}:{free_ports(1)[0]}"
    assert one_line(run(tmp_path, "up", **{variable: url})) == f"the server that {variable} names does not answer"


@pytest.mark.parametrize(
    "command", [("demo",), ("import", "--brand", "b", __file__), ("token",)], ids=lambda command: command[0]
)
def test_commands_say_when_no_platform_runs(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert "start it with `make up`" in one_line(run(tmp_path, *command))


def test_down_without_a_platform_is_fine(tmp_path: Path) -> None:
    done = run(tmp_path, "down")
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing runs here\n", "")


def test_the_issuer_keeps_its_name_when_its_port_is_taken(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    listener, identifier = issuer_place(folder)
    taken = listener.getsockname()[1]
    assert identifier == f"http://{LOOPBACK}:{taken}"
    with listener:
        other, again = issuer_place(folder)
        with other:
            assert again == identifier
            assert other.getsockname()[1] != taken
    same, again = issuer_place(folder)
    with same:
        assert (same.getsockname()[1], again) == (taken, identifier)


def test_a_damaged_issuer_address_is_one_clear_line(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.write("issuer.url", b"http://127.0.0.1:x")
    with pytest.raises(CannotRun, match=r"issuer\.url is damaged"):
        issuer_place(folder)


@pytest.mark.parametrize(
    ("value", "expected"), [(None, True), ("1", True), ("0", False), ("no", False), ("FALSE", False)]
)
def test_the_demo_can_be_left_out(value: str | None, expected: bool) -> None:
    assert Options.of({} if value is None else {"ARCHIPEL_DEMO": value}).demo is expected


def test_help_says_what_every_command_does() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    for command in ("up", "down", "token", "import", "demo", "rebuild", "catalogue", "publish-schema"):
        assert f" {command} " in shown
