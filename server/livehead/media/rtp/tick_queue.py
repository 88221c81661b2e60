"""The small queue between the playout and an outgoing track."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from aiortc.mediastreams import MediaStreamError

QUEUE = 3
"""TickQueue that may wait to be encoded: 120 ms. Past that the oldest is dropped."""

Item = TypeVar("Item")


class TickQueue(Generic[Item]):
    """A small queue between the playout and a track. ``put`` never blocks; when it is full the oldest goes.

    Until :meth:`open` nothing is sent, and only the newest tick is kept.
    """

    def __init__(self, size: int = QUEUE) -> None:
        self.dropped = 0
        self._items: deque[tuple[int, Item]] = deque()
        self._size = size
        self._last = -1
        self._open = False
        self._ready = asyncio.Event()
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, index: int, item: Item) -> bool:
        """Append tick ``index``. One that does not come after the last is ignored: timestamps only rise."""
        if self._ended or index <= self._last:
            return False
        self._last = index
        if not self._open:
            self._items.clear()
        elif len(self._items) >= self._size:
            self._items.popleft()
            self.dropped += 1
        self._items.append((index, item))
        self._ready.set()
        return True

    def open(self) -> None:
        """From now on ticks are taken."""
        self._open = True

    def end(self) -> None:
        self._ended = True
        self._items.clear()
        self._ready.set()

    async def get(self) -> tuple[int, Item]:
        """The oldest tick; raises ``MediaStreamError`` after the end."""
        while not self._items:
            if self._ended:
                raise MediaStreamError
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()
