"""Loads the fixtures that every test may use."""

from hypothesis import settings

pytest_plugins = ["libs.shared.testing.fixtures"]

# Other work on the machine must not fail a test: what may take how long is measured by the benchmarks.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
