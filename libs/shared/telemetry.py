"""Traces and metrics: OpenTelemetry when a collector is set, else only the W3C trace context, at next to no cost.

The trace context (https://www.w3.org/TR/trace-context/) always travels: in the header `traceparent` of NATS requests
and in the attribute `traceparent` of CloudEvents, so that the logs and events of one request can be found together
without a collector.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from libs.shared.domain import DomainError

#: The header of NATS messages and the attribute of CloudEvents.
TRACEPARENT = "traceparent"

_SHAPE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_ZEROS = frozenset({"0" * 32, "0" * 16})
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_tracer = trace.get_tracer("archipel")
_recording = False


def meter() -> Meter:
    """Where instruments are made; until `configure` found a collector they do nothing."""
    return metrics.get_meter("archipel")


def current_traceparent() -> str | None:
    """The trace context of the running task, for a header or an event; None outside any span."""
    return _current.get()


def trace_id() -> str | None:
    """The 32 hex digits that find everything of the request at hand; None outside any span."""
    traceparent = _current.get()
    return traceparent[3:35] if traceparent else None


def inject(headers: MutableMapping[str, str]) -> None:
    """Put the trace context of the running task into the headers of a message."""
    if traceparent := _current.get():
        headers[TRACEPARENT] = traceparent


def extract(headers: Mapping[str, str] | None) -> str | None:
    """The trace context in the headers or attributes of a message; None if there is none or it is malformed."""
    value = headers.get(TRACEPARENT) if headers else None
    return value if value and _parse(value) else None


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[None]:
    """Do something as one span of the trace `parent`, or of the running task's, or of a new trace.

    A `DomainError` is an answer, not a failure: the span gets its code and no status; other exceptions mark it failed.
    """
    origin = parent or _current.get()
    if not _recording:
        token = _current.set(origin or _fresh())
        try:
            yield
        finally:
            _current.reset(token)
        return
    with _tracer.start_as_current_span(
        name,
        context=_context(origin),
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as running:
        token = _current.set(_format(running.get_span_context()))
        try:
            yield
        except DomainError as error:
            running.set_attribute("archipel.code", error.code)
            raise
        except Exception as error:
            running.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            _current.reset(token)


def annotate(key: str, value: str | int) -> None:
    """Add an attribute to the running span, if one is recorded.  Never personal data."""
    if _recording:
        trace.get_current_span().set_attribute(key, value)


def configure(service: str, endpoint: str) -> Callable[[], None]:
    """Send traces and metrics of `service` to the collector at `endpoint`; empty: to nowhere.  Returns what ends it.

    The SDK and its exporter are imported only here: they cost 15 MB.
    """
    global _recording  # noqa: PLW0603 – one tracer provider a process, as in OpenTelemetry itself
    if not endpoint:
        return lambda: None
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    base = endpoint.rstrip("/")
    resource = Resource.create({"service.name": service, "service.namespace": "archipel"})
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics"))
    meters = MeterProvider(metric_readers=[reader], resource=resource, shutdown_on_exit=False)
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    _recording = True

    def end() -> None:
        tracers.shutdown()
        meters.shutdown()

    return end


def _parse(value: str) -> re.Match[str] | None:
    match = _SHAPE.fullmatch(value)
    return match if match and not _ZEROS.intersection(match.groups()) else None


def _fresh() -> str:
    """A trace of its own, marked as not sampled: nobody records it."""
    random = os.urandom(24).hex()
    return f"00-{random[:32]}-{random[32:]}-00"


def _context(traceparent: str | None) -> Context:
    match = _parse(traceparent) if traceparent else None
    if match is None:
        return Context()
    trace_hex, span_hex, flags = match.groups()
    remote = SpanContext(int(trace_hex, 16), int(span_hex, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())


def _format(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
