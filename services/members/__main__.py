"""Runs the members service as a process: `python -m services.members`."""

from libs.shared.service import run
from services.members.service import compose

if __name__ == "__main__":
    run("members", compose)
