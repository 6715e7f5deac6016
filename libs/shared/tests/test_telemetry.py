"""Trace context always travels; spans and metrics go to a collector, when there is one."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from libs.shared import telemetry
from libs.shared.domain import NotFound

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def test_without_a_collector_the_context_passes_through() -> None:
    assert telemetry.current_traceparent() is None
    assert telemetry.trace_id() is None
    with telemetry.span("outer", parent=PARENT):
        with telemetry.span("inner"):
            assert telemetry.current_traceparent() == PARENT
            headers = {"other": "1"}
            telemetry.inject(headers)
            assert headers == {"other": "1", "traceparent": PARENT}
        assert telemetry.trace_id() == "a" * 32
    assert telemetry.current_traceparent() is None


def test_a_request_without_a_context_begins_one() -> None:
    with telemetry.span("first"):
        first = telemetry.current_traceparent()
        with telemetry.span("within"):
            assert telemetry.current_traceparent() == first
    with telemetry.span("second"):
        assert telemetry.current_traceparent() != first
    assert first is not None
    assert telemetry.extract({"traceparent": first}) == first
    assert first.endswith("-00")  # nobody recorded it


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"{PARENT}\r\nX: 1",
        f"{PARENT}-extra",
    ],
)
def test_a_malformed_context_is_none(value: str) -> None:
    assert telemetry.extract({"traceparent": value}) is None


def test_no_headers_no_context() -> None:
    assert telemetry.extract(None) is None
    assert telemetry.extract({}) is None
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    assert headers == {}


async def test_tasks_keep_their_contexts_apart() -> None:
    async def request(number: int) -> bool:
        parent = f"00-{number:032x}-{number:016x}-01"
        with telemetry.span("request", parent=parent):
            await asyncio.sleep(0.001 * (number % 3))
            return telemetry.current_traceparent() == parent

    assert all(await asyncio.gather(*(request(number) for number in range(1, 40))))


def test_the_context_is_left_also_after_a_refusal() -> None:
    with pytest.raises(NotFound), telemetry.span("request", parent=PARENT):
        raise NotFound("no such thing")
    assert telemetry.current_traceparent() is None


def test_without_a_collector_a_span_costs_next_to_nothing() -> None:
    telemetry.annotate("key", "value")
    counter = telemetry.meter().create_counter("archipel.test")
    began = time.perf_counter()
    for _ in range(10_000):
        with telemetry.span("request", parent=PARENT, attributes={"a": 1}):
            counter.add(1, {"code": "OK"})
    assert (time.perf_counter() - began) / 10_000 < 50e-6  # about 3 µs on a quiet machine


def test_the_sdk_is_not_even_imported_without_a_collector() -> None:
    program = (
        "import sys; from libs.shared import telemetry; telemetry.configure('x', '')();"
        "assert not any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules)"
    )
    _run(program)


def test_spans_and_metrics_reach_a_collector() -> None:
    with collector() as (url, received):
        program = f"""
from opentelemetry.trace import SpanKind
from libs.shared import telemetry
from libs.shared.domain import NotFound
end = telemetry.configure("discussions", "{url}/")
requests = telemetry.meter().create_counter("archipel.requests")
with telemetry.span("cmd.x", parent="{PARENT}", kind=SpanKind.SERVER, attributes={{"part": 1}}):
    telemetry.annotate("events", 2)
    requests.add(1)
    assert telemetry.trace_id() == "{"a" * 32}"
    try:
        with telemetry.span("inner"):
            assert telemetry.current_traceparent() != "{PARENT}"
            raise NotFound("no")
    except NotFound:
        pass
try:
    with telemetry.span("failing"):
        raise RuntimeError("secret words")
except RuntimeError:
    pass
end()
"""
        _run(program)
    traces = ExportTraceServiceRequest.FromString(received["/v1/traces"])
    [resource] = traces.resource_spans
    named = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
    assert named["service.name"] == "discussions"
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    outer, inner, failing = spans["cmd.x"], spans["inner"], spans["failing"]
    assert outer.trace_id.hex() == inner.trace_id.hex() == "a" * 32
    assert outer.parent_span_id.hex() == "b" * 16
    assert inner.parent_span_id == outer.span_id
    assert {attribute.key for attribute in outer.attributes} == {"part", "events"}
    assert [(each.key, each.value.string_value) for each in inner.attributes] == [("archipel.code", "NOT_FOUND")]
    assert inner.status.code == 0
    assert (failing.status.code, failing.status.message) == (2, "RuntimeError")
    assert b"secret words" not in received["/v1/traces"]
    metrics = ExportMetricsServiceRequest.FromString(received["/v1/metrics"])
    names = [
        metric.name
        for resource_metrics in metrics.resource_metrics
        for scope in resource_metrics.scope_metrics
        for metric in scope.metrics
    ]
    assert "archipel.requests" in names


def _run(program: str) -> None:
    """In a process of its own: OpenTelemetry takes one provider a process."""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3], timeout=60)


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, bytes]]]:
    received: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip  # noqa: PLC0415

                body = gzip.decompress(body)
            received[self.path] = body
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
