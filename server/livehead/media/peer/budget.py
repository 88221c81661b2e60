"""How much a client may send, and when it is a flood. Pure: the clock is passed in."""

from __future__ import annotations

from livehead.core.token_bucket import TokenBucket

BURST_S = 4.0
"""What was held up on the way comes at once: so many seconds' worth are let through."""

PERIOD_S = 5.0
MOST_DROPPED = 0.5
"""Where more than this share of what came in :data:`PERIOD_S` was dropped, and more than the rate of one second, the
client does not stop by itself."""

SUDDEN = 10.0
"""So many times the rate within one second is a flood at once."""


class Budget:
    """``rate`` is a second. ``flooded`` stays true once it is: the client is to be ended. ``now`` is in monotonic
    seconds, and never falls."""

    __slots__ = ("_arrived", "_bucket", "_dropped", "_period", "_second", "_sudden", "_this_second", "flooded")

    def __init__(self, rate: float, now: float) -> None:
        self.flooded = False
        self._bucket = TokenBucket(rate, max(1.0, rate * BURST_S), now)
        self._sudden = max(SUDDEN, rate * SUDDEN)
        self._period = self._second = now
        self._arrived = self._dropped = self._this_second = 0.0

    def take(self, now: float, amount: float = 1.0, *, wanted: bool = True) -> bool:
        """Count what arrived; whether to go on with it. What is not ``wanted`` for another reason is dropped, too."""
        if now - self._second >= 1.0:
            self._second, self._this_second = now, 0.0
            if now - self._period >= PERIOD_S:
                if self._dropped > max(self._bucket.rate, MOST_DROPPED * self._arrived):
                    self.flooded = True
                self._period, self._arrived, self._dropped = now, 0.0, 0.0
        self._arrived += amount
        self._this_second += amount
        if self._this_second > self._sudden:
            self.flooded = True
        if wanted and self._bucket.take(now, amount) == 0.0:
            return True
        self._dropped += amount
        return False
