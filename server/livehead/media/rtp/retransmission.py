"""Sent packets, kept for a receiver that misses some, and how many of them are worth sending again. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

CAPACITY = 512
"""Packets kept: about 4 s of video."""

MIN_INTERVAL = 0.02
"""A packet is sent again no more often, in seconds, nor before the receiver can have seen it: a round trip."""

MAX_AGE = 0.6
"""Seconds after which a packet is of no use to the receiver any more."""

SHARE = 0.2
BURST_S = 0.15
OVERHEAD = 60
"""After a blackout, and on a line that is too narrow, a receiver asks for everything at once. Much of it would hold up
the keyframe that helps: at most this share of the frames' bitrate is spent on sending again, and at once no more than
so many seconds of it. A packet's headers count as so many octets."""


@dataclass(slots=True)
class SentPacket:
    """A packet as it was sent: ``size`` of its payload in octets, times in monotonic seconds."""

    sequence: int
    data: bytes
    size: int
    sent_at: float
    resent_at: float = 0.0

    def is_stale(self, now: float) -> bool:
        """Whether it comes too late for the receiver."""
        return now - self.sent_at > MAX_AGE


class RetransmissionBuffer:
    """The last :data:`CAPACITY` packets of one stream by sequence number, and an allowance for sending them again."""

    def __init__(self) -> None:
        self._packets: dict[int, SentPacket] = {}
        self._allowance = math.inf  # octets; the first request fills it
        self._allowed_at = 0.0

    def add(self, packet: SentPacket) -> None:
        self._packets[packet.sequence % CAPACITY] = packet

    def find(self, sequence: int) -> SentPacket | None:
        packet = self._packets.get(sequence % CAPACITY)
        return packet if packet is not None and packet.sequence == sequence else None

    def clear(self) -> None:
        self._packets.clear()

    def allow(self, packet: SentPacket, now: float, *, round_trip: float, bitrate: int) -> bool:
        """Whether to send ``packet`` again now: not while it may still be under way (``round_trip`` in seconds), nor
        past the allowance, which follows ``bitrate`` in bits a second. A yes is charged to the allowance."""
        if now - packet.resent_at < max(MIN_INTERVAL, round_trip):
            return False
        rate = bitrate / 8
        earned = SHARE * rate * (now - self._allowed_at)
        self._allowance = min(BURST_S * rate, self._allowance + earned)
        self._allowed_at = now
        octets = packet.size + OVERHEAD
        if self._allowance < octets:
            return False
        self._allowance -= octets
        packet.resent_at = now
        return True
