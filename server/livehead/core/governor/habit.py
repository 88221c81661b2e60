"""How a session speaks, as far as the governor remembers it. Pure: the clock is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY_S = 15.0
"""The time constant of a session's share of speech: some phrases and pauses of a conversation."""

LONG_S = 6.0
"""Who speaks for longer than this without a pause is not taking turns, and is reckoned to go on."""

IDLE_S = 12.0
"""Who has not spoken for so long is silent, and comes after those who talk. Pauses between turns are shorter."""


@dataclass(slots=True)
class Habit:
    """What is remembered of a session. ``order`` counts the sessions that ``came``, and when. ``since`` is when it
    began to speak, None where it is silent; ``spoke`` when it last did."""

    order: int
    came: float
    spoke: float
    since: float | None
    seen: float
    share: float = 1.0
    moved: float = -math.inf
    waits_since: float | None = None
    """Since when it is to go down in delay."""
    room_since: float | None = None
    """Since when it could."""

    def observe(self, speaking: bool, now: float) -> None:
        self.share += ((1.0 if speaking else 0.0) - self.share) * -math.expm1((self.seen - now) / MEMORY_S)
        self.seen = now
        if speaking:
            self.spoke = now
            self.since = now if self.since is None else self.since
        else:
            self.since = None

    def talks(self, now: float) -> bool:
        return now - self.spoke < IDLE_S

    def speech(self, now: float) -> float:
        """The share of the time that it is reckoned to speak."""
        return 1.0 if self.since is not None and now - self.since >= LONG_S else self.share
