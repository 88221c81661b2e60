"""A session's figures, and their growth into the server's metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client import Counter as Total

from livehead.core.latency import Percentiles
from livehead.core.messages.from_server import Spread, Stats
from livehead.core.playout.stats import PlayoutStats
from livehead.metrics import Metrics
from livehead.sessions.ahead import Ahead


class Figures:
    """Remembers what of one session the metrics have counted already."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counted: Counter[tuple[str, str]] = Counter()
        self._concealed_s = 0.0
        self._malformed = 0

    def of(
        self,
        playout: PlayoutStats,
        generate_ms: Percentiles,
        *,
        queue: int,
        preset: str,
        latency: str,
        encoded: Mapping[str, int],
        encoder_dropped: int,
        concealed_s: float,
        malformed: int,
        refused: Mapping[str, int],
        ahead: Ahead,
    ) -> Stats:
        """The figures of now. ``queue`` counts the windows that the engine has not answered, ``preset`` is
        the one that the session has, ``latency`` what it asked for, ``encoded`` counts the frames
        that were encoded, by codec, ``encoder_dropped`` the ticks that the encoders were too slow for, ``malformed``
        the packets of the client that nobody could read, ``refused`` those that were not read, by reason,
        ``ahead`` the silence that was made ahead."""
        self._metrics.playout.concealed.inc(concealed_s - self._concealed_s)
        self._concealed_s = concealed_s
        self._metrics.malformed.inc(malformed - self._malformed)
        self._malformed = malformed
        self._add(self._metrics.playout.sent, "sent", playout.ticks)
        self._add(self._metrics.playout.silence_made, "silence made", ahead.silence_made)
        self._add(self._metrics.playout.silence_rewound, "silence rewound", ahead.silence_rewound)
        self._count(self._metrics.playout.encoded, "encoded", encoded.items())
        self._count(self._metrics.packets_refused, "refused", refused.items())
        self._count(self._metrics.playout.repeated, "repeated", playout.repeats.items())
        self._count(self._metrics.playout.dropped, "dropped", [*playout.drops.items(), ("encoder", encoder_dropped)])
        self._count(self._metrics.playout.skipped, "skipped", playout.skips.items())
        return Stats(
            k=playout.k,
            delay_ms=round(playout.delay_ms, 1),
            bound_ms=playout.max_delay_ms,
            generate_ms=Spread.of(generate_ms),
            queue=queue,
            repeated=playout.repeated,
            dropped=playout.dropped + encoder_dropped,
            skipped=playout.skipped,
            fps=playout.fps,
            skew_ms=round(playout.skew_ms, 1),
            concealed_ms=round(concealed_s * 1000),
            preset=preset,
            latency=latency,
        )

    def _add(self, counter: Total, name: str, total: int) -> None:
        grown, self._counted[name, ""] = total - self._counted[name, ""], total
        counter.inc(grown)

    def _count(self, counter: Total, name: str, totals: Iterable[tuple[str, int]]) -> None:
        for reason, total in totals:
            grown = total - self._counted[name, reason]
            if grown > 0:
                self._counted[name, reason] = total
                counter.labels(reason).inc(grown)
