"""The small queue between the playout, the encoders and an outgoing track."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from aiortc.mediastreams import MediaStreamError

QUEUE = 3
"""TickQueue that may wait to be encoded: 120 ms. Past that the oldest is dropped."""

Item = TypeVar("Item")


class TickQueue(Generic[Item]):
    """A small queue of ticks. ``put`` never blocks; when it is full the oldest goes.

    Until :meth:`open`, and again after :meth:`close`, nothing is taken, and only the newest tick is kept.
    """

    def __init__(self, size: int = QUEUE) -> None:
        self.dropped = 0
        self._items: deque[tuple[int, Item]] = deque()
        self._size = size
        self._last = -1
        self._open = False
        self._ready = asyncio.Event()
        self._ended: Exception | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether the next tick drops the oldest."""
        return len(self._items) >= self._size

    def put(self, index: int, item: Item) -> bool:
        """Append tick ``index``. One that does not come after the last is ignored: timestamps only rise."""
        if self._ended or index <= self._last:
            return False
        self._last = index
        if not self._open:
            self._items.clear()
        elif self.full:
            self._items.popleft()
            self.dropped += 1
        self._items.append((index, item))
        self._ready.set()
        return True

    def drop_all(self) -> None:
        """Drop what waits."""
        self.dropped += len(self._items)
        self._items.clear()

    def clear(self) -> None:
        """Take out what waits; it does not count as dropped."""
        self._items.clear()

    def open(self) -> None:
        """From now on ticks are taken."""
        self._open = True

    def close(self) -> None:
        """Nobody takes them any more."""
        self._open = False
        self._items.clear()

    def end(self, error: Exception | None = None) -> None:
        """For ever. :meth:`get` raises ``error`` from now on, or ``MediaStreamError`` where there is none."""
        self._ended = self._ended or error or MediaStreamError()
        self._items.clear()
        self._ready.set()

    async def get(self) -> tuple[int, Item]:
        """The oldest tick; raises after the end."""
        while not self._items:
            if self._ended:
                raise self._ended
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()
