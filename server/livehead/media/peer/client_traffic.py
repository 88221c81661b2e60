"""What one client may send to all ports of its call, before and after it is decrypted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from livehead.core.token_bucket import TokenBucket
from livehead.media.peer.budget import BURST_S, Budget

RTCP_OCTETS = 32 * 1024
"""A second. A browser sends some 200 octets of reports, and under heavy loss a few thousand of NACKs; a datagram full
of NACKs takes half a millisecond to read."""

DTLS_RECORDS = 200.0
"""A second, in datagrams: the handshake and the data channel."""

CHUNKS = 200.0
"""SCTP chunks and parameters a second. One datagram holds up to 70, and the library answers some of them one by one."""

TEXTS = 20.0
"""Texts on the data channel a second. Our own client sends five."""

MAX_SOURCES = 64
"""Synchronisation sources. SRTP keeps a state for each that it has seen, for ever; a browser has a handful."""

RTP_HEADER = 12
RTCP_TYPES = range(192, 224)
"""Of the second octet, which tells RTCP from RTP (RFC 5761 section 4)."""

DTLS, RTP = range(20, 64), range(128, 192)
"""Of the first octet (RFC 7983)."""


class ClientTraffic:
    """``refused`` counts what was dropped, by reason; ``flooded`` says what there was far too much of, or ``None``.
    ``on_flood`` is called once, when that is known."""

    def __init__(
        self,
        packets_per_second: float,
        on_flood: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self.refused: Counter[str] = Counter()
        self.flooded: str | None = None
        self._on_flood = on_flood
        self._clock = clock
        self._packets = Budget(packets_per_second, now)
        self._rtcp = TokenBucket(RTCP_OCTETS, RTCP_OCTETS * BURST_S, now)
        self._records = TokenBucket(DTLS_RECORDS, DTLS_RECORDS * BURST_S, now)
        self._chunks = Budget(CHUNKS, now)
        self._texts = Budget(TEXTS, now)
        self._sources: set[bytes] = set()

    def allows_datagram(self, data: bytes) -> bool:
        """Whether to read a datagram of DTLS, SRTP or SRTCP, which is not empty."""
        now = self._clock()
        wanted = self._wants(data, now)
        return self._taken(self._packets, "packets", now, 1.0, wanted=wanted)

    def allows_stun(self) -> bool:
        """The same for a STUN message."""
        return self._taken(self._packets, "packets", self._clock(), 1.0)

    def allows_chunks(self, count: int) -> bool:
        """Whether to read an SCTP packet with so many chunks and parameters."""
        return self._taken(self._chunks, "chunks", self._clock(), count)

    def allows_text(self) -> bool:
        """Whether to read a text of the data channel."""
        return self._taken(self._texts, "texts", self._clock(), 1.0)

    def _wants(self, data: bytes, now: float) -> bool:
        first = data[0]
        if first in RTP:
            if len(data) < RTP_HEADER:
                return False
            if data[1] in RTCP_TYPES:
                return self._knows(data[4:8]) and self._rtcp.take(now, len(data)) == 0.0
            return self._knows(data[8:12])
        return first in DTLS and self._records.take(now) == 0.0

    def _knows(self, source: bytes) -> bool:
        if source in self._sources:
            return True
        if len(self._sources) >= MAX_SOURCES:
            return False
        self._sources.add(source)
        return True

    def _taken(self, budget: Budget, what: str, now: float, amount: float, *, wanted: bool = True) -> bool:
        taken = budget.take(now, amount, wanted=wanted)
        if not taken:
            self.refused[what] += 1
        if budget.flooded and self.flooded is None:
            self.flooded = what
            self._on_flood(what)
        return taken
