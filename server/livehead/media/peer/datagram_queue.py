"""The queue between a call's UDP ports and DTLS."""

from __future__ import annotations

import asyncio
from collections import deque

from livehead.turns import media_turns, turns

MAX_DATAGRAMS = 256
MAX_OCTETS = 256 * 1024
"""It fills before the handshake begins, and where the event loop is late."""

Item = tuple[bytes, int]

HANDSHAKE = (b"\x14", b"\x16")
"""The first byte of what belongs to a DTLS handshake (RFC 7983, RFC 6347 section 4.1): it costs a signature or two."""


class DatagramQueue:
    """Takes the place of aioice's ``asyncio.Queue`` of datagrams with their component, which has no bound. When it is
    full the newest goes, as in a socket. ``None``, the end of the connection, always fits. For one reader."""

    def __init__(self) -> None:
        self._items: deque[Item | None] = deque()
        self._octets = 0
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def octets(self) -> int:
        """Of all datagrams that wait."""
        return self._octets

    def put_nowait(self, item: Item | None) -> bool:
        """``False`` where there was no room, and the item is dropped."""
        if item is not None:
            size = len(item[0])
            if len(self._items) >= MAX_DATAGRAMS or self._octets + size > MAX_OCTETS:
                return False
            self._octets += size
        self._items.append(item)
        self._ready.set()
        return True

    async def get(self) -> Item | None:
        """The oldest. Nothing is lost where this is cancelled."""
        while not self._items:
            self._ready.clear()
            await self._ready.wait()
        first = self._items[0]
        handshake = first is not None and first[0][:1] in HANDSHAKE
        await (turns() if handshake else media_turns()).take()
        item = self._items.popleft()
        if item is not None:
            self._octets -= len(item[0])
        return item
