"""A request's body as it comes, bounded, and the end of its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Message, Receive

from livehead.errors import TooLargeError

MAX_BODY = 128 * 1000 * 1000
"""Bytes of a body: twice those of the largest upload that a server takes, so that it is the server that refuses one,
and says why."""

MAX_OPENING = 256 * 1024
"""Bytes of the body of an offer, which is kept until a replica has taken it."""


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class RequestBody:
    """Read once, by :meth:`read_opening`, :meth:`chunks`, or one after the other."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[bytes] = []
        self._size = 0
        self._ended = asyncio.Event()
        self.begun = False
        """Whether some of it went on to a replica."""

    async def read_opening(self) -> bytes | None:
        """All of it, and :meth:`chunks` gives it again, any number of times; None where it is larger than an offer is,
        and goes to one replica alone. Raises ClientGone."""
        while not self._ended.is_set() and self._size <= MAX_OPENING:
            self._kept.append(await self._next())
        return b"".join(self._kept) if self._ended.is_set() else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises ClientGone, and TooLargeError."""
        whole = self._ended.is_set()
        self.begun = not whole
        for each in self._kept:
            yield each
        if not whole:
            self._kept = []
        while not self._ended.is_set():
            yield await self._next()

    async def left(self) -> None:
        """Returns when the client is gone. To be awaited while the body is passed on: it waits for its end."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> bytes:
        message: Message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        self._size += len(chunk)
        if self._size > MAX_BODY:
            raise TooLargeError(f"The body is larger than {MAX_BODY // 1000 // 1000} MB, and no request needs as much.")
        if not message.get("more_body", False):
            self._ended.set()
        return chunk
