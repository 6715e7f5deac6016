"""Runs the feedback service as a process: `python -m services.feedback`."""

from libs.shared.service import run
from services.feedback.service import compose

if __name__ == "__main__":
    run("feedback", compose)
