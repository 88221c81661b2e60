"""Whether traces are made, by the standard settings of OpenTelemetry."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping

from livehead.tracing.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

logger = logging.getLogger(__name__)


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether an endpoint for traces, or an exporter of them, is named, and not switched off."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    return bool(exporter) or any(environment.get(name) for name in ENDPOINTS)


def choose(environment: Mapping[str, str], replica: str | None = None) -> Tracer:
    """The tracer that the environment asks for: one that does nothing, unless it names where traces go. Imports
    OpenTelemetry only then; where that is not installed or cannot do what is asked for, the log says so, and there are
    no traces. ``replica`` is the server's name in its fleet."""
    if not wanted(environment):
        return Tracer()
    try:
        module = importlib.import_module("livehead.tracing.open_telemetry")
    except ImportError as error:
        logger.warning(
            "no traces: OTEL_… asks for them, and %s is not installed: pip install 'livehead[tracing]'", error.name
        )
        return Tracer()
    try:
        tracer: Tracer = module.make(environment, replica)
    except Exception as error:  # noqa: BLE001 - of whatever the environment says; calls are served without traces
        logger.warning("no traces: %s", error)
        return Tracer()
    return tracer
