"""The outgoing tracks. Both are paced by the playout: one tick is one picture and 40 ms of sound."""

from __future__ import annotations

import asyncio
from collections import deque
from fractions import Fraction
from typing import Generic, TypeVar

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from livehead.core.media import BLOCK_SAMPLES, SAMPLE_RATE, Pcm, Picture

QUEUE = 4
"""Ticks that may wait to be encoded: 160 ms. Past it the oldest is dropped."""

Item = TypeVar("Item")


class Ticks(Generic[Item]):
    """A small queue between the playout and a track. ``put`` never blocks; when it is full the oldest goes."""

    def __init__(self, size: int = QUEUE) -> None:
        self.dropped = 0
        self._items: deque[tuple[int, Item]] = deque()
        self._size = size
        self._last = -1
        self._ready = asyncio.Event()
        self._ended = False

    def put(self, index: int, item: Item) -> None:
        """Hand over tick ``index``. One that is not after the last is ignored: time stamps only rise."""
        if self._ended or index <= self._last:
            return
        self._last = index
        if len(self._items) >= self._size:
            self._items.popleft()
            self.dropped += 1
        self._items.append((index, item))
        self._ready.set()

    def end(self) -> None:
        self._ended = True
        self._ready.set()

    async def get(self) -> tuple[int, Item]:
        """The oldest tick; raises ``MediaStreamError`` after the end."""
        while not self._items:
            if self._ended:
                raise MediaStreamError
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()


class PictureTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.ticks: Ticks[Picture] = Ticks()

    async def recv(self) -> av.VideoFrame:
        index, picture = await self.ticks.get()
        frame = av.VideoFrame.from_ndarray(picture.i420, format="yuv420p")
        frame.pts = index * 3600
        frame.time_base = Fraction(1, 90_000)
        return frame

    def stop(self) -> None:
        self.ticks.end()
        super().stop()


class VoiceTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.ticks: Ticks[Pcm] = Ticks()

    async def recv(self) -> av.AudioFrame:
        index, pcm = await self.ticks.get()
        samples = (np.clip(pcm, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.pts = index * BLOCK_SAMPLES
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        return frame

    def stop(self) -> None:
        self.ticks.end()
        super().stop()
