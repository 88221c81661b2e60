"""A worse network than the real one, on the client's own side: packets of media are lost or held up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiortc import RTCPeerConnection

MEDIA = range(128, 192)
"""First bytes of RTP and RTCP packets (RFC 7983); everything else passes untouched."""

QUEUE_S = 0.3
"""What a narrow line's queue holds. A packet that would have to wait longer is lost."""

HEADERS = 28
"""Octets of IPv4 and UDP that a packet takes on the line beside its own."""


class Impairment:
    """Loses each packet with the probability ``loss`` and holds each up by 0 to ``jitter_ms``, both ways, so packets
    overtake each other. Of ``rate_kbit`` kilobits a second each way, if it is given, packets take their share one after
    the other. ``lost`` and ``passed`` count."""

    def __init__(self, loss: float, jitter_ms: float, seed: int, rate_kbit: float | None = None) -> None:
        self.lost = self.passed = 0
        self._loss = loss
        self._jitter = jitter_ms / 1000
        self._octet_s = 0.008 / rate_kbit if rate_kbit else 0.0
        self._free = {"up": 0.0, "down": 0.0}  # when the line has sent all that it was given
        self._random = random.Random(seed)
        self._under_way: set[asyncio.Task[None]] = set()

    def install(self, pc: RTCPeerConnection) -> None:
        """Put it round a peer connection's transports; to be called before it connects. aiortc has no place for
        that, so methods of these very objects are replaced."""
        if not self._loss and not self._jitter and not self._octet_s:
            return
        for dtls in {each.receiver.transport for each in pc.getTransceivers()}:
            ice: Any = dtls.transport
            ice._send = self._outgoing(ice._send)
            dtls._handle_rtp_data = self._incoming(dtls._handle_rtp_data)  # type: ignore[method-assign]
            dtls._handle_rtcp_data = self._incoming(dtls._handle_rtcp_data)  # type: ignore[method-assign]

    def _outgoing(self, send: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        async def through(data: bytes) -> None:
            if not data or data[0] not in MEDIA:
                await send(data)
            else:
                await self._pass("up", len(data), lambda: send(data))

        return through

    def _incoming(self, take: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
        """``take`` gets a packet, and of RTP the time at which it came, in milliseconds."""

        async def through(data: bytes, arrival_time_ms: int | None = None) -> None:
            began = time.monotonic()

            def go() -> Awaitable[None]:
                if arrival_time_ms is None:
                    return take(data)
                return take(data, arrival_time_ms + round((time.monotonic() - began) * 1000))

            await self._pass("down", len(data), go)

        return through

    async def _pass(self, way: str, octets: int, go: Callable[[], Awaitable[None]]) -> None:
        wait = self._wait(way, octets)
        if wait is None or self._random.random() < self._loss:
            self.lost += 1
            return
        self.passed += 1
        if not self._jitter and not wait:
            await go()
            return
        task = asyncio.create_task(self._later(wait + self._random.uniform(0, self._jitter), go))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _wait(self, way: str, octets: int) -> float | None:
        """Seconds until the line has sent this packet; None where its queue is full."""
        if not self._octet_s:
            return 0.0
        now = time.monotonic()
        begins = max(now, self._free[way])
        if begins - now > QUEUE_S:
            return None
        self._free[way] = begins + (octets + HEADERS) * self._octet_s
        return self._free[way] - now

    async def _later(self, seconds: float, go: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        try:
            await go()
        except ConnectionError:
            return  # the call ended meanwhile
