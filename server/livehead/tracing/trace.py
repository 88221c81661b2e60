"""Traces: what a session did, and when. This is all that the rest of the server knows of them.

Here they do nothing and cost a call; where tracing is on, :mod:`livehead.tracing.open_telemetry` takes their place.
Times are monotonic seconds. Nothing here raises or waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TypeAlias

Attribute: TypeAlias = str | int | float | bool

PARENT: ContextVar[Mapping[str, str]] = ContextVar("trace_parent", default={})  # noqa: B039 - nobody writes to it
"""The ``traceparent`` and ``tracestate`` of the request under way (W3C Trace Context), where it has them."""


class Span:
    """Something that takes time."""

    def event(self, name: str, **attributes: Attribute) -> None:
        """Something that happened in it, now."""

    def end(self, at: float | None = None, *, failed: str | None = None, **attributes: Attribute) -> None:
        """It ended at ``at``, by default now; ``failed`` says what went wrong. Twice is once."""


class Trace(Span):
    """A session's; as a span it is the whole session. ``id`` is the trace's, in 32 hexadecimal digits, None where it is
    not traced."""

    id: str | None = None

    def span(
        self, name: str, *, began: float | None = None, parent: Span | None = None, **attributes: Attribute
    ) -> Span:
        """Something that began at ``began``, by default now, as a part of ``parent``, by default of the whole."""
        return Span()


class Tracer:
    """Makes traces."""

    def begin(self, name: str, parent: Mapping[str, str], **attributes: Attribute) -> Trace:
        """A trace, as a part of the ``parent`` that the headers of a request name, if any."""
        return Trace()

    def close(self) -> None:
        """Send what was not sent yet, as far as that takes no more than seconds: call it off the event loop. Twice is
        once."""


_in_use = Tracer()


def use(tracer: Tracer) -> None:
    """Make all traces by ``tracer`` from now on."""
    global _in_use
    _in_use = tracer


def begin(name: str, **attributes: Attribute) -> Trace:
    """A trace that begins now, with the request under way as its parent."""
    return _in_use.begin(name, PARENT.get(), **attributes)
