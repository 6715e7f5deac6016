import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from libs.cli import embedded
from libs.cli.data_folder import DataFolder
from libs.cli.embedded import answers, healthy, require_answer
from libs.cli.problems import CannotRun
from libs.cli.supervisor import Supervisor
from libs.cli.tests.stand_ins import Remembered
from libs.shared.ports import LOOPBACK, free_ports, is_free


async def test_both_servers_start_stop_and_keep_their_data(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "with a space")
    folder.prepare()
    nats_port, mongo_port = free_ports(2)
    for _ in range(2):
        output = Remembered()
        supervisor = Supervisor(output)
        await supervisor.start(
            [
                embedded.nats_server(folder, nats_port, os.environ),
                embedded.mongo_server(folder, mongo_port, os.environ),
            ]
        )
        try:
            assert await answers(LOOPBACK, nats_port, greeting=b"INFO ")
            assert await answers(LOOPBACK, mongo_port)
        finally:
            await supervisor.stop()
        assert not [text for name, text in output.lines if name == "nats"], "a server that is well says nothing"
        assert is_free(nats_port)
        assert is_free(mongo_port)
    assert (folder.root / "nats" / "jetstream").is_dir()
    assert any((folder.root / "mongo").iterdir())


def test_a_missing_program_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = DataFolder(tmp_path)
    with pytest.raises(CannotRun, match=r"^nats-server is not installed: run `make setup`$"):
        embedded.nats_server(folder, 1, {})
    with pytest.raises(CannotRun, match=r"^secantusd-py is not installed"):
        embedded.mongo_server(folder, 1, {})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 503 Wait\r\n\r\n", False), (b"nonsense\r\n", False), (b"", False)],
)
async def test_only_a_200_is_healthy(answer: bytes, expected: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()).startswith(b"GET /readyz ")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        assert await healthy(server.sockets[0].getsockname()[1]) is expected


async def test_nobody_there_is_not_healthy() -> None:
    (port,) = free_ports(1)
    assert not await healthy(port)


@pytest.mark.parametrize("scheme", ["nats", "mongodb"])
async def test_a_foreign_server_has_to_answer(scheme: str) -> None:
    (nobody,) = free_ports(1)
    with pytest.raises(CannotRun, match=r"^the server that NATS_URL names does not answer$"):
        await require_answer("NATS_URL", f"{scheme}://{LOOPBACK}:{nobody}")
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        await require_answer("NATS_URL", f"{scheme}://user:secret@{LOOPBACK}:{port}/?x=y")
        await require_answer("NATS_URL", f"{scheme}://{LOOPBACK}:{nobody},{LOOPBACK}:{port}")


@pytest.mark.parametrize("url", ["nonsense", "nats://127.0.0.1:port", "nats://127.0.0.1:99999"])
async def test_a_url_that_is_none_is_one_clear_line_without_it(url: str) -> None:
    with pytest.raises(CannotRun, match=r"^NATS_URL is not a URL$"):
        await require_answer("NATS_URL", url)
