"""A call of the attacker's own: a peer that connects like any other, and then can send whatever it likes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import numpy as np
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.bench.attack.line import Line
from livehead.bench.attack.wire import RefusedError, Target, Wire
from livehead.bench.latency.microphone import Microphone
from livehead.bench.latency.stimulus import Stimulus
from livehead.media.peer.aiortc_parts import reach_loopback
from livehead.media.rtp.receiver import Receiver

CONNECT_S = 10.0
CLOSE_S = 2.0


class OwnCall:
    """``session`` is its id once it is accepted."""

    def __init__(self) -> None:
        self.session = ""
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.channel: RTCDataChannel
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @property
    def dtls(self) -> RTCDtlsTransport:
        transport: RTCDtlsTransport = self._pc.getTransceivers()[0].receiver.transport
        return transport

    @property
    def ssrc(self) -> int:
        """Of the audio that is sent."""
        return int(self._pc.getTransceivers()[0].sender._ssrc)

    async def offer(self) -> str:
        pc = self._pc
        microphone = Microphone(Stimulus(np.zeros(0, np.int16)))
        pc.addTrack(microphone)
        pc.addTransceiver("video", direction="recvonly")
        for each in pc.getTransceivers():
            receiver = Receiver(each.kind, each.receiver.transport, _ignore)
            receiver._set_rtcp_ssrc(each.sender._ssrc)
            each._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]
        self.channel = pc.createDataChannel("livehead")
        pc.on("connectionstatechange", self._on_state)
        reach_loopback(pc)
        await pc.setLocalDescription(await pc.createOffer())
        return str(pc.localDescription.sdp)

    async def accept(self, answer: str, session: str) -> None:
        """Raises TimeoutError if it does not connect."""
        self.session = session
        await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(CONNECT_S):
            await self.connected.wait()

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._pc.close()

    def _on_state(self) -> None:
        if self._pc.connectionState == "connected":
            self.connected.set()
        elif self._pc.connectionState in ("closed", "failed"):
            self.closed.set()


@contextlib.asynccontextmanager
async def own_call(target: Target, line: Line, **query: str) -> AsyncIterator[OwnCall]:
    """One over HTTP. Raises RefusedError, OSError, EOFError, TimeoutError."""
    call, wire = OwnCall(), await Wire.open(target, line)
    try:
        body = (await call.offer()).encode()
        path = "/v1/sessions" + (f"?{urlencode(query)}" if query else "")
        answer = await wire.request("POST", path, body, "application/sdp")
        if answer.status != 201:
            raise RefusedError(answer.status)
        await call.accept(answer.body.decode(), answer.headers["location"].rpartition("/")[2])
        yield call
    finally:
        wire.abort()
        await call.close()


def _ignore(packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
    """The attacker does not look at what it gets."""
