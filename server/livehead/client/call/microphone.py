"""The microphone of a call: what it is given is played in real time, and silence while there is nothing."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from livehead.client.speech.samples import Speech, pieces

RATE = 48_000
PACKET = RATE // 50
"""Samples of a packet: 20 ms, as browsers send them."""

PIECE_S = 0.1
MOST = 10 * PACKET
"""Samples that may wait to be played; who gives more waits."""

BEHIND_S = 0.2
"""After a pause of the process that was longer, what should have been sent meanwhile is not made up for."""


class Microphone(MediaStreamTrack):
    """A track for aiortc. :meth:`play` is for one speaker at a time; others wait for their turn."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._samples: NDArray[np.int16] = np.zeros(0, np.int16)
        self._packets = 0
        self._due = 0.0
        self._turn = asyncio.Lock()
        self._taken = asyncio.Event()

    async def play(self, speech: Speech, rate: int) -> None:
        """Wait until all of it has been sent, or the call has ended."""
        async with self._turn:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            parts = pieces(speech, rate, PIECE_S)
            try:
                async for data in parts:
                    frame = av.AudioFrame.from_ndarray(np.frombuffer(data, "<i2").reshape(1, -1), "s16", "mono")
                    frame.sample_rate = rate
                    await self._put(resampler.resample(frame), MOST)
                await self._put(resampler.resample(None), 0)
            finally:
                await parts.aclose()

    async def recv(self) -> av.AudioFrame:
        """The next packet when it is due; called by aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        if now - self._due > BEHIND_S:
            self._due = now
        await asyncio.sleep(self._due - now)
        packet = np.zeros((1, PACKET), np.int16)
        part, self._samples = self._samples[:PACKET], self._samples[PACKET:]
        packet[0, : len(part)] = part
        self._taken.set()
        frame = av.AudioFrame.from_ndarray(packet, format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._packets * PACKET
        frame.time_base = Fraction(1, RATE)
        self._packets += 1
        self._due += PACKET / RATE
        return frame

    def stop(self) -> None:
        super().stop()
        self._taken.set()

    async def _put(self, frames: list[av.AudioFrame], most: int) -> None:
        """Wait until at most so many samples are left to play."""
        self._samples = np.concatenate([self._samples, *(frame.to_ndarray()[0] for frame in frames)])
        while len(self._samples) > most and self.readyState == "live":
            self._taken.clear()
            await self._taken.wait()
