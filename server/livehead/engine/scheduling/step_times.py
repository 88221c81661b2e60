"""How long a step takes, learned from the steps that were made. Pure: the clock is passed in."""

from __future__ import annotations

import math
from collections import deque
from itertools import islice

KEPT = 64
"""Steps remembered of each kind."""

RECENT = 8
"""Where the last so many were all faster than what is remembered, they count: a device that was slow for a while
must not make windows look hopeless when it is well again."""

MEMORY_S = 5.0
"""Kinds of steps not seen for so long are forgotten. A bad spell must not make every window look hopeless for
ever: with nothing remembered the next step is tried, and measured."""


class StepTimes:
    """The moving 95th percentile and median of step times, by batch size and number of frames in the batch;
    never more than the slowest of the last few. Kinds that were not seen for ``memory_s`` are forgotten."""

    def __init__(self, memory_s: float = MEMORY_S) -> None:
        self._memory_s = memory_s
        self._kinds: dict[tuple[int, int], _Kind] = {}
        self._guesses: dict[tuple[int, int], tuple[int, int] | None] = {}

    def observe(self, batch: int, frames: int, seconds: float, now: float) -> None:
        """A step of ``batch`` streams that made ``frames`` together took ``seconds``."""
        kind = self._kinds.get((batch, frames))
        if kind is None:
            kind = self._kinds[batch, frames] = _Kind()
            self._guesses.clear()
        kind.add(seconds, now)

    def forget(self, now: float) -> None:
        """Forget the kinds of steps that were not seen for too long."""
        for key in [key for key, kind in self._kinds.items() if kind.last < now - self._memory_s]:
            del self._kinds[key]
            self._guesses.clear()

    def knows(self, batch: int, frames: int) -> bool:
        """Whether such steps were seen."""
        return (batch, frames) in self._kinds

    def expected(self, batch: int, frames: int) -> float:
        """Seconds that such a step is expected to take. What was never seen is guessed from what is nearest to
        it, smaller batches first, so that the guess is hopeful and gets tried; 0 where nothing is known."""
        wanted = (batch, frames)
        if wanted not in self._guesses:
            self._guesses[wanted] = min(self._kinds, key=lambda kind: _distance(kind, wanted), default=None)
        nearest = self._guesses[wanted]
        return 0.0 if nearest is None else self._kinds[nearest].p95

    def typical(self, batch: int, frames: int) -> float:
        """The same as a median: every second step takes no longer."""
        self.expected(batch, frames)
        nearest = self._guesses[batch, frames]
        return 0.0 if nearest is None else self._kinds[nearest].p50


def _distance(kind: tuple[int, int], wanted: tuple[int, int]) -> tuple[bool, int, bool, int]:
    (batch, frames), (wanted_batch, wanted_frames) = kind, wanted
    return (
        batch > wanted_batch,
        abs(batch - wanted_batch),
        frames > wanted_frames,
        abs(frames - wanted_frames),
    )


class _Kind:
    def __init__(self) -> None:
        self.last = 0.0
        self.p50 = self.p95 = 0.0
        self._seconds: deque[float] = deque(maxlen=KEPT)

    def add(self, seconds: float, now: float) -> None:
        self.last = now
        self._seconds.append(seconds)
        ordered = sorted(self._seconds)
        recent = max(islice(reversed(self._seconds), RECENT))
        self.p50 = min(ordered[(len(ordered) - 1) // 2], recent)
        self.p95 = min(ordered[math.ceil(0.95 * len(ordered)) - 1], recent)
