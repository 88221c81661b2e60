"""A worse network than the real one, on the client's side: media packets are lost, delayed or rate-limited."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiortc import RTCPeerConnection

MEDIA = range(128, 192)
"""First bytes of RTP and RTCP packets (RFC 7983). Everything else passes untouched."""

QUEUE_S = 0.3
"""Length in seconds of the queue in front of the bottleneck. A packet that would wait longer is lost."""

HEADERS = 28
"""Bytes of the IPv4 and UDP headers that each packet takes besides its own."""


class Impairment:
    """Loses each packet with probability ``loss`` and delays each by 0 to ``jitter_ms``, both ways, so that packets
    overtake each other. With ``rate_kbit``, packets also pass a bottleneck of so many kilobits a second each way, one
    after another. ``lost`` and ``passed`` count packets."""

    def __init__(self, loss: float, jitter_ms: float, seed: int, rate_kbit: float | None = None) -> None:
        self.lost = self.passed = 0
        self._loss = loss
        self._jitter = jitter_ms / 1000
        self._byte_s = 0.008 / rate_kbit if rate_kbit else 0.0
        self._free = {"up": 0.0, "down": 0.0}  # when the bottleneck will be idle
        self._random = random.Random(seed)
        self._under_way: set[asyncio.Task[None]] = set()

    def install(self, pc: RTCPeerConnection) -> None:
        """Wrap the transports of a peer connection, before it connects. aiortc has no hook for that, so methods of
        these objects are replaced."""
        if not self._loss and not self._jitter and not self._byte_s:
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
        """``take`` receives a packet, and for RTP its arrival time in milliseconds."""

        async def through(data: bytes, arrival_time_ms: int | None = None) -> None:
            began = time.monotonic()

            def go() -> Awaitable[None]:
                if arrival_time_ms is None:
                    return take(data)
                return take(data, arrival_time_ms + round((time.monotonic() - began) * 1000))

            await self._pass("down", len(data), go)

        return through

    async def _pass(self, direction: str, size: int, go: Callable[[], Awaitable[None]]) -> None:
        wait = self._wait(direction, size)
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

    def _wait(self, direction: str, size: int) -> float | None:
        """Seconds until the bottleneck has sent this packet; None if its queue is full."""
        if not self._byte_s:
            return 0.0
        now = time.monotonic()
        begins = max(now, self._free[direction])
        if begins - now > QUEUE_S:
            return None
        self._free[direction] = begins + (size + HEADERS) * self._byte_s
        return self._free[direction] - now

    async def _later(self, seconds: float, go: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        try:
            await go()
        except ConnectionError:
            return  # the call has ended
