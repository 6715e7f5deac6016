from pathlib import Path

import nats
import pytest
from pymongo import MongoClient

from libs.shared.testing.servers import MongoServer, NatsServer, ServerError, find_program


async def test_nats_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        connection = await nats.connect(server.url)
        await connection.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await connection.jetstream().publish("kept", b"1")
        await connection.close()
        port = server.port
        server.kill()
        assert server.pid is None
        server.restart()
        assert server.port == port
        connection = await nats.connect(server.url)
        assert (await connection.jetstream().stream_info("KEPT")).state.messages == 1
        await connection.close()


def test_mongo_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    with MongoServer(tmp_path) as server:
        with MongoClient[dict[str, object]](server.url) as client:
            client.test.kept.insert_one({"_id": 1})
        server.kill()
        server.restart()
        with MongoClient[dict[str, object]](server.url) as client:
            assert client.test.kept.find_one({"_id": 1}) == {"_id": 1}


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ServerError, match="no-such-server"):
        find_program("no-such-server")


def test_a_server_that_ends_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no_such_setting"):
        NatsServer(tmp_path, settings="no_such_setting: 1").start()
