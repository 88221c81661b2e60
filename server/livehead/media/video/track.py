"""The outgoing video track: the playout's frames, encoded, as RTP payloads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.media.rtp.rate_control import BitratePolicy
from livehead.media.rtp.tick_queue import TickQueue
from livehead.media.rtp.track import Encoded, PacedTrack
from livehead.media.threads import encoding_threads
from livehead.media.video.encoder import CLOCK_RATE, TIME_BASE, EncodedFrame, VideoEncoder

logger = logging.getLogger(__name__)

LISTEN_S = 0.3
"""How long frames wait for the client's first packet."""

KEYFRAME_INTERVAL = 0.5
"""Keyframes that are asked for more often, in seconds, are put off until it is over."""


class VideoTrack(PacedTrack):
    """The portrait. ``keyframes`` counts those sent; ``policy`` is there from the first frame on. ``on_sent`` is
    called with a tick's index when its frame went to the socket."""

    kind = "video"
    rate = CLOCK_RATE

    def __init__(self, on_sent: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.ticks: TickQueue[Frame] = TickQueue()
        self._on_sent = on_sent
        self.keyframes = 0
        self.failed = 0
        self.policy: BitratePolicy | None = None
        self.encoder: VideoEncoder | None = None
        self._codec: RTCRtpCodecParameters | None = None
        self._packer: Any = None
        self._size = (0, 0)
        self._wanted = False
        self._last_keyframe = 0.0
        self._listening = asyncio.Event()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._codec = codec
        self._packer = get_encoder(codec)

    def client_ready(self) -> None:
        """The client sent a packet, so it also takes ours. Frames wait for that, :data:`LISTEN_S` at most: the
        first one is a keyframe, and a client that missed it shows nothing until it asks for another."""
        self._listening.set()

    def sent(self, encoded: Encoded) -> None:
        if self._on_sent is not None:
            self._on_sent(encoded.timestamp // round(BLOCK_S * self.rate))

    def want_keyframe(self, lost_at: float) -> None:
        """The receiver lost a frame that was sent at ``lost_at`` (monotonic seconds), or before. One from before the
        last keyframe does not matter any more."""
        if lost_at > self._last_keyframe:
            self._wanted = True

    async def encoded(self) -> Encoded:
        assert self._codec is not None
        if not self._listening.is_set():
            await self._listen()
        self.ticks.open()
        while True:
            index, frame = await self.ticks.get()
            encoder, policy = self._prepare(frame)
            now = time.monotonic()
            keyframe = self._wanted and now - self._last_keyframe >= KEYFRAME_INTERVAL
            pts = index * round(BLOCK_S * self.rate)
            try:
                encoded, payloads = await encoding_threads().run(
                    self._encode, encoder, frame, pts, policy.bitrate, keyframe
                )
            except av.FFmpegError:
                self.failed += 1
                logger.warning("a frame could not be encoded", exc_info=self.failed == 1)
                continue
            if encoded.keyframe:
                self.keyframes += 1
                self._wanted = False
                self._last_keyframe = now
            if payloads:
                return Encoded(payloads, pts)

    async def _listen(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                await self._listening.wait()
        self._listening.set()

    def stop(self) -> None:
        self.ticks.end()
        self._listening.set()
        self.encoder = None  # its memory and threads go now, not with the next collection of cycles
        super().stop()

    def _prepare(self, frame: Frame) -> tuple[VideoEncoder, BitratePolicy]:
        assert self._codec is not None
        size = (frame.width, frame.height)
        if self.policy is None or self.encoder is None or size != self._size:
            self._size = size
            self.policy = BitratePolicy(*size)
            self.encoder = VideoEncoder(self._codec.name.lower(), self.policy.ceiling)
        return self.encoder, self.policy

    def _encode(
        self, encoder: VideoEncoder, frame: Frame, pts: int, bitrate: int, keyframe: bool
    ) -> tuple[EncodedFrame, list[bytes]]:
        encoded = encoder.encode(frame.i420, pts, bitrate, keyframe=keyframe)
        packet = av.Packet(encoded.data)
        packet.pts = pts
        packet.time_base = TIME_BASE
        payloads, _ = self._packer.pack(packet)
        return encoded, payloads
