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


class Link:
    """Loses each packet with the probability ``loss`` and holds each up by 0 to ``jitter_ms``, both ways, so packets
    overtake each other. ``lost`` and ``passed`` count."""

    def __init__(self, loss: float, jitter_ms: float, seed: int) -> None:
        self.lost = self.passed = 0
        self._loss = loss
        self._jitter = jitter_ms / 1000
        self._random = random.Random(seed)
        self._under_way: set[asyncio.Task[None]] = set()

    def install(self, pc: RTCPeerConnection) -> None:
        """Put it round a peer connection's transports; to be called before it connects. aiortc has no place for
        that, so methods of these very objects are replaced."""
        if not self._loss and not self._jitter:
            return
        for dtls in {each.receiver.transport for each in pc.getTransceivers()}:
            ice: Any = dtls.transport
            ice._send = self._outgoing(ice._send)
            dtls._handle_rtp_data = self._incoming(dtls._handle_rtp_data)  # type: ignore[method-assign,assignment]

    def _outgoing(self, send: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        async def through(data: bytes) -> None:
            if not data or data[0] not in MEDIA:
                await send(data)
            else:
                await self._pass(lambda: send(data))

        return through

    def _incoming(
        self, take: Callable[[bytes, int], Coroutine[Any, Any, None]]
    ) -> Callable[[bytes, int], Coroutine[Any, Any, None]]:
        async def through(data: bytes, arrival_time_ms: int) -> None:
            began = time.monotonic()
            await self._pass(lambda: take(data, arrival_time_ms + round((time.monotonic() - began) * 1000)))

        return through

    async def _pass(self, go: Callable[[], Awaitable[None]]) -> None:
        if self._random.random() < self._loss:
            self.lost += 1
            return
        self.passed += 1
        if not self._jitter:
            await go()
            return
        task = asyncio.create_task(self._later(self._random.uniform(0, self._jitter), go))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _later(self, seconds: float, go: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        try:
            await go()
        except ConnectionError:
            return  # the call ended meanwhile
