"""A peer on the loopback, with aiortc as the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from livehead.core.media import Picture
from livehead.media.peer import Peer


class Mic(MediaStreamTrack):
    """Real-time 48 kHz sound; ``signal`` gives the samples of one 20 ms frame from its number."""

    kind = "audio"

    def __init__(self, signal=lambda n: np.zeros(960, np.float32)) -> None:
        super().__init__()
        self.signal = signal
        self.n = 0
        self.start: float | None = None

    async def recv(self) -> av.AudioFrame:
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


async def connect(peer: Peer, pc: RTCPeerConnection) -> None:
    await pc.setLocalDescription(await pc.createOffer())
    answer = await peer.answer(pc.localDescription.sdp)
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(10):
        await peer.connected.wait()


def grey(value: int) -> Picture:
    return Picture(np.full((96, 64), value, np.uint8))


async def test_pictures_go_out_and_sound_comes_in() -> None:
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        video = pc.getReceivers()[1]
        await connect(peer, pc)
        sound = await anext(peer.sound)
        assert sound.start == 0
        assert sound.pcm.dtype == np.float32
        for index in range(15):
            peer.show(grey(80), index)
            await asyncio.sleep(0.04)
        frame = await asyncio.wait_for(video.track.recv(), 5)
        assert (frame.width, frame.height) == (64, 64)
