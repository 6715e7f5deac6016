import base64
from pathlib import Path

import pytest

from libs.cli.client import Target, master_keys
from libs.cli.problems import CannotRun
from libs.cli.rotation import rotate_keys
from libs.shared.connection import Connection
from libs.shared.ports import free_port
from libs.shared.privacy import KeyId, MasterKeys
from libs.shared.rotation import Rotated
from libs.shared.streams import ensure_streams, key_stream
from libs.shared.testing.platform import MASTER_KEYS
from libs.shared.testing.servers import NatsServer
from libs.shared.vault import Vault

NEW_KEYS = f"new:{base64.b64encode(bytes(32)).decode()}"


def target(url: str, keys: str) -> Target:
    return Target(url, None, b"k" * 32, keys)


async def test_keys_are_wrapped_anew_and_the_old_master_key_is_not_needed_any_more(tmp_path: Path) -> None:
    owners = [KeyId("b1", f"m{number}") for number in range(5)]
    with NatsServer(tmp_path) as server:
        connection = Connection("test")
        await connection.open(server.url)
        await ensure_streams(connection, key_stream())
        await Vault(connection, MasterKeys.parse(MASTER_KEYS)).to_write(owners)
        told: list[Rotated] = []
        assert await rotate_keys(target(server.url, f"{NEW_KEYS},{MASTER_KEYS}"), told.append) == 5
        assert told[-1].left == 0
        assert await rotate_keys(target(server.url, NEW_KEYS), told.append) == 0
        assert None not in (await Vault(connection, MasterKeys.parse(NEW_KEYS)).to_read(owners)).values()
        with pytest.raises(CannotRun, match="'new' is not among ARCHIPEL_MASTER_KEYS; nothing is lost"):
            await rotate_keys(target(server.url, MASTER_KEYS), told.append)
        await connection.close()


async def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        for url, keys, said in (
            (server.url, "", "ARCHIPEL_MASTER_KEYS: master key 1 is not"),
            (f"nats://127.0.0.1:{free_port()}", MASTER_KEYS, "NATS does not answer"),
            (server.url, MASTER_KEYS, "no keys of members"),
        ):
            with pytest.raises(CannotRun, match=said):
                await rotate_keys(target(url, keys), lambda _: None)


def test_the_environment_goes_before_the_data_folder() -> None:
    assert master_keys({"ARCHIPEL_MASTER_KEYS": "a:b"}, b"c") == "a:b"
    assert master_keys({}, b"c") == "1:c"
    assert master_keys({}, None) == ""
