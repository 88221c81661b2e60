"""The senders that are compared, each a context manager: it answers an offer and sends the clip until it exits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import get_encoder
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from numpy.typing import NDArray

from livehead.bench.media.clip import babble, back_and_forth
from livehead.bench.media.encoders import TICK, ours
from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.media.peer.aiortc_parts import prefer, reach_loopback, use_sender
from livehead.media.peer.peer import Peer
from livehead.media.rtp.clock import MediaClock
from livehead.media.rtp.track import PacedTrack, RtpPayloads
from livehead.media.video.encoder import CLOCK_RATE, TIME_BASE


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One call: I420 frames ``(n, height * 3 // 2, width)``, forwards and backwards, in ``codec`` at ``bitrate`` bits a
    second, sent to the author of ``offer``."""

    frames: NDArray[np.uint8]
    codec: str
    bitrate: int
    offer: str

    def order(self) -> Iterator[int]:
        """Indices of the frames to send, without end."""
        cycle = back_and_forth(len(self.frames), 2 * len(self.frames) - 2)
        while True:
            yield from cycle


class Sender(Protocol):
    """Yields the SDP answer; sending ends with the context."""

    def __call__(self, call: CallSpec) -> AbstractAsyncContextManager[str]: ...


class Pacer:
    """A tick every 40 ms. Late ticks are made up for; none is left out."""

    def __init__(self) -> None:
        self._due: float | None = None

    async def wait(self) -> None:
        now = time.monotonic()
        self._due = now if self._due is None else self._due + BLOCK_S
        await asyncio.sleep(max(0.0, self._due - now))


@asynccontextmanager
async def livehead(call: CallSpec) -> AsyncIterator[str]:
    """A session's own peer, frames only."""
    async with _livehead(call, voice=False) as answer:
        yield answer


@asynccontextmanager
async def livehead_with_voice(call: CallSpec) -> AsyncIterator[str]:
    """A session's own peer, with the audio that a session sends beside the frames."""
    async with _livehead(call, voice=True) as answer:
        yield answer


@asynccontextmanager
async def _livehead(call: CallSpec, *, voice: bool) -> AsyncIterator[str]:
    audio = babble(len(call.frames) * BLOCK_S).reshape(-1, BLOCK_SAMPLES)

    async def feed() -> None:
        pacer = Pacer()
        await peer.connected.wait()
        for index, n in enumerate(call.order()):
            await pacer.wait()
            peer.send_frame(Frame(call.frames[n]), index)
            peer.send_audio(audio[index % len(audio)], index)

    async with Peer(voice=voice) as peer:
        answer = await peer.answer(call.offer)
        task = asyncio.create_task(feed(), name="feed")
        try:
            yield answer
        finally:
            await _end(task)


@asynccontextmanager
async def stock(call: CallSpec) -> AsyncIterator[str]:
    """aiortc's own sender and encoder, frames only."""
    async with _connection() as pc:
        pc.addTrack(_Frames(call))
        yield await _answer(pc, call.offer)


@asynccontextmanager
async def stored(call: CallSpec) -> AsyncIterator[str]:
    """The floor: Livehead's sender with frames that were encoded beforehand."""
    encode, _ = ours(call.codec, call.frames.shape[2])
    encoded = [encode(frame, n, call.bitrate) for n, frame in enumerate(call.frames)]
    async with _connection() as pc:
        track = _Stored(encoded)
        transceiver = pc.addTransceiver(track, "sendonly")
        use_sender(transceiver, track, MediaClock(), lambda: None)
        prefer(transceiver, [call.codec])
        yield await _answer(pc, call.offer)


class _Frames(MediaStreamTrack):
    kind = "video"

    def __init__(self, call: CallSpec) -> None:
        super().__init__()
        self._call = call
        self._order = enumerate(call.order())
        self._pacer = Pacer()

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        await self._pacer.wait()
        index, n = next(self._order)
        raw = av.VideoFrame.from_ndarray(self._call.frames[n], format="yuv420p")
        raw.pts, raw.time_base = index * TICK, TIME_BASE
        return raw


class _Stored(PacedTrack):
    """Sends encoded frames in any order: nobody decodes them."""

    kind = "video"
    rate = CLOCK_RATE

    def __init__(self, encoded: list[bytes]) -> None:
        super().__init__()
        self._frames = encoded[1:]  # the keyframe at the beginning would come again and again
        self._payloads: list[list[bytes]] = []
        self._index = -1
        self._pacer = Pacer()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        packer = get_encoder(codec)
        for n, data in enumerate(self._frames):
            packet = av.Packet(data)
            packet.pts, packet.time_base = n * TICK, TIME_BASE
            self._payloads.append(packer.pack(packet)[0])

    async def next_payloads(self) -> RtpPayloads:
        if self.readyState != "live":
            raise MediaStreamError
        await self._pacer.wait()
        self._index += 1
        return RtpPayloads(self._payloads[self._index % len(self._payloads)], self._index * TICK, marked=True)


@asynccontextmanager
async def _connection() -> AsyncIterator[RTCPeerConnection]:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        yield pc
    finally:
        await pc.close()


async def _answer(pc: RTCPeerConnection, offer: str) -> str:
    await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    reach_loopback(pc)
    await pc.setLocalDescription(await pc.createAnswer())
    return str(pc.localDescription.sdp)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
