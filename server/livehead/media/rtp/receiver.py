"""The receiving end of one RTP stream: counts, reports, and hands packets on.

It takes the place of aiortc's own receiver, which decodes in a thread behind a jitter buffer of a fixed 80 ms,
joins that thread on the event loop, and keeps every frame until somebody asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable

from aiortc import RTCRtpReceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtp import AnyRtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSrPacket, RtpPacket

from livehead.media.rtp.arrival_statistics import ArrivalStatistics
from livehead.media.rtp.link_figures import LinkFigures
from livehead.media.watched_task import OnFailure, watched_task

logger = logging.getLogger(__name__)

RTP_HEADER = 12

MAX_SOURCES = 8
"""Synchronisation sources that are reported on. Any further ones of a client are received without reports."""

OnPacket = Callable[[RtpPacket, RTCRtpCodecParameters], None]


class Receiver(RTCRtpReceiver):
    """Gives every packet of a known payload type to ``on_packet``, on the event loop, as it comes in. ``on_failure``
    gets the error that ended the reports on them. A connection that ended is no error."""

    def __init__(
        self,
        kind: str,
        transport: RTCDtlsTransport,
        on_packet: OnPacket,
        on_failure: OnFailure | None = None,
        link: LinkFigures | None = None,
    ) -> None:
        super().__init__(kind, transport)
        self._kind = kind
        self._on_failure = on_failure
        self._on_packet = on_packet
        self._link = LinkFigures() if link is None else link
        self._codecs: dict[int, RTCRtpCodecParameters] = {}
        self._statistics: dict[int, ArrivalStatistics] = {}
        self._rates: dict[int, int] = {}  # of the sources' clocks, in Hz
        self._sender_reports: dict[int, tuple[int, float]] = {}
        self._report_ssrc: int | None = None
        self._reports: asyncio.Task[None] | None = None
        self._stopped = False

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        if self._reports is None:
            self._codecs = {c.payloadType: c for c in parameters.codecs if c.payloadType is not None}
            self.transport._register_rtp_receiver(self, parameters)
            self._reports = watched_task(self._report(), "receiver-reports", self._failed)

    async def stop(self) -> None:
        if self._reports is None or self._stopped:
            return
        self._stopped = True
        self.transport._unregister_rtp_receiver(self)
        self._reports.cancel()
        await asyncio.gather(self._reports, return_exceptions=True)

    def _failed(self, error: Exception) -> None:
        if self._on_failure is None:
            logger.error("the receiver reports for %s failed", self._kind, exc_info=error)
        else:
            self._on_failure(error)

    def _handle_disconnect(self) -> None:
        pass

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        codec = self._codecs.get(packet.payload_type)
        if codec is None or not self._enabled:
            return
        statistics = self._statistics.get(packet.ssrc)
        if statistics is None and len(self._statistics) < MAX_SOURCES:
            statistics = self._statistics[packet.ssrc] = ArrivalStatistics(codec.clockRate)
            self._rates[packet.ssrc] = codec.clockRate
        if statistics is not None:
            statistics.add(packet)
        self._link.count("received", self._kind, RTP_HEADER + len(packet.payload))
        self._on_packet(packet, codec)

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.ssrc in self._statistics:
            middle = (packet.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
            self._sender_reports[packet.ssrc] = middle, time.monotonic()

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        self._report_ssrc = ssrc

    async def _report(self) -> None:
        """Receiver reports at random intervals of about a second (RFC 3550 section 6.2)."""
        while True:
            await asyncio.sleep(0.5 + random.random())
            reports = [self._info(ssrc, statistics) for ssrc, statistics in self._statistics.items()]
            if self._report_ssrc is None or not reports:
                continue
            with contextlib.suppress(ConnectionError):
                await self.transport._send_rtp(bytes(RtcpRrPacket(ssrc=self._report_ssrc, reports=reports)))

    def _info(self, ssrc: int, statistics: ArrivalStatistics) -> RtcpReceiverInfo:
        middle, at = self._sender_reports.get(ssrc, (0, 0.0))
        lost = statistics.fraction_lost  # since it was last asked for
        self._link.report("received", self._kind, lost=lost / 256, jitter=statistics.jitter / self._rates[ssrc])
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=lost,
            packets_lost=statistics.packets_lost,
            highest_sequence=(statistics.cycles + (statistics.max_seq or 0)) & 0xFFFFFFFF,
            jitter=statistics.jitter & 0xFFFFFFFF,
            lsr=middle,
            dlsr=min(0xFFFFFFFF, int((time.monotonic() - at) * 65536)) if middle else 0,
        )
