"""One utterance of the bot, while its audio still comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from livehead.client import Playback

WAITING = 1024
"""Pieces of audio that may wait to be sent. The server takes up to a minute ahead of what is spoken; past both the
pipeline waits."""

LOOK_S = 0.5
"""How often is looked, while the pipeline waits, whether anybody still takes the audio."""


class Utterance:
    """Audio goes in with :meth:`put` and out with :meth:`pieces`, PCM16LE mono of ``rate`` Hz. ``playback`` is set by
    whoever lets it be spoken."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.playback: Playback | None = None
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)

    @property
    def done(self) -> bool:
        """Whether it was spoken to its end, or cut short."""
        return self.playback is not None and self.playback.done

    async def put(self, audio: bytes, channels: int) -> None:
        """Interleaved PCM16LE; channels are mixed to one."""
        await self._put(audio if channels == 1 else _mix(audio, channels))

    async def end(self) -> None:
        """That was all of it."""
        await self._put(None)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """For one reader."""
        while (piece := await self._queue.get()) is not None:
            yield piece

    async def _put(self, piece: bytes | None) -> None:
        while not self.done:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._queue.put(piece)
            except TimeoutError:
                continue
            return


def _mix(audio: bytes, channels: int) -> bytes:
    samples = np.frombuffer(audio, "<i2")
    whole = samples[: len(samples) - len(samples) % channels].reshape(-1, channels)
    return bytes(whole.mean(axis=1).round().astype("<i2").tobytes())
