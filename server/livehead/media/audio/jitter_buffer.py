"""A small adaptive jitter buffer for one incoming audio stream. Pure: it is fed with packets and times.

It gives back one unbroken stream of samples in the order of the sender's clock. A packet that is next
in order leaves at once: no delay is added where nothing is missing. For a missing one it waits until a
deadline, 20 to 60 ms after the time at which the network could have brought it, and puts a gap of the
right length there. Without packets the stream goes on in real time, as gaps: senders pause (DTX),
networks break. So from the first packet on this is the one place where silence fills a client's audio. The
sender's clock is held to this machine's by taking out or adding single samples.

Times are seconds of one monotonic clock; durations and positions are samples at the stream's rate.
RTP sequence numbers and timestamps may start anywhere and wrap (RFC 3550 section 5.1).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from livehead.media.audio.transit import Transit

LOW = 0.020
HIGH = 0.060
MARGIN = 0.005
DECAY = 0.004
"""The wait shrinks by so many seconds a second once the network is calm: from high to low in 10 s."""

LATE_FOR = 0.100
LATE_PACKETS = 5
"""How long, and how many, packets that are each newer than all before come too late, one after the other, before
transit counts as longer for good. Where many are lost, the few that come may be slow ones by chance."""

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


class _Arrival(Enum):
    """What a packet is, by the time and the order in which it comes."""

    ON_TIME = auto()
    LATE = auto()
    """What it brings was given up."""
    DUPLICATE = auto()
    RESUMED = auto()
    """Late, but the first after a pause of the sender."""
    AHEAD = auto()
    """Its timestamp lies in the future: the sender's clock jumped."""


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
        self._newest = 0  # its timestamp, unwrapped
        self._next = 0  # the sequence number that comes next
        self._cursor = 0  # the position that comes next
        self._length = round(GAP * rate)
        self._transit: Transit | None = None
        self._before_pause: Transit | None = None  # what holds if the pause was none; the next packet tells
        self._late_since: list[float] = []  # when the newest packets came, as long as each of them is too late
        self._touched = math.inf

    @property
    def due(self) -> float | None:
        """When a gap is due if nothing more comes; ``None`` before the first packet."""
        return None if self._transit is None else self._deadline(self._transit)

    def restart(self) -> None:
        """The sender starts a new stream (another SSRC): its numbers have nothing to do with the old ones."""
        self._held.clear()
        self._highest = None

    def push(self, sequence: int, timestamp: int, duration: int, payload: bytes, now: float) -> None:
        """Take a packet of ``duration`` samples."""
        self.received += 1
        quiet = self._decay(now)
        transit = self._transit
        if transit is None or self._highest is None:
            packet = _Held(sequence, timestamp, duration, payload, now)
            self._hold(packet, self._begin(packet, 0 if transit is None else self._present(transit, now)))
            return
        sequence = self._highest + _signed(sequence - self._highest, 16)
        timestamp = self._newest + _signed(timestamp - self._newest, 32)
        packet = _Held(sequence, timestamp, duration, payload, now)
        transit = self._judge_pause(transit, packet)
        match self._arrival(transit, packet, quiet):
            case _Arrival.DUPLICATE:
                self.duplicate += 1
                return
            case _Arrival.LATE:
                self.late += 1
                self._widen(transit, packet)
                if not self._stays_late(packet):
                    self._note(packet)
                    return
                self.resets += 1
                transit = self._begin(packet, self._cursor)
            case _Arrival.AHEAD:
                self.resets += 1
                transit = self._begin(packet, self._present(transit, now))
            case _Arrival.RESUMED:
                self.resets += 1
                before, transit = transit, self._begin(packet, self._present(transit, now))
                self._before_pause = before
            case _Arrival.ON_TIME:
                if self._is_newest(packet):
                    self._late_since.clear()
                self._note(packet)
        self._hold(packet, transit)

    def _arrival(self, transit: Transit, packet: _Held, quiet: float) -> _Arrival:
        position = packet.timestamp + transit.shift
        if position / self.rate + transit.offset - packet.arrived > AHEAD:
            return _Arrival.AHEAD
        taken = packet.sequence < self._next and packet.sequence not in self._missing
        if packet.sequence in self._held or taken:
            return _Arrival.DUPLICATE
        if position + packet.duration > self._cursor:
            return _Arrival.ON_TIME
        if packet.sequence == self._next and quiet >= PAUSE:
            return _Arrival.RESUMED
        return _Arrival.LATE

    def pop(self, now: float) -> Taken | Gap | None:
        """What comes next, or ``None`` where it is still worth waiting."""
        transit = self._transit
        if transit is None:
            return None
        while self._held:
            head = self._held[min(self._held)]
            position = head.timestamp + transit.shift
            if position + head.duration <= self._cursor:
                self.late += 1
                self._pass(head)
            elif position <= self._cursor:
                return self._take(transit, head, self._cursor - position)
            elif head.sequence == self._next:
                return self._gap(position - self._cursor, lost=False)  # nothing is missing: the sender paused
            elif now >= self._deadline(transit):
                return self._gap(min(self._length, position - self._cursor), lost=True)
            else:
                return None
        if now < self._deadline(transit):
            return None
        behind = int((now - self._deadline(transit)) * self.rate) // self._length
        return self._gap(self._length * min(1 + behind, int(MAX_GAP * self.rate) // self._length), lost=False)

    def _take(self, transit: Transit, head: _Held, skip: int) -> Taken:
        self._pass(head)
        stretch = transit.correction(head.duration - skip)
        transit.shift += stretch
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

    def _begin(self, packet: _Held, position: int) -> Transit:
        """Put this packet at ``position``, and measure transit anew."""
        self._held.clear()
        self._missing.clear()
        self._highest, self._newest, self._next = packet.sequence, packet.timestamp, packet.sequence
        self._late_since.clear()
        self._before_pause = None
        self._transit = Transit(self.rate, packet.timestamp, position, packet.arrived)
        return self._transit

    def _judge_pause(self, transit: Transit, packet: _Held) -> Transit:
        """The packet behind one that was taken for the first after a pause tells whether it was. If it comes in a
        hurry, the network was out, and what was known before holds on."""
        before, self._before_pause = self._before_pause, None
        passed = (packet.timestamp - transit.first_timestamp) / self.rate
        if before is not None and packet.arrived - transit.began < passed - HURRY:
            self._transit = transit = before
        return transit

    def _is_newest(self, packet: _Held) -> bool:
        return self._highest is None or packet.sequence > self._highest

    def _note(self, packet: _Held) -> None:
        if self._is_newest(packet):
            self._highest, self._newest = packet.sequence, packet.timestamp

    def _hold(self, packet: _Held, transit: Transit) -> None:
        transit.observe(packet.timestamp, packet.arrived)
        self._widen(transit, packet)
        if len(self._held) < MAX_HELD:
            self._held[packet.sequence] = packet

    def _stays_late(self, packet: _Held) -> bool:
        """Whether the newest packets have come too late for a while: then transit has become longer for good."""
        if not self._is_newest(packet):
            return False
        self._late_since.append(packet.arrived)
        return len(self._late_since) >= LATE_PACKETS and packet.arrived - self._late_since[0] >= LATE_FOR

    def _deadline(self, transit: Transit) -> float:
        return transit.offset + self._cursor / self.rate + self.target

    def _present(self, transit: Transit, now: float) -> int:
        """The position that the network could bring now, but nothing that was given out already."""
        return max(self._cursor, transit.position(now))

    def _decay(self, now: float) -> float:
        """The wait shrinks while nothing widens it; gives the seconds since the packet before."""
        quiet = max(0.0, now - self._touched)
        self.target = max(LOW, self.target - DECAY * quiet)
        self._touched = now
        return quiet

    def _widen(self, transit: Transit, packet: _Held) -> None:
        """Wait longer for the next missing packet if this one would have been too late."""
        lateness = transit.lateness(packet.timestamp, packet.arrived)
        self.target = min(HIGH, max(self.target, lateness + MARGIN))


def _signed(difference: int, bits: int) -> int:
    """A difference of two wrapping numbers as the nearest signed one."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
