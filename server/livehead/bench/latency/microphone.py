"""A microphone that plays a stimulus in real time."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from livehead.bench.latency.stimulus import RATE, Stimulus

PACKET = RATE // 50
"""Samples of a packet: 20 ms, as browsers send them."""


class Microphone(MediaStreamTrack):
    """Packet n holds the samples of its 20 ms, so it is handed over when they are past and not before.

    ``began`` is the time of the first sample, in monotonic seconds; 0 until the call is connected.
    """

    kind = "audio"

    def __init__(self, stimulus: Stimulus) -> None:
        super().__init__()
        self.began = 0.0
        self._stimulus = stimulus
        self._packets = 0

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if not self._packets:
            self.began = time.monotonic()
        due = self.began + (self._packets + 1) * PACKET / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        pcm = self._stimulus.packet(self._packets, PACKET)
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._packets * PACKET
        frame.time_base = Fraction(1, RATE)
        self._packets += 1
        return frame
