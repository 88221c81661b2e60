"""The samples of one segment, on their way from the agent to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

CAPACITY = 500
"""Frames that may wait for the server, 10 s or more; past it :meth:`Feed.put` waits."""


class Feed:
    """PCM16LE as an asynchronous iterator that ends with :meth:`end`, or at once with :meth:`close`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(CAPACITY)
        self._closed = False

    async def put(self, pcm: bytes) -> None:
        """More samples. They are dropped after :meth:`close`."""
        if not self._closed:
            await self._queue.put(pcm)

    async def end(self) -> None:
        """There are no more."""
        if not self._closed:
            await self._queue.put(None)

    def close(self) -> None:
        """Drop what waits. Whoever waits to put something more goes on."""
        self._closed = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (pcm := await self._queue.get()) is not None and not self._closed:
            yield pcm
