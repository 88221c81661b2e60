"""What the audio and the video recorder share: they keep the sender reports."""

from __future__ import annotations

import time

from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

from livehead.bench.latency.recorders.counters import Unwrapped
from livehead.bench.latency.recorders.recording import SenderReport
from livehead.media.rtp.receiver import Receiver


class RecordingReceiver(Receiver):
    """A receiver that keeps the sender reports."""

    def __init__(self, kind: str, transport: RTCDtlsTransport, reports: list[SenderReport]) -> None:
        super().__init__(kind, transport, self.take)
        self._timestamps = Unwrapped(32)
        self._reports_kept = reports

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        """A packet arrived."""
        raise NotImplementedError

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        await super()._handle_rtcp_packet(packet)
        if isinstance(packet, RtcpSrPacket):
            wall = packet.sender_info.ntp_timestamp / (1 << 32)
            timestamp = self._timestamps(packet.sender_info.rtp_timestamp)
            self._reports_kept.append(SenderReport(time.monotonic(), wall, timestamp))
