"""A session is one trace: what is told of it becomes spans with the right times and parents."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from livehead.core.lifecycle import State
from livehead.core.messages.from_server import (
    AvatarActivity,
    LatencyNotice,
    RecordingNotice,
    StateMessage,
    UserActivity,
)
from livehead.media.peer.setup_times import SetupTimes
from livehead.sessions.request import SessionRequest
from livehead.sessions.session_trace import SessionTrace
from livehead.tracing import open_telemetry, trace
from livehead.tracing.open_telemetry import OpenTelemetryTracer
from livehead.tracing.trace import PARENT, Tracer

TRACE, PARENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT_SPAN}-01", "tracestate": "vendor=1"}
REQUEST = SessionRequest(avatar="amara", latency="auto")


class Traced:
    """A tracer, and the spans that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OpenTelemetryTracer(self._exporter, "r1")

    def spans(self) -> dict[str, ReadableSpan]:
        self.tracer.close()
        found = self._exporter.get_finished_spans()
        assert len({each.name for each in found}) == len(found), "name them apart in a test"
        return {each.name: each for each in found}


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    trace.use(made.tracer)
    yield made
    trace.use(Tracer())
    made.tracer.close()


def parent_of(span: ReadableSpan, spans: dict[str, ReadableSpan]) -> str | None:
    return next((name for name, each in spans.items() if span.parent and each.context == span.parent), None)


def seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return round((span.end_time - span.start_time) / 1e9, 6)


def joined(now: float) -> SetupTimes:
    return SetupTimes(now - 1.0, now - 0.9, now - 0.7, now - 0.4, now - 0.3, now - 0.25, "relay")


def test_a_call_from_join_to_close(traced: Traced) -> None:
    one = SessionTrace("r1.abc", REQUEST)
    now = time.monotonic()
    one.joined("viewer", joined(now), caller=True)
    one.joined("viewer", joined(now), caller=True)
    one.left("viewer", joined(now), "bye", caller=True)
    one.closing()
    one.closed("bye")
    spans = traced.spans()
    assert set(spans) == {"session", "viewer", "join", "answer", "check", "ice", "dtls", "first-frame", "close"}
    whole = spans["session"]
    assert one.id == format_trace_id(whole.context.trace_id)
    assert {each.context.trace_id for each in spans.values()} == {whole.context.trace_id}
    assert whole.kind is SpanKind.SERVER
    assert whole.attributes is not None
    assert whole.attributes["livehead.session"] == "r1.abc"
    assert whole.attributes["livehead.reason"] == "bye"
    assert whole.resource.attributes["service.name"] == "livehead"
    assert whole.resource.attributes["service.instance.id"] == "r1"
    parents = {name: parent_of(each, spans) for name, each in spans.items()}
    assert parents["session"] is None
    assert parents["viewer"] == parents["close"] == "session"
    assert parents["join"] == "viewer"
    assert {parents[name] for name in ("answer", "check", "ice", "dtls", "first-frame")} == {"join"}
    found = [seconds(spans[name]) for name in ("join", "answer", "check", "ice", "dtls", "first-frame")]
    assert found == pytest.approx([0.75, 0.1, 0.2, 0.3, 0.1, 0.05], abs=1e-4)
    assert abs((spans["join"].start_time or 0) / 1e9 - (time.time() - 1.0)) < 30, "in the time of clocks"
    assert spans["viewer"].attributes == {"caller": True, "candidate": "relay", "reason": "bye"}


@pytest.mark.parametrize(("heard", "parts"), [(False, {"answer"}), (True, {"answer", "check"})])
def test_a_join_that_fails_shows_how_far_it_came(traced: Traced, heard: bool, parts: set[str]) -> None:
    one = SessionTrace("abc", REQUEST)
    setup = replace(joined(time.monotonic()), ice=None, connected=None, frame=None)
    one.left("viewer", setup if heard else replace(setup, heard=None), "never-connected", caller=True)
    one.closed("never-connected")
    spans = traced.spans()
    assert set(spans) == {"session", "viewer", "join"} | parts
    assert spans["join"].status.status_code is StatusCode.ERROR
    assert spans["join"].status.description == "never-connected"


def test_what_is_said_and_recorded_and_how_the_engine_fares(traced: Traced) -> None:
    one = SessionTrace("abc", REQUEST)
    one.told(StateMessage(State.LIVE, None))
    one.told(AvatarActivity("speaking", 1))
    one.told(AvatarActivity("silent", 50))
    one.told(UserActivity("speaking", 40))
    one.told(UserActivity("silent", 900))
    one.told(RecordingNotice(True, "r"))
    one.told(StateMessage(State.DEGRADED, "engine-down"))
    one.told(StateMessage(State.LIVE, None))
    now = time.monotonic()
    one.look(2, None, now)
    one.look(3, now + 1.0, now)
    one.look(3, now + 1.0, now + 1.25)
    one.closed("failed")
    spans = traced.spans()
    assert set(spans) == {"session", "utterance", "user-speech", "recording", "engine-down", "takeover"}
    assert {parent_of(each, spans) for each in spans.values()} == {None, "session"}
    assert seconds(spans["takeover"]) == pytest.approx(0.25, abs=1e-4)
    assert [each.name for each in spans["session"].events] == ["state"] * 3
    assert spans["session"].status.status_code is StatusCode.ERROR


class Stuck(InMemorySpanExporter):
    """A collector that does not answer until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.answer.wait()
        return super().export(spans)


def test_a_collector_that_does_not_answer_does_not_hold_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_telemetry, "CLOSE_S", 0.05)
    exporter = Stuck()
    tracer = OpenTelemetryTracer(exporter)
    tracer.begin("session", {}).end()
    tracer.close()
    assert not exporter.answer.is_set()
    exporter.answer.set()
    tracer.close()


def test_a_move_lasts_until_it_is_taken(traced: Traced) -> None:
    one = SessionTrace("abc", REQUEST)
    one.moving("low", "balanced", "server")
    one.told(LatencyNotice("balanced", "server"))
    one.closed("bye")
    move = traced.spans()["preset-move"]
    assert move.attributes == {"from": "low", "to": "balanced", "by": "server", "preset": "balanced"}


def test_the_request_that_opens_it_is_its_parent(traced: Traced) -> None:
    token = PARENT.set(TRACEPARENT)
    try:
        one = SessionTrace("abc", REQUEST)
    finally:
        PARENT.reset(token)
    one.closed("bye")
    whole = traced.spans()["session"]
    assert one.id == TRACE
    assert whole.parent is not None
    assert format_span_id(whole.parent.span_id) == PARENT_SPAN
    assert whole.context.trace_state.get("vendor") == "1"


@pytest.mark.parametrize("header", ["", "00-0-0-01", f"00-{'0' * 32}-{PARENT_SPAN}-01", "x" * 500, "\x00"])
def test_a_header_that_is_none_begins_a_trace_of_its_own(traced: Traced, header: str) -> None:
    token = PARENT.set({"traceparent": header, "tracestate": header})
    try:
        one = SessionTrace("abc", REQUEST)
    finally:
        PARENT.reset(token)
    one.closed("bye")
    assert traced.spans()["session"].parent is None


def test_a_parent_that_is_not_sampled_is_not_sent(traced: Traced) -> None:
    token = PARENT.set({"traceparent": f"00-{TRACE}-{PARENT_SPAN}-00"})
    try:
        one = SessionTrace("abc", REQUEST)
    finally:
        PARENT.reset(token)
    one.moving("low", "balanced", "client")
    one.closed("bye")
    assert one.id == TRACE
    assert traced.spans() == {}
