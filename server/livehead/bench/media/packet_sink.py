"""The far end of calls whose sender is measured: a client in a process of its own that receives packets and decodes
nothing.

    python -m livehead.bench.media.packet_sink

It reads lines of JSON from stdin and replies on stdout. ``{"codec": …, "bits": …}`` begins a call; the reply is its
offer, ``{"sdp": …}``, and the answer is given in the same form. From then on it asks for so many bits a second (REMB),
as a browser would. ``{}`` asks for what has arrived so far. The next beginning, or the end of stdin, ends the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci

from livehead.media.peer.aiortc_parts import prefer, reach_loopback, use_receiver

ASK_EVERY = 0.25


class Sink:
    """Counts frames (marker bits), packets and their bytes."""

    def __init__(self) -> None:
        self.frames = self.packets = self.octets = self.audio = 0
        self.source: int | None = None

    def frame(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        self.source = packet.ssrc
        self.packets += 1
        self.octets += len(packet.payload)
        self.frames += packet.marker

    def voice(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        self.audio += 1

    def line(self) -> str:
        figures = {"frames": self.frames, "packets": self.packets, "octets": self.octets, "audio": self.audio}
        return json.dumps(figures)


async def _ask(pc: RTCPeerConnection, sink: Sink, bits: int) -> None:
    while True:
        await asyncio.sleep(ASK_EVERY)
        if sink.source is not None:
            fci = pack_remb_fci(bits, [sink.source])
            report = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)
            with contextlib.suppress(ConnectionError):
                await pc.getTransceivers()[0].receiver.transport._send_rtp(bytes(report))


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


@asynccontextmanager
async def _call(codec: str, bits: int) -> AsyncIterator[tuple[RTCPeerConnection, Sink]]:
    """A connection that has made its offer."""
    sink = Sink()
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    asking = asyncio.create_task(_ask(pc, sink, bits), name="ask")
    try:
        audio = pc.addTransceiver("audio", direction="sendrecv")  # without a track: a silent microphone
        video = pc.addTransceiver("video", direction="recvonly")
        use_receiver(audio, sink.voice)
        use_receiver(video, sink.frame)
        prefer(video, [codec])
        reach_loopback(pc)
        await pc.setLocalDescription(await pc.createOffer())
        yield pc, sink
    finally:
        asking.cancel()
        await pc.close()


async def receive() -> None:
    """Call after call, until stdin ends."""
    lines = await _lines()
    order = await lines.readline()
    while order:
        wanted = json.loads(order)
        async with _call(wanted["codec"], wanted["bits"]) as (pc, sink):
            print(json.dumps({"sdp": pc.localDescription.sdp}), flush=True)
            while order := await lines.readline():
                message = json.loads(order)
                if "codec" in message:
                    break
                if "sdp" in message:
                    await pc.setRemoteDescription(RTCSessionDescription(message["sdp"], "answer"))
                else:
                    print(sink.line(), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(receive())
