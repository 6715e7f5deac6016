"""Runs the discussions service as a process: `python -m services.discussions`."""

from libs.shared.service import run
from services.discussions.service import compose

if __name__ == "__main__":
    run("discussions", compose)
