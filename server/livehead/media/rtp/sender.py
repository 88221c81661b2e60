"""The sending end of one track: RTP packets, retransmissions, sender reports from the media clock.

It takes the place of aiortc's own sender, whose reports carry the time of sending instead of media time, and
which encodes in the loop's shared default executor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable
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
    RtcpReceiverInfo,
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

from livehead.media.rtp.clock import NTP_EPOCH, MediaClock, steady_wall
from livehead.media.rtp.link_figures import LinkFigures
from livehead.media.rtp.rate_control import FLOOR
from livehead.media.rtp.retransmission import CAPACITY, RetransmissionBuffer, SentPacket
from livehead.media.rtp.track import PacedTrack, RtpPayloads
from livehead.media.video.track import VideoTrack
from livehead.media.watched_task import OnFailure, watched_task

logger = logging.getLogger(__name__)

FIRST_REPORT = 0.1
REPORTS = 8
"""Own reports that are remembered, about one a second: the receiver answers an older one where transit is slow."""


class Sender(RTCRtpSender):
    """Sends one track. ``on_feedback`` is called for every report of the receiver; ``on_failure`` with the error that
    ended the sending, after which only :meth:`stop` is of use. A connection that ended is no error."""

    def __init__(
        self,
        track: PacedTrack,
        transport: RTCDtlsTransport,
        clock: MediaClock,
        on_feedback: Callable[[], None],
        on_failure: OnFailure | None = None,
        link: LinkFigures | None = None,
    ) -> None:
        super().__init__(track, transport)
        self.packets = self.octets = self.resent = 0
        self._round_trip = 0.0  # seconds, as the last report showed it
        self._track = track
        self._clock = clock
        self._on_feedback = on_feedback
        self._on_failure = on_failure
        self._link = LinkFigures() if link is None else link
        # The lower half keeps away from the wrap that SRTP stumbles over when the first packets are lost.
        self._sequence = random.randrange(1 << 15)
        self._origin = random.getrandbits(32)
        self._rtx_sequence = random.randrange(1 << 15)
        self._rtx_type: int | None = None
        self._sent = RetransmissionBuffer()
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
            watched_task(self._send_track(codec.payloadType, parameters.muxId), "sender-track", self._failed),
            watched_task(self._send_reports(parameters.rtcp.cname or ""), "sender-reports", self._failed),
        ]

    def timestamp_of(self, rtp: int) -> int:
        """The timestamp on the track's own clock that went out as ``rtp``, modulo 2³²."""
        return (rtp - self._origin) & 0xFFFFFFFF

    async def stop(self) -> None:
        if not self._tasks:
            return
        self.transport._unregister_rtp_sender(self)
        tasks, self._tasks = self._tasks, []  # their exceptions hold the frames they ended in, and those the encoder
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._track.stop()
        self._sent.clear()
        await self._send_raw(bytes(RtcpByePacket(sources=[self._ssrc])))

    def _failed(self, error: Exception) -> None:
        if self._on_failure is None:
            logger.error("sending %s failed", self._track.kind, exc_info=error)
        else:
            self._on_failure(error)

    async def _send_track(self, payload_type: int, mid: str) -> None:
        with contextlib.suppress(ConnectionError, MediaStreamError):
            while True:
                payloads = await self._track.next_payloads()
                await self._send_payloads(payloads, payload_type, mid)
                self._track.sent(payloads)

    async def _send_payloads(self, tick: RtpPayloads, payload_type: int, mid: str) -> None:
        """One RTP packet for each payload (RFC 3550 section 5.1). They leave together, and bear the same extensions."""
        now = time.monotonic()
        extensions = self._extension_block(HeaderExtensions(abs_send_time=_send_time(), mid=mid))
        flags = 0x90 if extensions else 0x80
        timestamp = (self._origin + tick.timestamp) & 0xFFFFFFFF
        last = len(tick.payloads) if tick.marked else 0
        octets = 0
        for number, payload in enumerate(tick.payloads, 1):
            sequence = self._sequence
            marked = payload_type | (0x80 if number == last else 0)
            data = pack("!BBHLL", flags, marked, sequence, timestamp, self._ssrc) + extensions + payload
            self._sequence = (sequence + 1) & 0xFFFF
            self._sent.add(SentPacket(sequence, data, len(payload), now))
            self.packets += 1
            self.octets += len(payload)
            octets += len(data)
            await self.transport._send_rtp(data)
        self._link.count("sent", self._track.kind, octets, len(tick.payloads))

    def _extension_block(self, values: HeaderExtensions) -> bytes:
        """With the header of RFC 8285; empty where none was negotiated."""
        profile, block = self._extensions.set(values)
        return pack("!HH", profile, len(block) >> 2) + block if block else b""

    async def _send_reports(self, cname: str) -> None:
        """The first report comes early: without one from each track a browser cannot synchronise them."""
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
                    self._note_report(report)
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for sequence in packet.lost[:CAPACITY]:  # one packet of them names up to 6,000
                await self._resend(sequence & 0xFFFF)  # those behind a NACK's first may lie beyond the wrap
        elif isinstance(packet, RtcpPsfbPacket) and isinstance(self._track, VideoTrack):
            if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self._link.keyframe_requests += 1
                # A keyframe that was under way when the receiver asked is what it asked for.
                self._track.want_keyframe(lost_at=time.monotonic() - self._round_trip)
            elif packet.fmt == RTCP_PSFB_APP and self._track.policy is not None:
                with contextlib.suppress(ValueError):
                    bits, sources = unpack_remb_fci(packet.fci)
                    if self._ssrc in sources:
                        self._track.policy.estimate(bits, time.monotonic())

    def _note_report(self, report: RtcpReceiverInfo) -> None:
        """RFC 3550 section 6.4.1: the round trip is known where the report answers one of ours."""
        now, trip = time.monotonic(), None
        sent = next((at for middle, at in self._reports if middle == report.lsr), None)
        if sent is not None and report.dlsr:
            trip = self._round_trip = max(0.0, now - sent - report.dlsr / 65536)
        lost, kind = report.fraction_lost / 256, self._track.kind
        self._link.report("sent", kind, lost=lost, jitter=report.jitter / self._track.rate, round_trip=trip)
        if isinstance(self._track, VideoTrack) and self._track.policy is not None:
            self._track.policy.report(lost, trip, now)

    async def _resend(self, sequence: int) -> None:
        """Answer a NACK (RFC 4585), as RTX where it was negotiated (RFC 4588)."""
        sent = self._sent.find(sequence)
        if sent is None:
            return
        now = time.monotonic()
        video = self._track if isinstance(self._track, VideoTrack) else None
        if sent.is_stale(now):
            if video is not None:
                video.want_keyframe(lost_at=sent.sent_at)  # beyond repair; the receiver would ask a second later
            return
        bitrate = video.policy.bitrate if video is not None and video.policy is not None else FLOOR
        if not self._sent.allow(sent, now, round_trip=self._round_trip, bitrate=bitrate):
            # No keyframe yet: where packets overtake each other, most of what is asked for is only late, and a
            # keyframe's many packets would be asked for too. What is really lost is asked for again.
            return
        self.resent += 1
        packet = RtpPacket.parse(sent.data, self._extensions)
        if self._rtx_type is not None:
            packet = wrap_rtx(packet, self._rtx_type, self._rtx_sequence, self._rtx_ssrc)
            self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        packet.extensions.abs_send_time = _send_time()
        data = packet.serialize(self._extensions)
        self._link.resent += 1
        self._link.count("sent", self._track.kind, len(data))
        await self._send_raw(data)


def _send_time() -> int:
    """Now as the 24-bit header extension abs-send-time has it: seconds with 18 bits behind the point."""
    return int((steady_wall() + NTP_EPOCH) * (1 << 18)) & 0xFFFFFF
