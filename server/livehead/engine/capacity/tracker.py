"""Follows how fast the machine is while it serves, and what it can hold therefore. Pure: the clock is passed in."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median

from livehead.engine.capacity.model import Capacity
from livehead.engine.capacity.profile import Profile

LOOK_S = 2.0
LEAST_STEPS = 8
"""A look at the machine's speed covers at least so many seconds and so many steps, and takes their median."""

SLOWER_LOOKS = 2
"""So many looks in a row must be slow for the capacity to shrink: a portrait being made ready is no slow machine."""

FASTER_LOOKS = 30
"""So many looks in a row must be fast for it to grow again, by as much as the slowest of them allows: a slow hour has
fast minutes, and sessions that were let in are not sent away."""

TOLERANCE = 1.15
"""Steps up to so many times as long as measured count as measured. Live steps find colder caches and busier cores."""


class CapacityTracker:
    """``capacity`` is what the machine holds by what was seen lately: at first what the ``profile`` says, then less
    within seconds or more within minutes. It decides about new sessions only.

    A step counts by its time in relation to the measured one of the same batch and hop; kinds of steps that were not
    measured say nothing. Without steps everything stays as it is.
    """

    def __init__(self, profile: Profile) -> None:
        self.capacity: Capacity = profile.capacity()
        self.slowness = 1.0
        self._profile = profile
        self._seen: list[float] = []
        self._began: float | None = None
        self._looks: deque[float] = deque([1.0] * FASTER_LOOKS, maxlen=FASTER_LOOKS)

    def observe(self, batch: int, hop: int, seconds: float, now: float) -> bool:
        """A step with ``batch`` windows, one of which was of ``hop`` frames, took ``seconds``. Returns whether the
        capacity changed."""
        measured = self._profile.typical(batch, hop)
        if not measured:
            return False
        if self._began is None:
            self._began = now
        self._seen.append(seconds / measured)
        if now - self._began < LOOK_S or len(self._seen) < LEAST_STEPS:
            return False
        self._look(median(self._seen))
        self._seen.clear()
        self._began = now
        before = self.capacity
        self.capacity = self._profile.capacity(self.slowness)
        return self.capacity.streams != before.streams

    def _look(self, slowness: float) -> None:
        self._looks.append(1.0 if 1.0 < slowness <= TOLERANCE else slowness)
        slower = min(list(self._looks)[-SLOWER_LOOKS:])
        faster = max(self._sustained())
        self.slowness = max(slower, min(self.slowness, faster))

    def _sustained(self) -> list[float]:
        """Of any two looks in a row the faster one: a single slow look is chance."""
        return [min(pair) for pair in pairwise(self._looks)]
