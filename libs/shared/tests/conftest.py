import pytest

from libs.shared.commands import CommandHandler
from libs.shared.tests.hall import HALL
from libs.shared.tests.recording import Halls, Recording


@pytest.fixture
def store() -> Recording:
    return Recording()


@pytest.fixture
def halls(store: Recording) -> Halls:
    return CommandHandler(HALL, store, "halls")
