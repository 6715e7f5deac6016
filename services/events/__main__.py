"""Runs the events service as a process: `python -m services.events`."""

from libs.shared.service import run
from services.events.service import compose

if __name__ == "__main__":
    run("events", compose)
