"""How often something may be done. Pure: the clock is passed in."""

from __future__ import annotations


class TokenBucket:
    """Lets ``rate`` things a second through, and ``burst`` at once. ``now`` is in monotonic seconds."""

    __slots__ = ("_at", "_level", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at = now

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take ``amount``: 0 where there is so much, otherwise the seconds until there will be, and nothing is
        taken."""
        wait = self.wait(now, amount)
        if wait == 0.0:
            self._level -= amount
        return wait

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Seconds until there is ``amount``."""
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        return max(0.0, (amount - self._level) / self.rate)
