"""The whole platform, started once for all tests that need it, and documents that tests make."""

from collections.abc import Iterator

import pytest

from libs.shared.testing.platform import Platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, nats_url: str, mongo_url: str) -> Iterator[Platform]:
    """Give the running platform.  A test that kills a service starts it again."""
    with Platform(tmp_path_factory.mktemp("platform"), nats_url, mongo_url) as started:
        yield started


@pytest.fixture
def write_reports(request: pytest.FixtureRequest) -> bool:
    """Whether documents are written anew instead of compared."""
    return bool(request.config.getoption("--write-reports"))
