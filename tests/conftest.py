"""The whole platform, started once for all tests that need it, and documents that tests make."""

from collections.abc import Iterator

import pytest

from libs.shared.testing.platform import Platform, Service
from tests.reports import ROOT


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, nats_url: str, mongo_url: str) -> Iterator[Platform]:
    """Give the running platform.  A test that kills a service starts it again."""
    with Platform(tmp_path_factory.mktemp("platform"), nats_url, mongo_url) as started:
        yield started


@pytest.fixture(scope="session")
def trusting(platform: Platform) -> Iterator[Service]:
    """Give a gateway that runs the trusted documents of docs/clients and no others."""
    folder = str(ROOT / "docs/clients/trusted")
    gateway = platform.copy("gateway", ARCHIPEL_DOCUMENTS="trusted", ARCHIPEL_TRUSTED_DOCUMENTS=folder)
    gateway.start()
    try:
        gateway.wait_ready()
        yield gateway
    finally:
        gateway.end()


@pytest.fixture
def write_reports(request: pytest.FixtureRequest) -> bool:
    """Whether documents are written anew instead of compared."""
    return bool(request.config.getoption("--write-reports"))
