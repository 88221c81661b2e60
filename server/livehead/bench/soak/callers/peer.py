"""A caller's or a viewer's peer connection. It asks for what it misses, as browsers do, and decodes only if told to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.bench.latency.freezes import frozen
from livehead.bench.latency.impairment import Impairment
from livehead.bench.latency.recorders.audio_recorder import AudioRecorder
from livehead.bench.latency.recorders.recording import DecodedFrame, Recording
from livehead.bench.latency.recorders.recording_receiver import RecordingReceiver
from livehead.bench.latency.recorders.video_recorder import VideoRecorder
from livehead.bench.soak.callers.reports import Still
from livehead.client.call.microphone import Microphone
from livehead.errors import LiveheadError
from livehead.media.peer.aiortc_parts import reach_loopback
from livehead.media.rtp.receiver import Receiver

CLOSE_S = 5.0


class Peer:
    """Receives video, and audio where there is any. With ``decode`` it reads the test pattern and hears the voice.
    ``recording`` is what came; ``closed`` is set when the connection has ended."""

    def __init__(
        self,
        servers: list[RTCIceServer],
        microphone: Microphone | None,
        *,
        decode: bool = False,
        loss: float = 0.0,
        jitter_ms: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.recording = Recording()
        self.connected = asyncio.Event()
        self.live = asyncio.Event()
        self.closed = asyncio.Event()
        self._microphone = microphone
        self._impairment = Impairment(loss, jitter_ms, seed)
        self._pc = RTCPeerConnection(RTCConfiguration(servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        if microphone is not None:
            self._pc.addTrack(microphone)
        else:
            self._pc.addTransceiver("audio", direction="recvonly")
        self._pc.addTransceiver("video", direction="recvonly")
        audio, video = self._pc.getTransceivers()
        if decode:
            _equip(audio, AudioRecorder(audio.receiver.transport, self.recording))
            _equip(video, VideoRecorder(video.receiver.transport, self.recording, self.live.set))
        else:
            _equip(audio, Receiver("audio", audio.receiver.transport, _ignore))
            _equip(video, _FrameCounter(video.receiver.transport, self.recording, self.live.set))
        self._channel = self._pc.createDataChannel("livehead")
        self._pc.on("connectionstatechange", self._on_state)
        reach_loopback(self._pc)

    async def offer(self) -> str:
        await self._pc.setLocalDescription(await self._pc.createOffer())
        self._impairment.install(self._pc)
        return str(self._pc.localDescription.sdp)

    async def accept(self, answer: str, within: float) -> None:
        """Returns with the first frame. Raises LiveheadError where none comes within so many seconds."""
        await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        closed = asyncio.create_task(self.closed.wait(), name="closed")
        live = asyncio.create_task(self.live.wait(), name="live")
        try:
            await asyncio.wait({live, closed}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            live.cancel()
            closed.cancel()
        if not self.live.is_set():
            state = "connected, but no frame came" if self.connected.is_set() else f"ICE {self._pc.iceConnectionState}"
            ended = "the connection ended" if self.closed.is_set() else f"not within {within:g} s"
            raise LiveheadError(f"no picture: {state}; {ended}")

    def check(self) -> None:
        """Raises LiveheadError where the connection has ended by itself."""
        if self.closed.is_set():
            raise LiveheadError("the server ended the call")

    def stills(self) -> list[Still]:
        """When the picture stood still, by the frames that came."""
        return [Still(begins, ends) for begins, ends in frozen([each.decoded for each in self.recording.frames])]

    def watched_s(self) -> float:
        """Seconds from the first frame to the last."""
        frames = self.recording.frames
        return frames[-1].decoded - frames[0].decoded if frames else 0.0

    async def close(self) -> None:
        """Twice is once."""
        if self._microphone is not None:
            self._microphone.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._pc.close()

    async def drop(self) -> None:
        """As if the machine were gone: the sockets are closed, and nobody is told. aiortc has no such thing, so the
        ICE connection below it is taken away first."""
        ice: Any = self._pc.getTransceivers()[0].receiver.transport.transport
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await ice._connection.close()
        await self.close()

    def _on_state(self) -> None:
        if self._pc.connectionState == "connected":
            self.connected.set()
        elif self._pc.connectionState in ("closed", "failed"):
            self.closed.set()


class _FrameCounter(VideoRecorder):
    """Notes when each frame was complete, and leaves it at that."""

    def _decode_soon(self, packets: list[RtpPacket], arrived: float) -> None:
        self._keep(DecodedFrame(self._timestamps(packets[0].timestamp), arrived, time.monotonic(), None, None))


def _equip(transceiver: RTCRtpTransceiver, receiver: RecordingReceiver | Receiver) -> None:
    receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
    transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]


def _ignore(packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
    """Nobody listens."""
