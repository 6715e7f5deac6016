"""Loads the fixtures that every test may use."""

import pytest
from hypothesis import settings

pytest_plugins = ["libs.shared.testing.fixtures"]

# Other work on the machine must not fail a test: what may take how long is measured by the benchmarks.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Documents that tests make are compared, unless somebody asks for them anew."""
    parser.addoption("--write-reports", action="store_true", help="write the documents that tests make anew")
