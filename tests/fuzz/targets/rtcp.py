"""RTCP of any content, from the library's parser to our sender and receiver."""

from __future__ import annotations

import contextlib
import math
import struct
from struct import pack
from typing import Any

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtcpPacket

from fuzz.loop import wait_for
from fuzz.mutators import packet_mutator
from fuzz.target import Target
from livehead.media.rtp.clock import MediaClock
from livehead.media.rtp.rate_control import FLOOR, BitratePolicy
from livehead.media.rtp.receiver import Receiver
from livehead.media.rtp.retransmission import SentPacket
from livehead.media.rtp.sender import Sender
from livehead.media.video.encoding import VideoEncoding
from livehead.media.video.track import VideoTrack

SSRC = 0x11223344
SENT = 64
MAX_DATAGRAM = 1500


class _Transport:
    state = "connected"

    def __init__(self) -> None:
        self.sent = 0

    async def _send_rtp(self, data: bytes) -> None:
        self.sent += len(data)


def run(data: bytes) -> None:
    try:
        packets = RtcpPacket.parse(data)
    except ValueError:
        return
    wait_for(_handle(packets))


async def _handle(packets: list[Any]) -> None:
    transport: Any = _Transport()
    track = VideoTrack(VideoEncoding)
    track.policy = policy = BitratePolicy(512, 512)
    sender = Sender(track, transport, MediaClock(), lambda: None)
    sender._ssrc = SSRC
    sender._rtx_type = 97
    receiver = Receiver("audio", transport, lambda packet, codec: None)
    receiver._codecs = {111: RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, payloadType=111)}
    for number in range(SENT):
        data = pack("!BBHLL", 0x80, 96, number, 0, SSRC) + bytes(1000)
        sender._sent.add(SentPacket(number, data, 1000, 1e12))
    sender._reports.append((0x01020304, 0.0))
    for packet in packets:
        with contextlib.suppress(struct.error):  # the library's, for a short list of sources; caught by the caller
            await sender._handle_rtcp_packet(packet)
        await receiver._handle_rtcp_packet(packet)
    assert FLOOR <= policy.bitrate <= policy.ceiling
    assert math.isfinite(sender._round_trip)
    assert sender._round_trip >= 0
    assert transport.sent <= 64 * 1024, "one datagram brought about many"
    await sender._send_raw(b"")


def _rtcp(kind: int, count: int, payload: bytes) -> bytes:
    return pack("!BBH", 0x80 | count, kind, len(payload) // 4) + payload


_REPORT = pack("!LBBHLLLL", SSRC, 26, 0, 5, 1000, 12, 0x01020304, 65536)
_PACKETS = (
    _rtcp(200, 1, pack("!LQLLL", 7, 1 << 60, 1, 2, 3) + _REPORT),
    _rtcp(201, 1, pack("!L", 7) + _REPORT),
    _rtcp(202, 1, pack("!L", 7) + b"\x01\x02ab\x00\x00\x00\x00"),
    _rtcp(203, 1, pack("!L", 7)),
    _rtcp(205, 1, pack("!LLHHHH", 7, SSRC, 3, 0xFFFF, 40, 0x0F0F)),
    _rtcp(206, 1, pack("!LL", 7, SSRC)),
    _rtcp(206, 4, pack("!LLLL", 7, SSRC, SSRC, 1 << 24)),
    _rtcp(206, 15, pack("!LL", 7, 0) + b"REMB\x01\x0b\xff\xff" + pack("!L", SSRC)),
    _rtcp(206, 15, pack("!LL", 7, 0) + b"REMB\x01\xff\xff\xff" + pack("!L", SSRC)),
)

TARGET = Target(
    "rtcp", run, (*_PACKETS, b"".join(_PACKETS[:5])), packet_mutator(*_PACKETS), MAX_DATAGRAM, (12_000, 25.0)
)
