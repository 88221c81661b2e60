"""The growth of one session's network figures into the server's metrics."""

from __future__ import annotations

from collections import Counter

from prometheus_client import Counter as Total

from livehead.media.peer.viewers import Viewers
from livehead.metrics import Metrics


class NetworkFigures:
    """Remembers what of one session the metrics have counted already."""

    def __init__(self, viewers: Viewers, metrics: Metrics) -> None:
        self._viewers = viewers
        self._metrics = metrics
        self._counted: Counter[tuple[str, ...]] = Counter()

    def measure(self) -> None:
        """Count what came since this was last called."""
        link, series = self._viewers.link, self._metrics.network
        for (direction, kind), total in link.octets.items():
            self._grow(series.bytes.labels(direction, kind), total, "bytes", direction, kind)
        for (direction, kind), total in link.packets.items():
            self._grow(series.packets.labels(direction, kind), total, "packets", direction, kind)
        self._grow(series.resent, link.resent, "resent")
        self._grow(series.keyframe_requests, link.keyframe_requests, "keyframe requests")
        for report in link.take_reports():
            series.loss.labels(report.direction, report.kind).observe(report.lost)
            series.jitter.labels(report.direction, report.kind).observe(report.jitter)
            if report.round_trip is not None:
                series.round_trip.observe(report.round_trip)
        for codec, times in self._viewers.take_encode_times().items():
            encode = self._metrics.playout.encode.labels(codec)
            for seconds in times:
                encode.observe(seconds)

    def _grow(self, counter: Total, total: int, *name: str) -> None:
        grown, self._counted[name] = total - self._counted[name], total
        counter.inc(grown)
