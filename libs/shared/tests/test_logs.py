"""Logs: their form, their trace, and what they keep to themselves."""

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.shared import logs, telemetry

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


def logged(write: Any, *, level: str = "info") -> list[dict[str, Any]]:
    stream = io.StringIO()
    logs.configure(level, "json", "discussions", stream=stream)
    write()
    return [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]


def test_one_json_object_a_line() -> None:
    [line] = logged(lambda: logs.logger("libs.test").info("thread locked", thread="t1", replies=3))
    assert line.pop("time").endswith("Z")
    assert line == {
        "message": "thread locked",
        "thread": "t1",
        "replies": 3,
        "level": "info",
        "logger": "libs.test",
        "service": "discussions",
    }


def test_the_standard_library_goes_the_same_way() -> None:
    def write() -> None:
        logging.getLogger("pymongo.pool").warning(
            "no %s for %s", "answer", "jo@example.org", extra={"subject": "cmd.x"}
        )
        logging.getLogger("uvicorn.access").info("GET /readyz")

    [line] = logged(write)
    assert (line["message"], line["logger"], line["level"]) == ("no answer for [redacted]", "pymongo.pool", "warning")
    assert line["subject"] == "cmd.x"


def test_less_important_messages_are_left_out() -> None:
    log = logs.logger("libs.test")
    lines = logged(lambda: (log.info("a"), log.warning("b")), level="warning")
    assert [line["message"] for line in lines] == ["b"]


def test_the_trace_of_the_request_is_in_every_line() -> None:
    def write() -> None:
        with telemetry.span("cmd.x", parent=f"00-{'a' * 32}-{'b' * 16}-01"):
            logs.logger("libs.test").info("inside")
            logging.getLogger("other").warning("inside")
        logs.logger("libs.test").info("outside")

    assert [line.get("trace_id") for line in logged(write)] == ["a" * 32, "a" * 32, None]


def test_personal_data_and_passwords_are_blotted_out() -> None:
    def write() -> None:
        log = logs.logger("libs.test")
        log.info("joined", email="jo@example.org", display_name="Jo", member="m1", query={"token": "secret", "id": "x"})
        log.warning("cannot reach mongodb://user:hunter2@db/ as jo.doe+x@mail.example.org")
        try:
            raise ValueError("duplicate key: jo@example.org")
        except ValueError:
            log.exception("failed")

    lines = logged(write)
    text = msgspec.json.encode(lines).decode()
    for secret in ("example.org", "Jo", "hunter2", "secret"):
        assert secret not in text
    assert lines[0]["member"] == "m1"
    assert lines[0]["query"] == {"token": "[redacted]", "id": "x"}
    assert "ValueError: duplicate key" in lines[2]["exception"]


def test_a_process_that_configures_nothing_shows_no_local_variables() -> None:
    program = """
from libs.shared.logs import logger
def fail(secret):
    raise RuntimeError("broken")
try:
    fail("hunter2".upper())
except RuntimeError:
    logger("libs.test").exception("failed")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=True, timeout=60)
    output = done.stdout + done.stderr
    assert b"RuntimeError: broken" in output
    assert b"HUNTER2" not in output


def test_what_json_cannot_hold_is_shown_as_it_is_written() -> None:
    [line] = logged(lambda: logs.logger("libs.test").info("odd", value=object, parts=frozenset({1})))
    assert line["value"] == "<class 'object'>"
    assert line["parts"] == [1]


def test_the_console_form_is_for_people() -> None:
    stream = io.StringIO()
    logs.configure("info", "console", "discussions", stream=stream)
    logs.logger("libs.test").info("thread locked", thread="t1")
    assert "thread locked" in stream.getvalue()
    assert "thread=t1" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
