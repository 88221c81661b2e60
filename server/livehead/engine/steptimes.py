"""How long a step takes, learned from the steps that were made. Pure: the clock is passed in."""

from __future__ import annotations

import math
from collections import deque

KEPT = 64
"""Steps remembered of each kind."""

MEMORY_S = 5.0
"""Steps older than this are forgotten. A bad spell must not make every window look hopeless for ever: with
nothing remembered the next step is tried, and measured."""


class StepTimes:
    """The moving 95th percentile of step times, by batch size and number of pictures in the batch."""

    def __init__(self) -> None:
        self._steps: dict[tuple[int, int], deque[tuple[float, float]]] = {}

    def observe(self, batch: int, pictures: int, seconds: float, now: float) -> None:
        """A step of ``batch`` streams that made ``pictures`` together took ``seconds``."""
        self._steps.setdefault((batch, pictures), deque(maxlen=KEPT)).append((now, seconds))

    def expected(self, batch: int, pictures: int, now: float) -> float:
        """Seconds that such a step is expected to take. What was never seen is guessed from what is nearest to
        it, smaller batches first, so that the guess is hopeful and gets tried; 0 where nothing is known."""
        kinds = [kind for kind in self._steps if self._fresh(kind, now)]
        if not kinds:
            return 0.0
        nearest = min(
            kinds, key=lambda kind: (kind[0] > batch, abs(kind[0] - batch), kind[1] > pictures, abs(kind[1] - pictures))
        )
        seconds = sorted(seconds for _, seconds in self._steps[nearest])
        return seconds[math.ceil(0.95 * len(seconds)) - 1]

    def _fresh(self, kind: tuple[int, int], now: float) -> bool:
        steps = self._steps[kind]
        while steps and steps[0][0] < now - MEMORY_S:
            steps.popleft()
        return bool(steps)
