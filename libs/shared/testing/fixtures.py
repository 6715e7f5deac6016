"""The servers that tests run against, one of each a session; a missing server fails the test, it never skips."""

from collections.abc import Iterator

import pytest

from libs.shared.testing.servers import MongoServer, NatsServer


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """Give the session's NATS server.  Do not kill it: a test that kills starts a server of its own."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def nats_url(nats_server: NatsServer) -> str:
    """Give the address of the session's NATS server."""
    return nats_server.url


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """Give the session's MongoDB-wire server.  Do not kill it: a test that kills starts a server of its own."""
    with MongoServer(tmp_path_factory.mktemp("mongo")) as server:
        yield server


@pytest.fixture(scope="session")
def mongo_url(mongo_server: MongoServer) -> str:
    """Give the address of the session's MongoDB-wire server."""
    return mongo_server.url
