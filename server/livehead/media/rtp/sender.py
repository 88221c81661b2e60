"""The sending end of one track: RTP packets, retransmissions, sender reports from the media clock.

It takes the place of aiortc's own sender, whose reports carry the time of sending instead of media time, and
which encodes in the loop's shared default executor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from struct import pack

from aiortc import RTCRtpSender
from aiortc.codecs import is_rtx
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    HeaderExtensions,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
    wrap_rtx,
)

from livehead.media.rtp.clock import NTP_EPOCH, MediaClock
from livehead.media.rtp.rate_control import FLOOR
from livehead.media.rtp.track import Encoded, PacedTrack
from livehead.media.video.track import VideoTrack

logger = logging.getLogger(__name__)

HISTORY = 512
"""Packets kept for retransmission: about 4 s of video."""

FIRST_REPORT = 0.1
REPORTS = 8
"""Own reports that are remembered, about one a second: the receiver answers an older one where the way is long."""

RESEND_INTERVAL = 0.02
"""A packet is sent again no more often, in seconds, nor before the receiver can have seen it: a round trip."""

RESEND_AGE = 0.6
RESEND_SHARE = 0.2
RESEND_BURST_S = 0.15
OVERHEAD = 60
"""After a blackout, and on a line that is too narrow, a receiver asks for everything at once. What is old is of no use,
and much would hold up the keyframe that helps: at most this share of the frame's bitrate is spent on sending again,
and at once no more than so many seconds of it. A packet's headers count as so many octets."""


@dataclass(slots=True)
class _Sent:
    sequence: int
    data: bytes
    at: float
    again: float = 0.0


class Sender(RTCRtpSender):
    """Sends one track. ``on_feedback`` is called for every report of the receiver."""

    def __init__(
        self,
        track: PacedTrack,
        transport: RTCDtlsTransport,
        clock: MediaClock,
        on_feedback: Callable[[], None],
    ) -> None:
        super().__init__(track, transport)
        self.packets = self.octets = self.resent = 0
        self._round_trip = 0.0  # seconds, as the last report showed it
        self._track = track
        self._clock = clock
        self._on_feedback = on_feedback
        # The lower half keeps away from the wrap that SRTP stumbles over when the first packets are lost.
        self._sequence = random.randrange(1 << 15)
        self._origin = random.getrandbits(32)
        self._rtx_sequence = random.randrange(1 << 15)
        self._rtx_type: int | None = None
        self._history: dict[int, _Sent] = {}
        self._allowance = math.inf  # octets; the first question fills it
        self._allowed_at = time.monotonic()
        self._extensions = HeaderExtensionsMap()
        self._reports: deque[tuple[int, float]] = deque(maxlen=REPORTS)
        self._tasks: list[asyncio.Task[None]] = []

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        if self._tasks:
            return
        codec = parameters.codecs[0]
        self.transport._register_rtp_sender(self, parameters)
        self._extensions.configure(parameters)
        for other in parameters.codecs:
            if is_rtx(other) and other.parameters.get("apt") == codec.payloadType:
                self._rtx_type = other.payloadType
        self._track.begin(codec)
        assert codec.payloadType is not None
        self._tasks = [
            asyncio.create_task(self._send_track(codec.payloadType, parameters.muxId), name="sender-track"),
            asyncio.create_task(self._send_reports(parameters.rtcp.cname or ""), name="sender-reports"),
        ]

    async def stop(self) -> None:
        if not self._tasks:
            return
        self.transport._unregister_rtp_sender(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []  # their exceptions hold the frames they ended in, and those the encoder
        await self._send_raw(bytes(RtcpByePacket(sources=[self._ssrc])))
        self._track.stop()
        self._history.clear()

    async def _send_track(self, payload_type: int, mid: str) -> None:
        try:
            while True:
                encoded = await self._track.encoded()
                await self._send_encoded(encoded, payload_type, mid)
                self._track.sent(encoded)
        except (ConnectionError, MediaStreamError):
            return
        except Exception:
            logger.exception("sending a track failed")
            raise

    async def _send_encoded(self, encoded: Encoded, payload_type: int, mid: str) -> None:
        """One RTP packet for each payload (RFC 3550 section 5.1). They leave together, and bear the same extensions."""
        now = time.monotonic()
        extensions = self._extension_block(HeaderExtensions(abs_send_time=_send_time(), mid=mid))
        flags = 0x90 if extensions else 0x80
        timestamp = (self._origin + encoded.timestamp) & 0xFFFFFFFF
        last = len(encoded.payloads) if self._track.kind == "video" else 0
        for number, payload in enumerate(encoded.payloads, 1):
            sequence = self._sequence
            marked = payload_type | (0x80 if number == last else 0)
            data = pack("!BBHLL", flags, marked, sequence, timestamp, self._ssrc) + extensions + payload
            self._sequence = (sequence + 1) & 0xFFFF
            self._history[sequence % HISTORY] = _Sent(sequence, data, now)
            self.packets += 1
            self.octets += len(payload)
            await self.transport._send_rtp(data)

    def _extension_block(self, values: HeaderExtensions) -> bytes:
        """With the header of RFC 8285; empty where none was negotiated."""
        profile, block = self._extensions.set(values)
        return pack("!HH", profile, len(block) >> 2) + block if block else b""

    async def _send_reports(self, cname: str) -> None:
        """The first report soon, for without one from each track a browser cannot bring them together."""
        pause = FIRST_REPORT
        while True:
            await asyncio.sleep(pause)
            moment = self._clock.now()
            if moment is None or not self.packets:
                continue
            ntp, media = moment
            report = RtcpSrPacket(
                ssrc=self._ssrc,
                sender_info=RtcpSenderInfo(
                    ntp_timestamp=ntp,
                    rtp_timestamp=(self._origin + round(media * self._track.rate)) & 0xFFFFFFFF,
                    packet_count=self.packets & 0xFFFFFFFF,
                    octet_count=self.octets & 0xFFFFFFFF,
                ),
            )
            name = RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=self._ssrc, items=[(1, cname.encode())])])
            self._reports.append(((ntp >> 16) & 0xFFFFFFFF, time.monotonic()))
            await self._send_raw(bytes(report) + bytes(name))
            pause = 0.5 + random.random()

    async def _send_raw(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await self.transport._send_rtp(data)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self._on_feedback()
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._note_report(report.lsr, report.dlsr, report.fraction_lost / 256)
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for sequence in packet.lost:
                await self._resend(sequence)
        elif isinstance(packet, RtcpPsfbPacket) and isinstance(self._track, VideoTrack):
            if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                # A keyframe that was under way when the receiver asked is what it asked for.
                self._track.want_keyframe(lost_at=time.monotonic() - self._round_trip)
            elif packet.fmt == RTCP_PSFB_APP and self._track.policy is not None:
                with contextlib.suppress(ValueError):
                    bits, sources = unpack_remb_fci(packet.fci)
                    if self._ssrc in sources:
                        self._track.policy.estimate(bits, time.monotonic())

    def _note_report(self, last: int, delay: int, lost: float) -> None:
        """RFC 3550 section 6.4.1: the round trip is known where the report answers one of ours."""
        now, trip = time.monotonic(), None
        sent = next((at for middle, at in self._reports if middle == last), None)
        if sent is not None and delay:
            trip = self._round_trip = max(0.0, now - sent - delay / 65536)
        if isinstance(self._track, VideoTrack) and self._track.policy is not None:
            self._track.policy.report(lost, trip, now)

    async def _resend(self, sequence: int) -> None:
        """Answer a NACK (RFC 4585), as RTX where it was negotiated (RFC 4588)."""
        sent = self._history.get(sequence % HISTORY)
        now = time.monotonic()
        if sent is None or sent.sequence != sequence:
            return
        if now - sent.at > RESEND_AGE:
            if isinstance(self._track, VideoTrack):
                self._track.want_keyframe(lost_at=sent.at)  # beyond repair; the receiver would ask a second later
            return
        if now - sent.again < max(RESEND_INTERVAL, self._round_trip):
            return
        packet = RtpPacket.parse(sent.data, self._extensions)
        if not self._may_resend(len(packet.payload) + OVERHEAD, now):
            # No keyframe yet: where packets overtake each other, most of what is asked for is only late, and a
            # keyframe's many packets would be asked for too. What is really lost is asked for again.
            return
        sent.again = now
        self.resent += 1
        if self._rtx_type is not None:
            packet = wrap_rtx(packet, self._rtx_type, self._rtx_sequence, self._rtx_ssrc)
            self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        packet.extensions.abs_send_time = _send_time()
        with contextlib.suppress(ConnectionError):
            await self.transport._send_rtp(packet.serialize(self._extensions))

    def _may_resend(self, octets: int, now: float) -> bool:
        policy = self._track.policy if isinstance(self._track, VideoTrack) else None
        rate = (policy.bitrate if policy else FLOOR) / 8
        earned = RESEND_SHARE * rate * (now - self._allowed_at)
        self._allowance = min(RESEND_BURST_S * rate, self._allowance + earned)
        self._allowed_at = now
        if self._allowance < octets:
            return False
        self._allowance -= octets
        return True


def _send_time() -> int:
    """Now as the 24-bit header extension abs-send-time has it: seconds with 18 bits behind the point."""
    return int((time.time() + NTP_EPOCH) * (1 << 18)) & 0xFFFFFF
