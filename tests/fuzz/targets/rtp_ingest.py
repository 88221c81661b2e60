"""RTP packets of any content, from the library's parser to samples on the timeline."""

from __future__ import annotations

from collections.abc import Awaitable
from struct import pack
from typing import Any

import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from fuzz.loop import wait_for
from fuzz.mutators import packet_mutator
from fuzz.target import Target
from fuzz.targets.pieces import piece, pieces
from livehead.media.audio.ingest import QUEUE, AudioQueue, Ingest
from livehead.media.rtp.receiver import MAX_SOURCES, Receiver

CODECS = (
    RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=111),
    RTCRtpCodecParameters(mimeType="audio/PCMU", clockRate=8000, channels=1, payloadType=0),
    RTCRtpCodecParameters(mimeType="audio/PCMA", clockRate=8000, channels=1, payloadType=8),
)


class _Transport:
    state = "connected"

    async def _send_rtp(self, data: bytes) -> None:
        raise ConnectionError


def run(data: bytes) -> None:
    wait_for(_receive(data))


async def _receive(data: bytes) -> None:
    now = 1000.0
    queue = AudioQueue()
    ingest = Ingest(queue, clock=lambda: now)
    transport: Any = _Transport()
    receiver = Receiver("audio", transport, ingest.receive)
    receiver._codecs = {codec.payloadType: codec for codec in CODECS if codec.payloadType is not None}
    extensions = HeaderExtensionsMap()
    position = 0
    for command, number, content in pieces(data, 60):
        if command % 8 == 0:
            now += number / 4096
            if ingest.jitter is not None:
                ingest._give_up()
        else:
            now += number / 65536 / 8
            try:
                packet = RtpPacket.parse(content, extensions)
            except ValueError:
                continue
            handled: Awaitable[None] = receiver._handle_rtp_packet(packet, 0)
            await handled
        assert len(queue._items) <= QUEUE
        assert len(receiver._statistics) <= MAX_SOURCES
        while queue._items:
            chunk = queue._items.popleft()
            assert chunk.start == position or queue.dropped
            assert chunk.pcm.dtype == np.float32
            assert np.isfinite(chunk.pcm).all()
            position = chunk.start + len(chunk.pcm)
    for ssrc, statistics in receiver._statistics.items():
        assert bytes(receiver._info(ssrc, statistics))
    ingest.end()
    ingest.end()


def _packet(number: int, payload: bytes, kind: int = 111, ssrc: int = 7) -> bytes:
    rate = 960 if kind == 111 else 160
    header = pack("!BBHLL", 0x80, kind, (65_530 + number) & 0xFFFF, (2**32 - 3000 + rate * number) & 0xFFFFFFFF, ssrc)
    return piece(1, 10_000, header + payload)


_OPUS = b"\xf8\xff\xfe"
_SEEDS = (
    b"".join(_packet(n, _OPUS) for n in range(20)),
    b"".join(_packet(n, bytes(160), 0) for n in range(10)) + b"".join(_packet(n, bytes(160), 8) for n in range(10)),
    b"".join(_packet(n, _OPUS, 111, n) for n in range(12)) + piece(0, 8192),
    b"".join(_packet(n * 3, bytes([n * 8 & 0xFF, 3, 1, 2])) for n in range(20)),
)

TARGET = Target(
    "rtp_ingest",
    run,
    _SEEDS,
    packet_mutator(_packet(3, _OPUS), _packet(9000, _OPUS), _packet(1, bytes(100), 0), piece(0, 400), piece(0, 60_000)),
    4096,
    (60_000, 150.0),
    steps=60,
)
