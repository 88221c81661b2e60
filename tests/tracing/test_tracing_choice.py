"""Whether there are traces is for OpenTelemetry's own settings to say."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys

import pytest

from livehead.tracing.choice import choose, wanted
from livehead.tracing.open_telemetry import OpenTelemetryTracer
from livehead.tracing.trace import Span, Trace, Tracer

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "head"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none"} | ENDPOINT, False),
        ({"OTEL_SDK_DISABLED": "TRUE"} | ENDPOINT, False),
    ],
)
def test_traces_are_made_where_something_says_where_they_go(environment: dict[str, str], on: bool) -> None:
    assert wanted(environment) == on


def test_without_tracing_nothing_is_imported_and_nothing_happens() -> None:
    program = """
import sys
import livehead.app, livehead.commands.serve
from livehead.tracing import trace
from livehead.tracing.choice import choose
trace.use(choose({}))
assert trace.begin("session").id is None
found = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
assert "livehead.tracing.open_telemetry" not in sys.modules and not found, found
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_what_does_nothing_takes_everything() -> None:
    tracer = Tracer()
    trace = tracer.begin("session", {}, a=1)
    assert type(trace) is Trace
    span = trace.span("join", began=1.0, parent=trace, b="c")
    assert type(span) is Span
    span.event("x", y=2)
    span.end(2.0, failed="no", z=True)
    trace.end()
    tracer.close()
    tracer.close()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"} | ENDPOINT, "http/protobuf"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "no exporter zipkin"),
    ],
)
def test_what_cannot_be_done_is_said_and_calls_are_served(
    environment: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert type(choose(environment)) is Tracer
    assert said in caplog.text


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("no", name="opentelemetry.sdk")

    monkeypatch.setattr(importlib, "import_module", missing)
    with caplog.at_level(logging.WARNING):
        assert type(choose(ENDPOINT)) is Tracer
    assert "pip install 'livehead[tracing]'" in caplog.text
    assert "opentelemetry.sdk is not installed" in caplog.text


def test_otherwise_they_are_sent() -> None:
    tracer = choose({"OTEL_TRACES_EXPORTER": "console"}, "r1")
    assert isinstance(tracer, OpenTelemetryTracer)
    tracer.close()
