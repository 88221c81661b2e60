"""How many bits a second the video may take. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median

START = 5.0
CEILING = 9.5
"""Bits a second for each pixel: 1.3 Mbit/s to begin with and 2.5 Mbit/s at most for a face of 512 x 512."""

FLOOR = 150_000
HEADROOM = 0.95
"""Share of the receiver's estimate; the rest is for audio, retransmissions and headers."""

CLIMB, CREEP = 1.08, 1.01
"""Growth a second while nothing forbids it; and growth of the limit from :data:`NEAR` of the rate at which the line was
last full up to that rate. Past it the line has become wider."""

NEAR = 0.85
"""The rate is cut to this share when the line is full."""

LIGHT_LOSS, HEAVY_LOSS = 0.02, 0.10
LOSS_INTERVAL = 1.0

QUEUE_S = 0.1
"""Reports that take so much longer than the quickest of :data:`REPORTS` have waited in a queue."""

REPORTS = 30
"""They come about once a second."""

LEFT_OUT = 0.5
"""A client that allows less than this share of the median does not count where several share an encoding."""

AT_ONCE_S = 2.0
"""However long no report came, at most this many seconds of growth are made up for at once."""


class BitratePolicy:
    """Follows the receiver's estimate (REMB) down at once and up slowly. It begins high enough for a good face: an
    estimate can only be measured on what is sent.

    Beside it stands a limit made of what is lost, as in Google's congestion control (draft-ietf-rmcat-gcc-02, section
    6): heavy loss takes it down, and only while little is lost it grows. An estimate is made from delays that grow. In
    a queue that stays full they do not, so where loss and a long round trip come together, the line is full whatever
    the estimate says.

    ``bitrate`` is what it allows, from ``start`` on where that is more than usual; ``sent`` what is really sent, where
    that is another: then it was that rate which filled the line. ``full_at`` is when the line was last full.
    """

    def __init__(self, width: int, height: int, start: int | None = None) -> None:
        self.ceiling = ceiling_of(width, height)
        self.bitrate = min(self.ceiling, max(FLOOR, round(width * height * START), start or 0))
        self.sent: float = math.inf
        self.full_at = 0.0
        self._limit: float = self.ceiling
        self._full = float("inf")
        self._trips: deque[float] = deque(maxlen=REPORTS)
        self._estimated: float | None = None
        self._reported: float | None = None
        self._lowered: float | None = None

    def estimate(self, bits: float, now: float) -> None:
        """The receiver estimates that it can take ``bits`` a second."""
        allowed = min(self._limit, bits * HEADROOM)
        if allowed <= self.bitrate:
            self.bitrate = max(FLOOR, round(allowed))
        elif self._estimated is not None:
            self.bitrate = round(min(allowed, self.bitrate * _growth(CLIMB, now - self._estimated)))
        self._estimated = now

    def report(self, lost: float, round_trip: float | None, now: float) -> None:
        """The receiver reports the share of the packets that it lost, 0 to 1. ``round_trip`` in seconds, if known."""
        if round_trip is not None:
            self._trips.append(round_trip)
        waited = round_trip is not None and round_trip - min(self._trips) > QUEUE_S
        if waited and self.sent > self.bitrate:
            self.full_at = now
        if lost > LIGHT_LOSS and waited:
            self._lower(NEAR, now, full=True)
        elif lost > HEAVY_LOSS:
            self._lower(1 - 0.5 * lost, now)
        elif lost <= LIGHT_LOSS and self._reported is not None:
            pace = CREEP if NEAR * self._full <= self._limit < self._full else CLIMB
            self._limit = min(self.ceiling, self._limit * _growth(pace, now - self._reported))
        self._reported = now

    def _lower(self, share: float, now: float, *, full: bool = False) -> None:
        self.full_at = now
        if self._lowered is not None and now - self._lowered < LOSS_INTERVAL:
            return
        self._lowered = now
        filled = min(self.bitrate, self.sent)
        if full:
            self._full = filled
        self.bitrate = max(FLOOR, round(filled * share))
        self._limit = self.bitrate


def _growth(pace: float, seconds: float) -> float:
    return math.exp(math.log(pace) * min(AT_ONCE_S, max(0.0, seconds)))


def ceiling_of(width: int, height: int) -> int:
    """The most that frames of this size, in pixels, are ever given, in bits a second."""
    return max(2 * FLOOR, round(width * height * CEILING))


def shared_rate(rates: Sequence[int]) -> int:
    """The bitrate of one encoding for several clients, each of which allows one of ``rates``: the lowest of them.

    One that allows less than half of the median does not count, so that a single bad line does not ruin the picture
    of the others: of two clients, one that allows less than a third of the other's. Its track then sends a part of
    the frames.
    """
    least = LEFT_OUT * median(rates)
    return min(rate for rate in rates if rate >= least)
