"""A small adaptive jitter buffer for one incoming audio stream. Pure: it is fed with packets and times.

It gives back one unbroken stream of samples in the order of the sender's clock. A packet that is next
in order leaves at once: no delay is added where nothing is missing. For a missing one it waits until a
deadline, 20 to 60 ms after the time at which the network could have brought it, and puts a gap of the
right length there. Without packets the stream goes on in real time, as gaps: senders pause (DTX),
networks break. The sender's clock is held to this machine's by taking out or adding single samples.

Times are seconds of one monotonic clock; durations and positions are samples at the stream's rate.
RTP sequence numbers and time stamps may start anywhere and wrap (RFC 3550 section 5.1).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

LOW = 0.020
HIGH = 0.060
MARGIN = 0.005
DECAY = 0.004
"""The wait shrinks by so many seconds a second once the network is calm: from high to low in 10 s."""

BUCKET = 1.0
BUCKETS = 10
"""The fastest way through the network is the least of the last 10 s."""

STEP = 0.005
"""A change of that way within 10 s that is larger is a new route: no clock drifts by 500 ppm."""

DEAD_BAND = 0.002
SETTLE = 2.0
LATE_RUN = 0.100
LATE_PACKETS = 5
"""How long, and how many, packets that are each newer than all before come too late, one after the other, when the way
has become longer for good. Where many are lost, the few that come may be slow ones by chance."""

PAUSE = 0.080
"""A packet that is next in order after so long without any, and late by that time, was not held up by the network: the
sender paused, and its clock stood still. Unless the next one comes in a hurry: then the network was out, after all."""

HURRY = 0.010
AHEAD = 0.500
MAX_HELD = 128
MAX_MISSING = 256
GAP = 0.020
MAX_GAP = 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A packet in its turn. Of its ``duration`` samples the first ``skip`` come too late; ``stretch`` samples are
    to be added to the rest (taken out, if negative)."""

    payload: bytes
    duration: int
    skip: int
    stretch: int
    arrived: float


@dataclass(frozen=True, slots=True)
class Gap:
    """``duration`` samples that are not there: ``lost``, or perhaps never sent."""

    duration: int
    lost: bool


@dataclass(frozen=True, slots=True)
class _Held:
    sequence: int
    timestamp: int
    duration: int
    payload: bytes
    arrived: float


@dataclass(frozen=True, slots=True)
class _Resumed:
    """The first packet after a pause, and what was known before it."""

    timestamp: int
    at: float
    shift: int
    ways: list[tuple[float, float]]
    began: float
    anchor: float
    route: tuple[float, float]


class JitterBuffer:
    """Feed it with :meth:`push`, then call :meth:`pop` until it gives ``None``, then again at :attr:`due`.

    ``rate`` is the RTP clock rate. ``target`` is the present wait for a missing packet in seconds. Counters of
    packets: ``received``, ``late``, ``duplicate``; of samples: ``lost``; of new beginnings: ``resets``.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.target = LOW
        self.received = self.late = self.duplicate = self.lost = self.resets = 0
        self._held: dict[int, _Held] = {}
        self._missing: deque[int] = deque(maxlen=MAX_MISSING)
        self._highest: int | None = None  # of the sequence numbers, unwrapped
        self._newest = 0  # its time stamp, unwrapped
        self._next = 0  # the sequence number that comes next
        self._cursor = 0  # the position that comes next
        self._shift = 0  # position = time stamp + shift
        self._length = round(GAP * rate)
        self._ways: deque[tuple[float, float]] = deque(maxlen=BUCKETS)  # (start, least of arrival - time stamp)
        self._began = 0.0
        self._anchor = 0.0  # where the offset of arrival and position is held
        self._route = (0.0, 0.0)  # when the way was last compared, and what it was
        self._late_run: list[float] = []  # when the newest packets came, as long as each of them is too late
        self._resumed: _Resumed | None = None
        self._touched = math.inf

    @property
    def due(self) -> float | None:
        """When a gap is due if nothing more comes; ``None`` before the first packet."""
        return self._deadline() if self._ways else None

    def restart(self) -> None:
        """The sender starts a new stream (another SSRC): its numbers have nothing to do with the old ones."""
        self._held.clear()
        self._highest = None

    def push(self, sequence: int, timestamp: int, duration: int, payload: bytes, now: float) -> None:
        """Take a packet of ``duration`` samples."""
        self.received += 1
        quiet = max(0.0, now - self._touched)
        self.target = max(LOW, self.target - DECAY * quiet)
        self._touched = now
        newest = True
        if self._highest is None:
            self._begin(sequence, timestamp, self._expected(now) if self._ways else 0, now)
        else:
            sequence = self._highest + _signed(sequence - self._highest, 16)
            timestamp = self._newest + _signed(timestamp - self._newest, 32)
            newest = sequence > self._highest
            self._reconsider(timestamp, now)
            position = timestamp + self._shift
            if position / self.rate + self._offset() - now > AHEAD:
                self.resets += 1
                self._begin(sequence, timestamp, self._expected(now), now)
            elif sequence in self._held or (sequence < self._next and sequence not in self._missing):
                self.duplicate += 1
                return
            elif position + duration <= self._cursor and sequence == self._next and quiet >= PAUSE:
                self._resume(sequence, timestamp, now)
            elif position + duration <= self._cursor:
                self.late += 1
                self._adapt(timestamp, now)
                if not (newest and self._stays_late(now)):
                    if newest:
                        self._highest, self._newest = sequence, timestamp
                    return
                self.resets += 1
                self._begin(sequence, timestamp, self._cursor, now)
            elif newest:
                self._highest, self._newest = sequence, timestamp
                self._late_run.clear()
        self._observe(timestamp, now)
        self._adapt(timestamp, now)
        if len(self._held) < MAX_HELD:
            self._held[sequence] = _Held(sequence, timestamp, duration, payload, now)

    def pop(self, now: float) -> Taken | Gap | None:
        """What comes next, or ``None`` where it is still worth waiting."""
        while self._held:
            head = self._held[min(self._held)]
            position = head.timestamp + self._shift
            if position + head.duration <= self._cursor:
                self.late += 1
                self._pass(head)
            elif position <= self._cursor:
                return self._take(head, self._cursor - position)
            elif head.sequence == self._next:
                return self._gap(position - self._cursor, lost=False)  # nothing is missing: the sender paused
            elif now >= self._deadline():
                return self._gap(min(self._length, position - self._cursor), lost=True)
            else:
                return None
        if not self._ways or now < self._deadline():
            return None
        behind = int((now - self._deadline()) * self.rate) // self._length
        return self._gap(self._length * min(1 + behind, int(MAX_GAP * self.rate) // self._length), lost=False)

    def _take(self, head: _Held, skip: int) -> Taken:
        self._pass(head)
        stretch = self._correction(head.duration - skip)
        self._shift += stretch
        self._cursor += head.duration - skip + stretch
        self._length = head.duration
        return Taken(head.payload, head.duration, skip, stretch, head.arrived)

    def _pass(self, head: _Held) -> None:
        del self._held[head.sequence]
        self._missing.extend(range(max(self._next, head.sequence - MAX_MISSING), head.sequence))
        self._next = head.sequence + 1

    def _gap(self, duration: int, *, lost: bool) -> Gap:
        # Time that passes without packets may be a pause or a loss; the next sequence number tells, too late.
        duration = min(duration, int(MAX_GAP * self.rate))
        self._cursor += duration
        self.lost += duration if lost else 0
        return Gap(duration, lost)

    def _resume(self, sequence: int, timestamp: int, now: float) -> None:
        """The sender paused: what comes now is new, not late."""
        self.resets += 1
        self._resumed = _Resumed(timestamp, now, self._shift, list(self._ways), self._began, self._anchor, self._route)
        self._begin(sequence, timestamp, self._expected(now), now)

    def _reconsider(self, timestamp: int, now: float) -> None:
        """The packet behind one that was taken for the first after a pause tells whether it was."""
        before, self._resumed = self._resumed, None
        if before is not None and now - before.at < (timestamp - before.timestamp) / self.rate - HURRY:
            self._shift, self._began = before.shift, before.began
            self._anchor, self._route = before.anchor, before.route
            self._ways.clear()
            self._ways.extend(before.ways)

    def _begin(self, sequence: int, timestamp: int, position: int, now: float) -> None:
        """Put this packet at ``position``, and measure the way through the network anew."""
        self._held.clear()
        self._missing.clear()
        self._highest, self._newest, self._next = sequence, timestamp, sequence
        self._shift = position - timestamp
        self._ways.clear()
        self._began = now
        self._late_run.clear()
        self._observe(timestamp, now)
        self._route = (now, self._way())

    def _stays_late(self, now: float) -> bool:
        """Whether the newest packets have come too late for a while: then the way has become longer for good."""
        self._late_run.append(now)
        return len(self._late_run) >= LATE_PACKETS and now - self._late_run[0] >= LATE_RUN

    def _way(self) -> float:
        """Arrival minus time stamp, in seconds, by the fastest way."""
        return min(least for _, least in self._ways)

    def _offset(self) -> float:
        """Arrival minus position, in seconds, by the fastest way."""
        return self._way() - self._shift / self.rate

    def _deadline(self) -> float:
        return self._offset() + self._cursor / self.rate + self.target

    def _expected(self, now: float) -> int:
        """The position that the network could bring now."""
        return max(self._cursor, round((now - self._offset()) * self.rate))

    def _observe(self, timestamp: int, now: float) -> None:
        way = now - timestamp / self.rate
        if not self._ways or now - self._ways[-1][0] >= BUCKET:
            self._ways.append((now, way))
        elif way < self._ways[-1][1]:
            self._ways[-1] = (self._ways[-1][0], way)
        if now - self._began < SETTLE:
            self._anchor = self._offset()
            self._route = (now, self._way())  # the first packets are often slow: that is no change of route
        since, before = self._route
        if now - since >= BUCKET * BUCKETS:
            moved = self._way() - before
            if abs(moved) > STEP:
                self._anchor += moved
            self._route = (now, self._way())

    def _adapt(self, timestamp: int, now: float) -> None:
        lateness = now - ((timestamp + self._shift) / self.rate + self._offset())
        self.target = min(HIGH, max(self.target, lateness + MARGIN))

    def _correction(self, duration: int) -> int:
        """Samples to add so that positions keep step with this machine's clock: one in a thousand, which nobody
        hears."""
        surplus = self._anchor - self._offset()
        few = max(1, duration // 960)
        if surplus > DEAD_BAND:
            return -few
        return few if surplus < -DEAD_BAND else 0


def _signed(difference: int, bits: int) -> int:
    """A difference of two wrapping numbers as the nearest signed one."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
