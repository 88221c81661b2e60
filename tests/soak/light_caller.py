"""A caller that costs little: it sends sound that was encoded before and counts pictures by their RTP timestamps."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from fractions import Fraction
from functools import cache
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.media.peer.aiortc_parts import use_receiver
from voice import sentence, silence
from waiting import patient

RATE = 48_000
PACKET = 960


@cache
def encoded_speech(share: float = 0.4) -> tuple[bytes, ...]:
    """Opus packets of 20 ms: three seconds of speech, and silence for as long as the others speak."""
    spoken = sentence()
    sound = np.concatenate([spoken, silence(spoken.size / 16_000 * (1 / share - 1))])
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = RATE, "mono", "s16", 32_000
    samples = (np.repeat(sound, RATE // 16_000) * 32767).astype(np.int16)
    packets: list[bytes] = []
    for start in range(0, samples.size - PACKET, PACKET):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + PACKET], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(packets)


class EncodedMicrophone(MediaStreamTrack):
    """Begins ``turn`` seconds into the conversation."""

    kind = "audio"

    def __init__(self, turn: float = 0.0) -> None:
        super().__init__()
        self._packets = encoded_speech()
        self._first = round(turn * RATE / PACKET)
        self._sent = 0
        self._began: float | None = None

    async def recv(self) -> av.Packet:
        if self.readyState != "live":
            raise MediaStreamError
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._sent * PACKET / RATE - time.monotonic()))
        packet = av.Packet(self._packets[(self._first + self._sent) % len(self._packets)])
        packet.pts, packet.time_base = self._sent * PACKET, Fraction(1, RATE)
        self._sent += 1
        return packet


class LightCaller:
    """``pictures`` are the times at which a new one came, ``figures`` what the server says each second. One that only
    looks has no ``microphone``."""

    def __init__(self, *, microphone: EncodedMicrophone | None = None, channel: bool = True) -> None:
        self.pictures: list[float] = []
        self.figures: list[dict[str, Any]] = []
        self.microphone = microphone
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._newest: int | None = None
        self._connected = asyncio.Event()
        self.peer.on("connectionstatechange", self._on_state)
        audio = self.peer.addTransceiver(microphone or "audio", "sendrecv" if microphone else "recvonly")
        video = self.peer.addTransceiver("video", direction="recvonly")
        use_receiver(audio, lambda packet, codec: None)
        use_receiver(video, self._on_packet)
        if channel:
            self.peer.createDataChannel("livehead").on("message", self._on_text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def accept(self, answer: str, within: float = 10.0) -> None:
        """Returns once it is connected."""
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with patient(within):
            await self._connected.wait()

    async def close(self) -> None:
        if self.microphone is not None:
            self.microphone.stop()
        await self.peer.close()

    def vanish(self) -> None:
        """Be gone without a word: from now on nothing is sent and nothing answered."""
        for transceiver in self.peer.getTransceivers():
            for protocol in transceiver.receiver.transport.transport.iceGatherer._connection._protocols:
                with contextlib.suppress(AttributeError):
                    protocol.transport.abort()

    def _on_state(self) -> None:
        if self.peer.connectionState == "connected":
            self._connected.set()

    def _on_packet(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        newer = self._newest is None or 0 < (packet.timestamp - self._newest) & 0xFFFFFFFF < 1 << 31
        if codec.name.lower() != "rtx" and newer:
            self._newest = packet.timestamp
            self.pictures.append(time.monotonic())

    def _on_text(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "stats":
            self.figures.append(message)
