"""How long to wait before the next attempt."""

from __future__ import annotations

import math
import random
import time

FIRST_S = 0.1
LONGEST_S = 5.0

GOOD_S = 10.0
"""A connection that lasted so long did not fail for what was said on it."""


class BackOff:
    """Waits that double up to :data:`LONGEST_S`, each shortened by chance by up to half, so that many clients that
    lost one server do not come back at once; ``patience`` seconds after it was made there is no next attempt."""

    def __init__(self, patience: float) -> None:
        self._ends = time.monotonic() + patience
        self._next = FIRST_S

    def wait(self, at_least: float | None = None) -> float | None:
        """Seconds to wait, and not less than the server asked for; None where that is past the patience."""
        seconds = self._next * random.uniform(0.5, 1.0)
        self._next = min(2 * self._next, LONGEST_S)
        if at_least is not None:
            seconds = max(seconds, at_least)
        return seconds if time.monotonic() + seconds <= self._ends else None


class Reconnection:
    """How long to wait before a connection that broke is made anew: not at all after one that was good for
    :data:`GOOD_S`, else longer and longer."""

    def __init__(self) -> None:
        self._back_off = BackOff(math.inf)
        self._made = -math.inf

    def made(self) -> None:
        """There is a connection now."""
        self._made = time.monotonic()

    def wait(self) -> float:
        """The connection broke: seconds to wait."""
        if time.monotonic() - self._made >= GOOD_S:
            self._back_off = BackOff(math.inf)
            return 0.0
        return self._back_off.wait() or 0.0
