"""What Prometheus is told of the event loop."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from livehead.series.histogram import Histogram

DELAY_S = (0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Narrow where p99.9 of a loop that does well lies, and where one does harm: a tick is due every 40 ms."""


class EventLoopSeries:
    """``observe`` is what :class:`livehead.event_loop.EventLoopWatch` calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delay = Histogram(
            "livehead_event_loop_delay_seconds",
            "How much later than asked for the event loop woke a task that looks 20 times a second.",
            DELAY_S,
            registry=registry,
        )
        self.held = Histogram(
            "livehead_event_loop_held_seconds",
            "How much of that delay is processor time of the event loop's own thread: the rest is the machine's.",
            DELAY_S,
            registry=registry,
        )

    def observe(self, delay: float, held: float) -> None:
        """Count a look, in seconds."""
        self.delay.observe(delay)
        self.held.observe(held)
