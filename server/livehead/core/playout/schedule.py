"""When the blocks of a segment came in, and when each is due. Times in seconds."""

from __future__ import annotations

import math
from collections import deque

from livehead.core.block import BLOCK_S

MEMORY_S = 10.0
"""How long an early arrival speaks for the sender's clock. A clock that runs slow by 200 ppm is
followed with a lag of 2 ms."""


class Schedule:
    """Block k came in at :meth:`captured`, and is due ``delay`` later.

    A block's own arrival says little: it may have waited in the network. So the arrivals that were
    earliest in the last :data:`MEMORY_S` tell when each block was captured; that follows a
    microphone whose clock runs fast or slow for ever. ``delay`` is moved by the playout only.
    """

    def __init__(self, start: int, now: float, delay: float) -> None:
        """``now`` is when block ``start`` was whole."""
        self.start = start
        self._early: deque[tuple[float, float]] = deque([(now, now - BLOCK_S)])
        self.origin = now - BLOCK_S + delay
        """When block ``start`` is due."""

    def arrived(self, k: int, now: float) -> None:
        """Block ``k`` is whole."""
        base = now - (k - self.start + 1) * BLOCK_S
        while self._early and self._early[-1][1] >= base:
            self._early.pop()
        self._early.append((now, base))
        while self._early[0][0] < now - MEMORY_S:
            self._early.popleft()

    def move(self, by: float) -> None:
        """Everything is due so many seconds later."""
        self.origin += by

    @property
    def delay(self) -> float:
        """From a block's first sample to its being due."""
        return self.origin - self._early[0][1]

    def captured(self, k: int) -> float:
        """When the first sample of block ``k`` came in."""
        return self._early[0][1] + (k - self.start) * BLOCK_S

    def due(self, k: int) -> float:
        return self.origin + (k - self.start) * BLOCK_S

    def block_at(self, time: float) -> int:
        """The block whose due time is nearest."""
        return self.start + math.floor((time - self.origin) / BLOCK_S + 0.5)

    def first_due(self, earliest: float) -> float:
        """The first time at or after ``earliest`` at which some block is due."""
        return self.origin + math.ceil((earliest - self.origin) / BLOCK_S - 1e-6) * BLOCK_S
