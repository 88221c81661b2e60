"""How many bits a second the picture may take. Pure."""

from __future__ import annotations

START = 5.0
CEILING = 9.5
"""Bits a second for each pixel: 1.3 Mbit/s to begin with and 2.5 Mbit/s at most for a face of 512 x 512."""

FLOOR = 150_000
HEADROOM = 0.95
"""Of the receiver's estimate: sound, retransmissions and headers want a share."""

CLIMB = 1.08
"""Growth a second while the estimate allows it."""

HEAVY_LOSS = 0.10
LOSS_INTERVAL = 1.0


class BitratePolicy:
    """Follows the receiver's estimate (REMB) down at once and up slowly. It begins high enough for a good face: an
    estimate can only be measured on what is sent. Heavy loss takes it down too, as in Google's congestion control.
    """

    def __init__(self, width: int, height: int) -> None:
        self.ceiling = max(2 * FLOOR, round(width * height * CEILING))
        self.bitrate = max(FLOOR, round(width * height * START))
        self._raised: float | None = None
        self._lowered: float | None = None

    def estimate(self, bits: float, now: float) -> None:
        """The receiver estimates that it can take ``bits`` a second."""
        allowed = min(self.ceiling, bits * HEADROOM)
        if allowed <= self.bitrate:
            self.bitrate = max(FLOOR, round(allowed))
        elif self._raised is not None:
            climb = CLIMB ** min(2.0, max(0.0, now - self._raised))
            self.bitrate = round(min(allowed, self.bitrate * climb))
        self._raised = now

    def loss(self, fraction: float, now: float) -> None:
        """The receiver reports that it lost this share of the packets, 0 to 1."""
        if fraction <= HEAVY_LOSS or (self._lowered is not None and now - self._lowered < LOSS_INTERVAL):
            return
        self._lowered = now
        self.bitrate = max(FLOOR, round(self.bitrate * (1 - 0.5 * fraction)))
