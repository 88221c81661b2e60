"""What receiver reports say of the packets of one source."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket

HALF = 1 << 31


class ArrivalStatistics(StreamStatistics):
    """Losses as aiortc counts them. Its jitter reads the wall clock and takes the difference of two timestamps as it
    is: it would say an hour where that clock is set, and a day where timestamps wrap, so here it is reckoned by
    monotonic time and modulo 2³² (RFC 3550 section 6.4.1)."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``rate`` of the RTP clock in Hz; ``clock`` gives monotonic seconds."""
        super().__init__(rate)
        self._rate = rate
        self._clock = clock
        self._jitter = 0.0
        self._newest: tuple[float, int] | None = None  # arrival and timestamp

    def add(self, packet: RtpPacket) -> None:
        highest = self.max_seq, self.cycles
        super().add(packet)
        if highest == (self.max_seq, self.cycles):
            return  # it came behind a newer one
        now = self._clock() * self._rate
        if self._newest is not None and packet.timestamp != self._newest[1]:
            at, timestamp = self._newest
            passed = (packet.timestamp - timestamp + HALF) % (2 * HALF) - HALF
            self._jitter += (abs(now - at - passed) - self._jitter) / 16
        self._newest = now, packet.timestamp

    @property
    def jitter(self) -> int:
        """The interarrival jitter, in units of the RTP clock."""
        return int(self._jitter)
