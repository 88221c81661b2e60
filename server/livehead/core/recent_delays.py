"""What blocks waited in the server lately, over all sessions, by preset: the figure that a server publishes."""

from __future__ import annotations

from collections import defaultdict, deque

from livehead.core.latency import Percentiles, percentiles

KEPT = 1500
"""Blocks of each preset that are remembered: those of a minute with one session."""


class RecentDelays:
    def __init__(self, kept: int = KEPT) -> None:
        self._ms: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=kept))

    def note(self, preset: str, ms: float) -> None:
        """A block with audio was sent so many milliseconds after its first sample came in."""
        self._ms[preset].append(ms)

    def of(self, preset: str) -> Percentiles | None:
        """Of the last :data:`KEPT` blocks, in milliseconds; None where there were none yet."""
        return percentiles(self._ms[preset]) if preset in self._ms else None
