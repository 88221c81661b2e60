"""Who speaks: what a session's events are, and the queues that they are read from."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias
from weakref import WeakSet

from livehead.core.messages.from_server import AvatarActivity, UserActivity

CallStateName: TypeAlias = Literal["connecting", "live", "reconnecting", "closed"]


@dataclass(frozen=True, slots=True)
class CallState:
    """A call was lost and reconnects, or is live again."""

    state: CallStateName


Event: TypeAlias = UserActivity | AvatarActivity | CallState

CAPACITY = 256
"""Events that may wait for one reader; then the oldest are dropped."""


class EventStream:
    """An asynchronous iterator over the events since it was made. It stops when the session ends."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque(maxlen=CAPACITY)
        self._over = False
        self._error: Exception | None = None
        self._news = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def put(self, event: Event) -> None:
        self._waiting.append(event)
        self._news.set()

    def end(self, error: Exception | None) -> None:
        self._over, self._error = True, error
        self._news.set()


class Events:
    """Hands every event to every stream that somebody still holds."""

    def __init__(self) -> None:
        self._streams: WeakSet[EventStream] = WeakSet()
        self._over = False
        self._error: Exception | None = None

    def subscribe(self) -> EventStream:
        stream = EventStream()
        if self._over:
            stream.end(self._error)
        else:
            self._streams.add(stream)
        return stream

    def put(self, event: Event) -> None:
        for stream in list(self._streams):
            stream.put(event)

    def end(self, error: Exception | None = None) -> None:
        """No more will come: streams stop behind what waits, or raise ``error``. Twice is once."""
        if not self._over:
            self._over, self._error = True, error
            for stream in list(self._streams):
                stream.end(error)
