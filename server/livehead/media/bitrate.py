"""How many bits a second the picture may take. Pure."""

from __future__ import annotations

from collections import deque

START = 5.0
CEILING = 9.5
"""Bits a second for each pixel: 1.3 Mbit/s to begin with and 2.5 Mbit/s at most for a face of 512 x 512."""

FLOOR = 150_000
HEADROOM = 0.95
"""Of the receiver's estimate: sound, retransmissions and headers want a share."""

CLIMB, CREEP = 1.08, 1.01
"""Growth a second while the estimate allows it; near the rate at which the line was full, which is all of it from
:data:`NEAR` times that rate on."""

NEAR = 0.85
"""What is left of the rate where the line is full."""

LIGHT_LOSS, HEAVY_LOSS = 0.02, 0.10
LOSS_INTERVAL = 1.0

QUEUE_S = 0.15
"""Reports that take so much longer than the quickest of :data:`REPORTS` have waited in a queue."""

REPORTS = 30
"""About one a second comes."""


class BitratePolicy:
    """Follows the receiver's estimate (REMB) down at once and up slowly. It begins high enough for a good face: an
    estimate can only be measured on what is sent.

    Loss counts too, as in Google's congestion control (draft-ietf-rmcat-gcc-02, section 6): heavy loss takes the rate
    down, and only after light loss it climbs. An estimate is made from delays that grow. In a queue that stays full
    they do not, so where loss and a long round trip come together, the line is full whatever the estimate says.
    """

    def __init__(self, width: int, height: int) -> None:
        self.ceiling = max(2 * FLOOR, round(width * height * CEILING))
        self.bitrate = max(FLOOR, round(width * height * START))
        self._raised: float | None = None
        self._lowered: float | None = None
        self._lost = 0.0
        self._full = float("inf")
        self._trips: deque[float] = deque(maxlen=REPORTS)

    def estimate(self, bits: float, now: float) -> None:
        """The receiver estimates that it can take ``bits`` a second."""
        allowed = min(self.ceiling, bits * HEADROOM)
        if allowed <= self.bitrate:
            self.bitrate = max(FLOOR, round(allowed))
        elif self._raised is not None and self._lost <= LIGHT_LOSS:
            growth = CREEP if self.bitrate >= NEAR * self._full else CLIMB
            self.bitrate = round(min(allowed, self.bitrate * growth ** min(2.0, max(0.0, now - self._raised))))
        self._raised = now

    def report(self, lost: float, round_trip: float | None, now: float) -> None:
        """The receiver reports the share of the packets that it lost, 0 to 1. ``round_trip`` in seconds, if known."""
        self._lost = lost
        if round_trip is not None:
            self._trips.append(round_trip)
        waited = round_trip is not None and round_trip - min(self._trips) > QUEUE_S
        if self._lowered is not None and now - self._lowered < LOSS_INTERVAL:
            return
        if lost > LIGHT_LOSS and waited:
            self._full = self.bitrate
            self._lower(NEAR, now)
        elif lost > HEAVY_LOSS:
            self._lower(1 - 0.5 * lost, now)

    def _lower(self, share: float, now: float) -> None:
        self._lowered = now
        self.bitrate = max(FLOOR, round(self.bitrate * share))
