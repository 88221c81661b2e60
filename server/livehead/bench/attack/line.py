"""The attacker's line to the server: what one client could send, and no more."""

from __future__ import annotations

import asyncio
import time

HEADERS = 66
"""Bytes that a packet takes on Ethernet besides its payload: gap, preamble, Ethernet, IPv4 and UDP; those of TCP are
12 more."""

LEAST = 84
"""Bytes of the smallest packet on Ethernet, with the gap before it."""

PAYLOAD = 1460
"""Bytes of a full segment of TCP."""

AHEAD_S = 0.005
"""How far ahead of the line one may send before one waits."""


class Line:
    """Passes ``mbit`` megabits a second. ``sent`` counts bytes of payload."""

    def __init__(self, mbit: float) -> None:
        self.sent = 0
        self._byte_s = 8e-6 / mbit
        self._free = 0.0

    async def take(self, size: int, packets: int | None = None) -> None:
        """Wait until ``size`` bytes of payload may be sent, in so many packets; None is as few as possible. Always
        gives the other tasks a turn."""
        packets = packets or max(1, -(-size // PAYLOAD))
        now = time.monotonic()
        self.sent += size
        self._free = max(now, self._free) + max(size + packets * HEADERS, packets * LEAST) * self._byte_s
        ahead = self._free - now
        await asyncio.sleep(ahead if ahead > AHEAD_S else 0)
