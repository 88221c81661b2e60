"""RTP timestamps without wrapping, and the sender's wall clock at each (RFC 3550 section 6.4.1)."""

from __future__ import annotations

WRAP = 1 << 32


class Timestamps:
    """RTP timestamps that never wrap. Each may be up to half the range before or behind the last."""

    def __init__(self) -> None:
        self._last: int | None = None

    def map(self, timestamp: int) -> int:
        """The same value modulo 2³² that is nearest to the last one. aiortc calls this by its name."""
        if self._last is not None:
            timestamp = self._last + (timestamp - self._last + WRAP // 2) % WRAP - WRAP // 2
        self._last = timestamp
        return timestamp


class SenderClock:
    """Of one stream with ``rate`` ticks a second, by the last sender report. ``timestamps`` are those of the stream."""

    def __init__(self, rate: int) -> None:
        self.timestamps = Timestamps()
        self._rate = rate
        self._report: tuple[float, int] | None = None

    def report(self, wall: float, timestamp: int) -> None:
        """At ``wall`` seconds the stream's clock showed ``timestamp``."""
        self._report = wall, self.timestamps.map(timestamp)

    def wall(self, timestamp: int) -> float | None:
        """Seconds on the sender's clock at a timestamp that does not wrap; None before the first report."""
        if self._report is None:
            return None
        wall, reported = self._report
        return wall + (timestamp - reported) / self._rate
