"""Incoming sound: decoded frames become 16 kHz mono samples on the media timeline."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from livehead.core.media import SAMPLE_RATE, Pcm

QUEUE = 250
"""Sounds that may wait for the session, about 5 s. Past it the oldest is dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """``pcm`` is placed at sample ``start`` of the media timeline; ``arrived`` is the monotonic time, in seconds,
    at which its packet came in."""

    start: int
    pcm: Pcm
    arrived: float


class Sounds:
    """The queue between the ingest and the session: an async iterator that ends with the peer."""

    def __init__(self, size: int = QUEUE) -> None:
        self.dropped = 0
        self._items: deque[Sound] = deque(maxlen=size)
        self._ready = asyncio.Event()
        self._ended = False

    def put(self, sound: Sound) -> None:
        self.dropped += len(self._items) == self._items.maxlen
        self._items.append(sound)
        self._ready.set()

    def end(self) -> None:
        self._ended = True
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[Sound]:
        return self

    async def __anext__(self) -> Sound:
        while not self._items:
            if self._ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()


class Ingest:
    def __init__(self, sounds: Sounds) -> None:
        self.last_media: float | None = None
        self._sounds = sounds
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
        self._next = 0

    async def listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.last_media = time.monotonic()
            if not isinstance(frame, av.AudioFrame):
                continue
            for out in self._resampler.resample(frame):
                pcm = out.to_ndarray()[0].copy()
                self._sounds.put(Sound(self._next, pcm, self.last_media))
                self._next += len(pcm)
