"""All streams of the host: what workers say of them, and where they go when one comes or is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator

from livehead.engine.host.process import FramesArrived, WorkerEvent
from livehead.engine.host.stream import EngineStream
from livehead.engine.host.worker_life import WorkerLife
from livehead.engine.ipc.messages import Dropped, Opened, Refused, Rewound
from livehead.errors import LiveheadError

logger = logging.getLogger(__name__)

REOPEN_S = 5.0
"""Seconds between tries to open a live stream again where the worker is well but the stream was refused."""


class Streams:
    """``in_use`` and ``reserve`` say which workers there are now."""

    def __init__(self, in_use: Callable[[], WorkerLife | None], reserve: Callable[[], WorkerLife | None]) -> None:
        self._in_use = in_use
        self._reserve = reserve
        self._streams: dict[int, EngineStream] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[EngineStream]:
        return iter(list(self._streams.values()))

    def new_id(self) -> int:
        self._last += 1
        return self._last

    def add(self, stream: EngineStream) -> None:
        self._streams[stream.id] = stream

    def forget(self, stream: int) -> None:
        """It is closed."""
        self._streams.pop(stream, None)
        if (reserve := self._reserve()) is not None:
            reserve.close(stream)

    def answer(self, life: WorkerLife, event: WorkerEvent) -> None:
        """What the worker in use says of a stream."""
        match event:
            case FramesArrived(ready, frames):
                if stream := self._streams.get(ready.stream):
                    stream.deliver(ready, frames)
            case Dropped():
                if stream := self._streams.get(event.stream):
                    stream.drop(event.epoch, event.k, event.hop, event.reason)
            case Opened():
                if stream := self._streams.get(event.stream):
                    stream.confirm(event.shown_k)
                    self._prepare(stream)
            case Rewound():
                if stream := self._streams.get(event.stream):
                    stream.observer.on_rewound(event.shown_k)
            case Refused():
                if (stream := self._streams.get(event.stream)) and not stream.refuse(event.error):
                    self._try_again(life, stream, event.error)

    def attach(self, life: WorkerLife) -> None:
        """A worker is there, and nobody has made their frames meanwhile."""
        for stream in self:
            stream.attach(life.process.outbox)

    def detach(self, reason: str) -> None:
        """There is no worker."""
        for stream in self:
            stream.detach(reason)

    def blame(self, under_way: Collection[int]) -> None:
        """A worker was lost in a call for these."""
        for stream in [self._streams[each] for each in under_way if each in self._streams]:
            if stream.blame(alone=len(under_way) == 1):
                logger.error("stream %d is given up: workers are lost in its steps", stream.id)
                self.forget(stream.id)

    def prepare(self) -> None:
        """The worker in reserve is ready: what is live is to be open there, too."""
        for stream in self:
            self._prepare(stream)

    def go_on(self, life: WorkerLife, lost: WorkerLife) -> None:
        """A worker that was in reserve takes over. Those streams go on first whose frames are missed first, and all
        before any is stepped: they share steps then. What a worker was stuck in is not tried again."""
        for gone in [each for each in life.streams if each not in self._streams]:
            life.close(gone)
        for stream in sorted(self, key=lambda each: each.due):
            stream.go_on(life.process.outbox, opened=life.streams.get(stream.id))
        for stream in sorted(self, key=lambda each: each.due):
            stream.submit_again("down" if lost.stuck else None)

    def _prepare(self, stream: EngineStream) -> None:
        """A film has no place in reserve: it is begun again when it is lost."""
        reserve = self._reserve()
        if reserve is None or reserve.ready is None or stream.id in reserve.streams:
            return
        if stream.opened.done() and not stream.background:
            reserve.open(stream.opening)

    def _try_again(self, life: WorkerLife, stream: EngineStream, error: LiveheadError) -> None:
        """A live stream could not be opened again. That may pass: out of memory, say."""
        logger.error("stream %d cannot be opened again: %s; next try in %.0f s", stream.id, error, REOPEN_S)
        stream.detach(str(error))

        def attach() -> None:
            if life is self._in_use() and stream.id in self._streams:
                stream.attach(life.process.outbox)

        asyncio.get_running_loop().call_later(REOPEN_S, attach)
