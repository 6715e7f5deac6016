"""Logs: one line an event, for people or as JSON, with the trace's id and without personal data.

Everything goes through structlog, also what libraries log with the standard library.  Fields that hold personal data
are blotted out by name, and e-mail addresses wherever they stand, so that a careless message does no harm.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import Processor

from libs.shared.telemetry import trace_id

#: Fields that are never logged, whatever they hold.
PERSONAL = frozenset(
    {
        "alt", "authorization", "bio", "body", "claims", "cookie", "description", "display_name", "email",
        "external_id", "founder_name", "identity", "ip", "password", "payload", "secret", "text", "title", "token",
        "values",
    }
)  # fmt: skip
BLOT = "[redacted]"

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_NOISY = ("uvicorn", "uvicorn.access", "pymongo", "asyncio", "httpx", "httpcore", "opentelemetry")


def configure(level: str, form: str, service: str, *, stream: TextIO | None = None) -> None:
    """Log from `level` (debug, info, warning, error) in `form` (console, json), by default to standard output."""
    output = stream or sys.stdout
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_PROCESSORS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _service(service),
                _json() if form == "json" else _console(colors=output.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("what happened", field=value)`; fields are ids, counts, durations, nothing personal."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out personal fields by name, and e-mail addresses and passwords in addresses wherever they stand."""
    for key, value in event.items():
        if key in PERSONAL:
            event[key] = BLOT
        elif isinstance(value, str) and ("@" in value):
            event[key] = _EMAIL.sub(BLOT, _CREDENTIALS.sub(BLOT, value))
        elif isinstance(value, dict):
            event[key] = redact(None, "", dict(value))
    return event


def _trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if found := trace_id():
        event["trace_id"] = found
    return event


def _service(service: str) -> Processor:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _console(*, colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


def _json() -> Processor:
    encoder = msgspec.json.Encoder(enc_hook=repr)

    def render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        return encoder.encode({"message": event.pop("event", ""), **event}).decode()

    return render


_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(allow=("subject", "queue", "stream")),
    _trace,
    structlog.processors.format_exc_info,
    redact,
]

# On import: structlog's own defaults print the local variables of every frame of an exception, and so personal data,
# in any process that forgets to call `configure`.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=False,
)
