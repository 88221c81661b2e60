"""How long packets are under way, and where on the timeline that puts them. Pure: it is fed with times.

The clocks of sender and receiver have nothing in common, so transit times are known only up to a constant: arrival
minus timestamp. What counts is the least of them, of the packet that the network did not hold up.
"""

from __future__ import annotations

from collections import deque

BUCKET = 1.0
BUCKETS = 10
"""The fastest transit is the least of the last 10 s."""

ROUTE_CHANGE = 0.005
"""A change of the fastest transit within 10 s that is larger is a new route: no clock drifts by 500 ppm."""

SETTLE = 2.0
"""Seconds in which the first packets may be slow; that is no change of route."""

DEAD_BAND = 0.002


class Transit:
    """Maps the timestamps of one stream to positions: ``position = timestamp + shift``, in samples at ``rate``.

    It begins with the packet of ``timestamp`` that arrives at ``now`` (monotonic seconds) and is put at ``position``.
    """

    def __init__(self, rate: int, timestamp: int, position: int, now: float) -> None:
        self.shift = position - timestamp
        self.began = now
        self.first_timestamp = timestamp
        self._rate = rate
        self._fastest: deque[tuple[float, float]] = deque(maxlen=BUCKETS)  # (start, least transit) of a bucket
        self._anchor = 0.0  # where the offset is held
        self._compared = (0.0, 0.0)  # when the fastest transit was last compared, and what it was
        self.observe(timestamp, now)

    @property
    def fastest(self) -> float:
        """The least arrival minus timestamp, in seconds."""
        return min(least for _, least in self._fastest)

    @property
    def offset(self) -> float:
        """The least arrival minus position, in seconds: when position 0 could have come."""
        return self.fastest - self.shift / self._rate

    def position(self, now: float) -> int:
        """The position that the network could bring now."""
        return round((now - self.offset) * self._rate)

    def lateness(self, timestamp: int, now: float) -> float:
        """How many seconds later than the fastest transit a packet arrives."""
        return now - ((timestamp + self.shift) / self._rate + self.offset)

    def observe(self, timestamp: int, now: float) -> None:
        """A packet arrived."""
        transit = now - timestamp / self._rate
        if not self._fastest or now - self._fastest[-1][0] >= BUCKET:
            self._fastest.append((now, transit))
        elif transit < self._fastest[-1][1]:
            self._fastest[-1] = (self._fastest[-1][0], transit)
        if now - self.began < SETTLE:
            self._anchor = self.offset
            self._compared = (now, self.fastest)
        since, before = self._compared
        if now - since >= BUCKET * BUCKETS:
            moved = self.fastest - before
            if abs(moved) > ROUTE_CHANGE:
                self._anchor += moved
            self._compared = (now, self.fastest)

    def correction(self, duration: int) -> int:
        """Samples to add to ``duration`` of them (to take out, if negative), so that positions keep step with this
        machine's clock: one in a thousand, which is inaudible."""
        surplus = self._anchor - self.offset
        few = max(1, duration // 960)
        if surplus > DEAD_BAND:
            return -few
        return few if surplus < -DEAD_BAND else 0
