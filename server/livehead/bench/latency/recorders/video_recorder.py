"""The client's receiving end for video: when each packet arrived, when each frame could be shown, and its test pattern.

A frame counts as complete at its marker bit (RFC 6184, RFC 7741), as in browsers. aiortc's own receiver waits for the
first packet of the next frame, 40 ms more, and buffers audio for 80 ms; neither says anything about the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
from aiortc.codecs import depayload, get_decoder, is_rtx
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)

from livehead.bench.latency.recorders.counters import Unwrapped
from livehead.bench.latency.recorders.recording import DecodedFrame, Recording
from livehead.bench.latency.recorders.recording_receiver import RecordingReceiver
from livehead.core import test_pattern

NACK_EVERY = 0.05
GIVE_UP = 0.4
"""A packet that is missing for so long, in seconds, is given up, and a keyframe is requested."""

MAX_HELD = 2048
"""Packets that wait for missing ones; more are dropped."""


class VideoRecorder(RecordingReceiver):
    """Assembles frames, decodes them in a thread, reads their test pattern; requests what is missing (RFC 4585)."""

    def __init__(self, transport: RTCDtlsTransport, recording: Recording, on_first: Callable[[], None]) -> None:
        super().__init__("video", transport, recording.frame_reports)
        self._recording = recording
        self._on_first = on_first
        self._sequences = Unwrapped(16)
        self._held: dict[int, tuple[RtpPacket, float]] = {}
        self._next: int | None = None
        self._highest = 0
        self._stuck_since: float | None = None
        self._source: int | None = None
        self._rtx: dict[int, int] = {}
        self._estimator = RemoteBitrateEstimator()
        self._codec: RTCRtpCodecParameters | None = None
        self._decoder: Decoder | None = None
        self._decode = ThreadPoolExecutor(1, "decode")
        self._broken = False
        self._feedback_task: asyncio.Task[None] | None = None

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        self._rtx = {e.rtx.ssrc: e.ssrc for e in parameters.encodings if e.rtx}
        await super().receive(parameters)
        if self._feedback_task is None:
            self._feedback_task = asyncio.create_task(self._send_feedback(), name="feedback")

    async def stop(self) -> None:
        if self._feedback_task is not None:
            self._feedback_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._feedback_task
        self._decode.shutdown(wait=False)
        await super().stop()

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        sent = packet.extensions.abs_send_time
        if sent is not None:
            size = len(packet.payload) + packet.padding_size
            estimate = self._estimator.add(
                abs_send_time=sent, arrival_time_ms=arrival_time_ms, payload_size=size, ssrc=packet.ssrc
            )
            if estimate is not None:
                await self._feedback(RTCP_PSFB_APP, 0, pack_remb_fci(*estimate))
        await super()._handle_rtp_packet(packet, arrival_time_ms)

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        now = time.monotonic()
        if is_rtx(codec):
            original, kind = self._rtx.get(packet.ssrc), codec.parameters.get("apt")
            if original is None or not isinstance(kind, int) or kind not in self._codecs or len(packet.payload) < 2:
                return
            packet = unwrap_rtx(packet, payload_type=kind, ssrc=original)
            codec = self._codecs[kind]
        if self._codec is None:
            self._recording.codec = codec.name
        self._codec = codec
        self._source = packet.ssrc
        sequence = self._sequences(packet.sequence_number)
        if self._next is None:
            self._next = self._highest = sequence
        if sequence < self._next or len(self._held) >= MAX_HELD:
            return
        self._highest = max(self._highest, sequence)
        self._held[sequence] = packet, now
        timestamp = self._timestamps(packet.timestamp)
        self._recording.first_packets.setdefault(timestamp, now)
        self._assemble()

    def _assemble(self) -> None:
        """Decode every complete frame, in order."""
        assert self._next is not None
        last = self._next
        while last in self._held:
            if self._held[last][0].marker:
                parts = [self._held.pop(number) for number in range(self._next, last + 1)]
                self._next = last + 1
                self._decode_soon([packet for packet, _ in parts], max(at for _, at in parts))
            last += 1
        missing = last <= self._highest
        if not missing:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = time.monotonic()

    def _decode_soon(self, packets: list[RtpPacket], arrived: float) -> None:
        assert self._codec is not None
        loop = asyncio.get_running_loop()
        timestamp = self._timestamps(packets[0].timestamp)
        with contextlib.suppress(ValueError):  # a malformed payload
            data = b"".join(depayload(self._codec, packet.payload) for packet in packets)
            self._decode.submit(self._decoded, loop, self._codec, data, timestamp, arrived)

    def _decoded(
        self, loop: asyncio.AbstractEventLoop, codec: RTCRtpCodecParameters, data: bytes, timestamp: int, arrived: float
    ) -> None:
        """Runs in the thread."""
        if self._decoder is None:
            self._decoder = get_decoder(codec)
        try:
            decoded = self._decoder.decode(JitterFrame(data, timestamp))
        except av.FFmpegError:
            self._broken = True
            return
        now = time.monotonic()
        for image in decoded:
            assert isinstance(image, av.VideoFrame)
            plane = image.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            code = test_pattern.read(luma[image.height - test_pattern.ROWS : image.height, : image.width])
            seen = DecodedFrame(
                image.pts or timestamp, arrived, now, code.k if code else None, code.loudness if code else None
            )
            with contextlib.suppress(RuntimeError):  # the call has ended
                loop.call_soon_threadsafe(self._keep, seen)

    def _keep(self, seen: DecodedFrame) -> None:
        if not self._recording.frames:
            self._on_first()
        self._recording.frames.append(seen)

    async def _send_feedback(self) -> None:
        while True:
            await asyncio.sleep(NACK_EVERY)
            if self._broken and self._source is not None:
                self._broken = False
                await self._feedback(RTCP_PSFB_PLI, self._source, b"")
            if self._stuck_since is None or self._next is None or self._source is None:
                continue
            if time.monotonic() - self._stuck_since > GIVE_UP:
                self._skip()
                await self._feedback(RTCP_PSFB_PLI, self._source, b"")
                continue
            missing = [number & 0xFFFF for number in range(self._next, self._highest) if number not in self._held]
            nack = RtcpRtpfbPacket(
                fmt=RTCP_RTPFB_NACK, ssrc=self._report_ssrc or 0, media_ssrc=self._source, lost=missing[:128]
            )
            await self._send(bytes(nack))

    def _skip(self) -> None:
        """Continue with the first frame that begins after the missing packets."""
        assert self._next is not None
        gone = [number for number in range(self._next, self._highest + 1) if number not in self._held]
        ends = [n for n in sorted(self._held) if gone and n > gone[0] and self._held[n][0].marker]
        self._next = (ends[0] if ends else self._highest) + 1
        self._held = {number: held for number, held in self._held.items() if number >= self._next}
        self._stuck_since = None
        self._assemble()

    async def _feedback(self, fmt: int, media: int, fci: bytes) -> None:
        await self._send(bytes(RtcpPsfbPacket(fmt=fmt, ssrc=self._report_ssrc or 0, media_ssrc=media, fci=fci)))

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await self.transport._send_rtp(data)
