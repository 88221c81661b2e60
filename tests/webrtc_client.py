"""An aiortc client for the tests, in the same process, over the loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from livehead.core.frame import Frame
from livehead.media.peer.peer import Peer
from waiting import patient


def silence(n: int) -> np.ndarray:
    return np.zeros(960, np.float32)


class Mic(MediaStreamTrack):
    """Real-time 48 kHz audio; ``signal(n)`` gives the 960 samples of 20 ms frame n."""

    kind = "audio"

    def __init__(self, signal: Callable[[int], np.ndarray] = silence) -> None:
        super().__init__()
        self.signal = signal
        self.n = 0
        self.start: float | None = None

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self.start is None:
            self.start = loop.time()
        await asyncio.sleep(max(0.0, self.start + self.n * 0.02 - loop.time()))
        samples = (self.signal(self.n) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.n * 960, Fraction(1, 48000)
        self.n += 1
        return frame


@contextlib.asynccontextmanager
async def client() -> AsyncIterator[RTCPeerConnection]:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        yield pc
    finally:
        await pc.close()


async def connect(peer: Peer, pc: RTCPeerConnection, change: Callable[[str], str] = lambda sdp: sdp) -> str:
    """Exchange offer and answer and wait for the connection; gives the answer."""
    await pc.setLocalDescription(await pc.createOffer())
    answer = await peer.answer(change(pc.localDescription.sdp))
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with patient(10):
        await peer.connected.wait()
    return answer


def grey(value: int, size: int = 64) -> Frame:
    return Frame(np.full((size * 3 // 2, size), value, np.uint8))
