"""Freezes, as browsers count them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

HISTORY = 30


def freezes(times: Sequence[float]) -> int:
    """freezeCount of W3C webrtc-stats: see :func:`frozen`."""
    return len(frozen(times))


def frozen(times: Sequence[float]) -> list[tuple[float, float]]:
    """The gaps between two frames, their begin and end, of at least three times the average of the last 30 and at least
    that average plus 150 ms. ``times`` are in seconds."""
    found = []
    gaps: deque[float] = deque(maxlen=HISTORY)
    for before, after in pairwise(times):
        gap = after - before
        if gaps:
            average = sum(gaps) / len(gaps)
            if gap >= max(3 * average, average + 0.150):
                found.append((before, after))
        gaps.append(gap)
    return found
