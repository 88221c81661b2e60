"""Traces by OpenTelemetry, sent by OTLP over HTTP. Needs the extra ``tracing``; nobody imports it but by its name.

The SDK's own settings hold: ``OTEL_EXPORTER_OTLP_…``, ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_…``. The tracer is our own and not the process's: libraries that make spans, too,
are left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import livehead
from livehead.tracing.trace import Attribute, Span, Trace, Tracer

PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"

CLOSE_S = 3.0
"""How long the end of the server waits for a collector that does not answer."""


def make(environment: Mapping[str, str], replica: str | None) -> Tracer:
    """By the environment. Raises ValueError for an exporter or a protocol that there is not here."""
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    if named == "otlp":
        protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), HTTP)
        if protocol != HTTP:
            raise ValueError(f"they are sent by {HTTP} here, and {PROTOCOLS[1]} asks for {protocol}")
        return OpenTelemetryTracer(OTLPSpanExporter(), replica)
    if named == "console":
        return OpenTelemetryTracer(ConsoleSpanExporter(), replica)
    raise ValueError(f"there is no exporter {named}, which OTEL_TRACES_EXPORTER asks for; otlp, console or none")


class OpenTelemetryTracer(Tracer):
    """Spans go to ``exporter`` in a thread of the SDK's, in batches; what it cannot take in time is dropped."""

    def __init__(self, exporter: SpanExporter, replica: str | None = None) -> None:
        own: dict[str, str] = {"service.name": "livehead", "service.version": livehead.__version__}
        if replica is not None:
            own["service.instance.id"] = replica
        resource = Resource.create().merge(Resource(own)).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("livehead", livehead.__version__)

    def begin(self, name: str, parent: Mapping[str, str], **attributes: Attribute) -> Trace:
        context = TraceContextTextMapPropagator().extract(dict(parent), Context())
        root = self._tracer.start_span(name, context, api.SpanKind.SERVER, attributes)
        return _RecordedTrace(self._tracer, root)

    def close(self) -> None:
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


class _Recorded(Span):
    """``offset`` is what Unix time is ahead of monotonic time, in nanoseconds."""

    def __init__(self, recorded: api.Span, offset: int) -> None:
        self.recorded = recorded
        self._offset = offset

    def event(self, name: str, **attributes: Attribute) -> None:
        self.recorded.add_event(name, attributes)

    def end(self, at: float | None = None, *, failed: str | None = None, **attributes: Attribute) -> None:
        if self.recorded.is_recording():
            self.recorded.set_attributes(attributes)
            if failed is not None:
                self.recorded.set_status(api.StatusCode.ERROR, failed)
            self.recorded.end(_unix_ns(at, self._offset))


class _RecordedTrace(_Recorded, Trace):
    def __init__(self, tracer: api.Tracer, root: api.Span) -> None:
        super().__init__(root, time.time_ns() - time.monotonic_ns())
        self._tracer = tracer
        self.id = api.format_trace_id(root.get_span_context().trace_id)

    def span(
        self, name: str, *, began: float | None = None, parent: Span | None = None, **attributes: Attribute
    ) -> Span:
        within = parent.recorded if isinstance(parent, _Recorded) else self.recorded
        begin = _unix_ns(began, self._offset)
        context = api.set_span_in_context(within, Context())
        return _Recorded(self._tracer.start_span(name, context, attributes=attributes, start_time=begin), self._offset)


def _unix_ns(at: float | None, offset: int) -> int | None:
    return None if at is None else round(at * 1e9) + offset
