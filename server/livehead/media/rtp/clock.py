"""The media clock of one peer: it ties both outgoing tracks to one wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.core.block import BLOCK_S

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905)."""

NTP_ERA = 1 << 64

DISCONTINUITY = 0.1
SMOOTH = 0.05


_BEGAN = time.time() - time.monotonic()


def steady_wall() -> float:
    """Seconds since 1970 as this process knew them when it began. They do not step when the machine's clock is set: a
    receiver reckons with differences of these only, of one stream or of two (RFC 3550 section 4)."""
    return _BEGAN + time.monotonic()


class MediaClock:
    """Sender reports of both tracks come from here, so they agree on the time of a tick, whatever was encoded or sent
    late. Nothing else tells a browser how to synchronise lips and voice (RFC 3550 section 6.4.1).

    ``wall`` gives seconds since 1970.
    """

    def __init__(self, wall: Callable[[], float] = steady_wall) -> None:
        self._wall = wall
        self._zero: float | None = None

    def tick(self, index: int) -> None:
        """Tick ``index`` is handed over now."""
        zero = self._wall() - index * BLOCK_S
        if self._zero is None or abs(zero - self._zero) > DISCONTINUITY:
            self._zero = zero
        else:
            self._zero += SMOOTH * (zero - self._zero)

    def now(self) -> tuple[int, float] | None:
        """The present moment as a 64-bit NTP timestamp, which begins anew in 2036, and as seconds of media time;
        ``None`` before the first tick."""
        if self._zero is None:
            return None
        wall = self._wall()
        return int((wall + NTP_EPOCH) * (1 << 32)) % NTP_ERA, wall - self._zero
