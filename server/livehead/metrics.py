"""Figures for Prometheus. No label ever carries a session's id: the number of series stays bounded."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

import livehead
from livehead.series.engine import EngineSeries, WatchedEngine
from livehead.series.event_loop import EventLoopSeries
from livehead.series.network import NetworkSeries
from livehead.series.playout import PlayoutSeries
from livehead.series.requests import RequestSeries

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SYNTHESIS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 10.0)


class Metrics:
    """All of one server's figures, in a registry of its own. :mod:`livehead.series` has a file for each
    part; what is here is of sessions, and of what is kept."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge for each counter, which nobody asks for
        self._registry = CollectorRegistry()
        build = Gauge("livehead_build_info", "1; the label is the version.", ("version",), registry=self._registry)
        build.labels(livehead.__version__).set(1)
        self.network = NetworkSeries(self._registry)
        self.playout = PlayoutSeries(self._registry)
        self.requests = RequestSeries(self._registry)
        self.event_loop = EventLoopSeries(self._registry)
        self.sessions = Gauge("livehead_sessions", "Sessions served now.", registry=self._registry)
        self.sessions_max = Gauge("livehead_sessions_max", "Sessions served at most.", registry=self._registry)
        self.viewers = Gauge("livehead_viewers", "Viewers of all sessions, now.", registry=self._registry)
        self.load = Gauge(
            "livehead_load", "Share of what the engine can do that the sessions take.", registry=self._registry
        )
        self.sessions_by_preset = Gauge(
            "livehead_sessions_by_preset",
            "Sessions by the latency preset that they have, and by what was chosen: auto, or that preset.",
            ("preset", "latency"),
            registry=self._registry,
        )
        self.latency_moves = self._counter(
            "livehead_latency_moves",
            "Sessions that the server gave another latency preset, by direction of the delay and reason.",
            "direction",
            "reason",
        )
        self.held = Gauge(
            "livehead_sessions_held",
            "Sessions with latency auto that would go down in delay, and wait for room or for their turn.",
            registry=self._registry,
        )
        self.session_seconds = self._counter(
            "livehead_session_seconds", "Time that sessions were served, all together, by source.", "source"
        )
        self.speech_seconds = self._counter(
            "livehead_speech_seconds", "Time in which portraits spoke, by source: divided by that, the share.", "source"
        )
        self.opened = self._counter("livehead_sessions_opened", "Sessions opened.")
        self.closed = self._counter("livehead_sessions_closed", "Sessions closed, by reason.", "reason")
        self.refused = self._counter("livehead_sessions_refused", "Sessions refused, by problem.", "problem")
        self.malformed = self._counter("livehead_packets_malformed", "Packets of clients that nobody could read.")
        self.packets_refused = self._counter(
            "livehead_packets_refused", "Packets of clients and strangers that were not read, by reason.", "reason"
        )
        self.close_failures = self._counter("livehead_peer_close_failures", "Parts of peers that could not be closed.")
        self.engine_up = Gauge("livehead_engine_up", "1 while the engine worker is ready.", registry=self._registry)
        self.says = self._counter("livehead_says", "Texts that sessions were asked to say, by outcome.", "outcome")
        self.say_delay = Histogram(
            "livehead_say_first_audio_seconds",
            "From the request to say a text to the first audio of its synthesis.",
            buckets=_SYNTHESIS_S,
            registry=self._registry,
        )
        self.recordings = self._counter(
            "livehead_recordings", "Recordings that ended, by kind and state.", "kind", "state"
        )
        self.renders = Gauge(
            "livehead_renders", "Renders that run, and that wait.", ("state",), registry=self._registry
        )
        self.renders_ended = self._counter("livehead_renders_ended", "Renders that ended, by state.", "state")
        self.storage_free = Gauge(
            "livehead_storage_free_bytes", "Free space where the data folder is.", registry=self._registry
        )
        self.storage_reserve = Gauge(
            "livehead_storage_reserve_bytes",
            "Free space below which nothing more is stored (LIVEHEAD_MIN_FREE_MB).",
            registry=self._registry,
        )
        self._begin_at_zero()
        ProcessCollector(registry=self._registry)

    def watch_engine(self, engine: WatchedEngine) -> None:
        """Show the engine's state and its windows: see :class:`EngineSeries`."""
        self._registry.register(EngineSeries(engine))

    def watch_storage(self, free_bytes: Callable[[], float], reserve_bytes: float) -> None:
        """``free_bytes`` is called at every :meth:`render`, off the event loop."""
        self.storage_free.set_function(free_bytes)
        self.storage_reserve.set(reserve_bytes)

    def watch_certificate(self, expires: float) -> None:
        """``expires`` is in Unix time."""
        Gauge(
            "livehead_tls_certificate_expiry_timestamp_seconds",
            "When the certificate expires that this server was started with, in Unix time; only with --tls-cert.",
            registry=self._registry,
        ).set(expires)

    def render(self) -> bytes:
        """Prometheus text. Reads /proc, so call it off the event loop."""
        return generate_latest(self._registry)

    def _begin_at_zero(self) -> None:
        """Series that alerts look at are there from the start: Prometheus sees no growth in one that begins at 1."""
        self.refused.labels("full")
        for reason in ("failed", "media-failed"):
            self.closed.labels(reason)
        for state in ("done", "failed", "cancelled"):
            self.renders_ended.labels(state)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)
