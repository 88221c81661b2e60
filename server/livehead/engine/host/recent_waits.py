"""How long windows with speech lately took from being submitted to being made, over all live streams. Pure: the clock
is passed in.

One stream learns from its own windows what delay its frames require. Where others share the engine, that comes too
late: one that begins to speak would first have to be late behind them.
"""

from __future__ import annotations

from collections import deque

from livehead.core.latency import rank

MEMORY_S = 15.0
LEAST = 10
"""Fewer windows than that say nothing."""

SHARE = 0.9
"""So many of them took no longer."""

REVIEW_S = 0.5


class RecentWaits:
    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()
        self._reviewed = float("-inf")
        self._usual = 0.0

    def note(self, seconds: float, now: float) -> None:
        """A window was made that took so long."""
        self._seen.append((now, seconds))

    def usual(self, now: float) -> float:
        """What nearly all took, in seconds; 0 where too few were seen."""
        if now >= self._reviewed + REVIEW_S:
            self._reviewed = now
            while self._seen and self._seen[0][0] < now - MEMORY_S:
                self._seen.popleft()
            enough = len(self._seen) >= LEAST
            self._usual = rank(sorted(seconds for _, seconds in self._seen), SHARE) if enough else 0.0
        return self._usual
