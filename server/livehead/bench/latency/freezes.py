"""Freezes, as browsers count them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

HISTORY = 30


def freezes(times: Sequence[float]) -> int:
    """freezeCount of W3C webrtc-stats: gaps between two frames of at least three times the average of the last 30 and
    at least that average plus 150 ms. ``times`` are in seconds."""
    count = 0
    gaps: deque[float] = deque(maxlen=HISTORY)
    for before, after in pairwise(times):
        gap = after - before
        if gaps:
            average = sum(gaps) / len(gaps)
            count += gap >= max(3 * average, average + 0.150)
        gaps.append(gap)
    return count
