"""What is told of operations, read as a collector and a log reader see it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from libs.shared import telemetry
from libs.shared.bus import BusClient
from libs.shared.connection import Connection
from libs.shared.domain import DomainError, NotFound, Unavailable
from libs.shared.testing.issuer import Issuer
from services.gateway.execution import Engine
from services.gateway.feed import PostPublished
from services.gateway.observation import ObservedBus, Observer
from services.gateway.tests.test_feed import recorded
from services.gateway.tests.test_websocket import ACTIVITY, listening, opened, receive, send, subscribe
from services.gateway.tests.world import FakeBus, World, world

PAGE = """query Page($slug: String!) { brand(slug: $slug) {
  posts(first: 20) { nodes { title author { displayName } reactions { count } } } } }"""
VARIABLES = {"slug": "acme"}


class Collected:
    """Spans and measurements of one observer."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self._reader], shutdown_on_exit=False)

    def points(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """Each set of attributes of an instrument with its value; of a histogram with its count."""
        data = self._reader.get_metrics_data()
        found: dict[frozenset[tuple[str, str]], float] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points if metric.name == f"archipel.graphql.{name}" else ():
                        attributes = frozenset((key, str(value)) for key, value in (point.attributes or {}).items())
                        found[attributes] = point.value if isinstance(point, NumberDataPoint) else point.count
        return found


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    made = Collected()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(made.spans))
    monkeypatch.setattr(telemetry, "_tracer", tracers.get_tracer("test"))
    monkeypatch.setattr(telemetry, "_recording", True)
    yield made
    tracers.shutdown()
    made.meters.shutdown()


def observer(collected: Collected, slow_seconds: float = 0.0) -> Observer:
    return Observer({"Page", "Known"}, slow_seconds, collected.meters.get_meter("test"))


@pytest.fixture
async def gateway(issuer: Issuer, collected: Collected) -> AsyncIterator[World]:
    async with world(issuer, engine=Engine(observer=observer(collected))) as started:
        yield started


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


async def test_an_operation_is_one_span_however_many_fields_it_has(gateway: World, collected: Collected) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    body = {"query": PAGE, "variables": VARIABLES}
    await gateway.client.post("/graphql", json=body, headers={**gateway.headers(), "traceparent": parent})
    [span] = collected.spans.get_finished_spans()
    assert (span.name, span.kind) == ("graphql.query", SpanKind.SERVER)
    assert span.context is not None and f"{span.context.trace_id:032x}" == "a" * 32
    assert dict(span.attributes or {}) == {"graphql.operation.name": "Page", "archipel.cost": 302}
    assert "acme" not in span.to_json()


async def test_each_request_to_a_service_is_one_span_below_it(collected: Collected, nats_url: str) -> None:
    nats = Connection("test")
    await nats.open(nats_url)
    bus = ObservedBus(BusClient(nats))
    with observer(collected).operation("query", "Page", "text", 1):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await bus.query("nobody", "answers", {}, dict)
    await nats.close()
    *requests, operation = collected.spans.get_finished_spans()
    assert [(span.name, span.kind) for span in requests] == [("qry.nobody.answers", SpanKind.CLIENT)] * 2
    assert operation.context is not None
    assert {span.parent.span_id for span in requests if span.parent} == {operation.context.span_id}


async def test_operations_are_measured_by_known_names_only(gateway: World, collected: Collected) -> None:
    await gateway.graphql(PAGE, slug="acme")
    for number in range(50):
        await gateway.graphql(f"query Anything{number} {{ __typename }}")
    await gateway.graphql("{ __typename }")
    measured = collected.points("duration")
    assert measured == {
        labels(operation="Page", kind="query", code="OK"): 1,
        labels(operation="other", kind="query", code="OK"): 51,
    }
    assert set(collected.points("in_flight").values()) == {0}


async def test_each_event_of_a_subscription_is_an_operation(gateway: World, collected: Collected) -> None:
    query = ACTIVITY.replace("subscription", "subscription Known", 1)
    async with opened(gateway, "alice") as socket:
        await subscribe(socket, query)
        await listening(gateway)
        assert collected.points("in_flight") == {labels(kind="subscription"): 1}
        for number in (11, 12):
            gateway.gateway.feed.offer([recorded(PostPublished(), sequence=number)])
            await receive(socket)
    await listening(gateway, 0)
    assert collected.points("duration") == {labels(operation="Known", kind="event", code="OK"): 2}
    assert [span.name for span in collected.spans.get_finished_spans()] == ["graphql.event"] * 2


async def test_what_is_refused_over_a_socket_is_counted(gateway: World, collected: Collected) -> None:
    async with opened(gateway) as socket:
        for payload in ({"query": "{ nonsense }"}, {"documentId": "x"}):
            await send(socket, type="subscribe", id="1", payload=payload)
            assert (await receive(socket))["type"] == "error"
    codes = ("GRAPHQL_VALIDATION_FAILED", "DOCUMENT_NOT_FOUND")
    assert collected.points("refused") == {labels(code=code): 1 for code in codes}


async def test_errors_are_counted_by_their_codes(gateway: World, collected: Collected) -> None:
    gateway.bus.answers["discussions.post_page"] = _fails
    await gateway.graphql(PAGE, slug="acme")
    await gateway.graphql(PAGE, subject=None, slug="acme")
    assert collected.points("errors") == {labels(code="TEAPOT"): 1, labels(code="UNAUTHENTICATED"): 1}
    assert set(collected.points("duration")) == {
        labels(operation="Page", kind="query", code="TEAPOT"),
        labels(operation="Page", kind="query", code="UNAUTHENTICATED"),
    }


async def test_what_was_refused_as_a_whole_is_counted(gateway: World, collected: Collected) -> None:
    await gateway.client.post("/graphql", content=b"{", headers={"content-type": "application/json"})
    await gateway.client.post("/graphql", json={"query": "{ nonsense }"})
    await gateway.client.post("/graphql", json={"query": "{ me { identity } }"}, headers={"Authorization": "Bearer x"})
    codes = ("BAD_REQUEST", "GRAPHQL_VALIDATION_FAILED", "UNAUTHENTICATED")
    assert collected.points("refused") == {labels(code=code): 1 for code in codes}
    assert collected.points("duration") == {}


def test_codes_that_somebody_invents_do_not_add_up(collected: Collected) -> None:
    observed = observer(collected)
    for number in range(1_000):
        observed.refused(f"CODE_{number}")
    assert len(collected.points("refused")) == 201


async def test_a_slow_operation_is_logged_with_what_it_asked_and_without_what_was_given(collected: Collected) -> None:
    bus = ObservedBus(FakeBus(answers={"members.one": lambda _: {}, "feedback.two": _fails}))
    operation = observer(collected, slow_seconds=1e-9).operation("query", "Page", "text", 7)
    with structlog.testing.capture_logs() as logged, operation as observed:
        await asyncio.gather(*(bus.query("members", "one", {"secret": "s3cret"}, dict) for _ in range(3)))
        with pytest.raises(DomainError):
            await bus.query("feedback", "two", {}, dict)
        with pytest.raises(NotFound):
            await bus.query("feedback", "three", {}, dict)
        observed.answered([])
    [line] = logged
    calls = {call.pop("subject"): call for call in line.pop("calls")}
    assert {subject: (call["count"], call["codes"]) for subject, call in calls.items()} == {
        "members.one": (3, ["OK"]),
        "feedback.two": (1, ["TEAPOT"]),
        "feedback.three": (1, ["NOT_FOUND"]),
    }
    assert all(call["slowest_ms"] >= 0 for call in calls.values())
    assert line.pop("duration_ms") >= 0
    assert len(line.pop("document")) == 64
    assert line == {
        "event": "slow_operation", "log_level": "warning", "kind": "query", "operation": "Page", "cost": 7
    }  # fmt: skip


async def test_a_quick_operation_is_not_logged_nor_is_any_without_a_threshold(collected: Collected) -> None:
    with structlog.testing.capture_logs() as logged:
        for slow_seconds in (0.0, 60.0):
            with observer(collected, slow_seconds).operation("query", "Page", "text", 1):
                pass
    assert logged == []


async def test_an_operation_that_breaks_is_measured_and_no_longer_in_flight(collected: Collected) -> None:
    observed = observer(collected)
    with pytest.raises(asyncio.CancelledError), observed.operation("mutation", "New", "text", 1):
        raise asyncio.CancelledError
    with pytest.raises(NotFound), observed.operation("mutation", "Known", "text", 1):
        raise NotFound("no")
    assert set(collected.points("duration")) == {
        labels(operation="other", kind="mutation", code="CancelledError"),
        labels(operation="Known", kind="mutation", code="NOT_FOUND"),
    }
    assert set(collected.points("in_flight").values()) == {0}


async def test_requests_of_two_operations_at_the_same_time_are_not_mixed_up(collected: Collected) -> None:
    bus = ObservedBus(FakeBus(answers={f"members.q{number}": lambda _: {} for number in range(2)}))
    observed = observer(collected, slow_seconds=1e-9)

    async def operate(number: int) -> None:
        with observed.operation("query", "Page", str(number), number):
            for _ in range(5):
                await bus.query("members", f"q{number}", {}, dict)

    with structlog.testing.capture_logs() as logged:
        await asyncio.gather(operate(0), operate(1))
    subjects = {line["cost"]: [(call["subject"], call["count"]) for call in line["calls"]] for line in logged}
    assert subjects == {0: [("members.q0", 5)], 1: [("members.q1", 5)]}


def _fails(_: dict[str, Any]) -> Any:
    raise DomainError("TEAPOT", "no coffee")
