"""The outgoing video track: the playout's frames, encoded, as RTP payloads."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.media.encoding_pool import encode
from livehead.media.rtp.rate_control import BitratePolicy
from livehead.media.rtp.tick_queue import TickQueue
from livehead.media.rtp.track import PacedTrack, RtpPayloads
from livehead.media.video.encoder import CLOCK_RATE, TIME_BASE, VideoEncoder

READY_WAIT_S = 0.3
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
        self.policy: BitratePolicy | None = None
        self.encoder: VideoEncoder | None = None
        self._codec: RTCRtpCodecParameters | None = None
        self._packetiser: Any = None
        self._size = (0, 0)
        self._keyframe_wanted = False
        self._last_keyframe = 0.0
        self._ready = asyncio.Event()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._codec = codec
        self._packetiser = get_encoder(codec)

    def client_ready(self) -> None:
        """The client sent a packet, so it also takes ours. Frames wait for that, :data:`READY_WAIT_S` at most: the
        first one is a keyframe, and a client that missed it shows nothing until it asks for another."""
        self._ready.set()

    def sent(self, payloads: RtpPayloads) -> None:
        if self._on_sent is not None:
            self._on_sent(payloads.timestamp // round(BLOCK_S * self.rate))

    def want_keyframe(self, lost_at: float) -> None:
        """The receiver lost a frame that was sent at ``lost_at`` (monotonic seconds), or before. One from before the
        last keyframe does not matter any more."""
        if lost_at > self._last_keyframe:
            self._keyframe_wanted = True

    async def next_payloads(self) -> RtpPayloads:
        if not self._ready.is_set():
            await self._wait_until_ready()
        self.ticks.open()
        while True:
            index, frame = await self.ticks.get()
            try:
                payloads = await self._encode(index, frame)
            except Exception as error:  # noqa: BLE001 - whatever failed, the next tick may not
                self.encoder = None  # a new one begins with a keyframe, which mends what the receiver misses
                self._skip(error)
                continue
            self._note_encoded()
            if payloads.payloads:
                return payloads

    async def _wait_until_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WAIT_S):
                await self._ready.wait()
        self._ready.set()

    def stop(self) -> None:
        self.ticks.end()
        self._ready.set()
        self.encoder = None  # its memory and threads go now, not with the next collection of cycles
        super().stop()

    async def _encode(self, index: int, frame: Frame) -> RtpPayloads:
        encoder, policy = self._prepare(frame)
        now = time.monotonic()
        wanted = self._keyframe_wanted and now - self._last_keyframe >= KEYFRAME_INTERVAL
        pts = index * round(BLOCK_S * self.rate)
        payloads, keyframe = await encode(self._encode_and_packetise, encoder, frame, pts, policy.bitrate, wanted)
        if keyframe:
            self.keyframes += 1
            self._keyframe_wanted = False
            self._last_keyframe = now
        return RtpPayloads(payloads, pts)

    def _prepare(self, frame: Frame) -> tuple[VideoEncoder, BitratePolicy]:
        assert self._codec is not None
        size = (frame.width, frame.height)
        if self.policy is None or size != self._size:
            self._size = size
            self.policy, self.encoder = BitratePolicy(*size), None
        if self.encoder is None:
            self.encoder = VideoEncoder(self._codec.name.lower(), self.policy.ceiling)
        return self.encoder, self.policy

    def _encode_and_packetise(
        self, encoder: VideoEncoder, frame: Frame, pts: int, bitrate: int, keyframe: bool
    ) -> tuple[list[bytes], bool]:
        """RTP payloads, and whether they are a keyframe. In a thread of the pool."""
        encoded = encoder.encode(frame.i420, pts, bitrate, keyframe=keyframe)
        return self._packetise(encoded.data, pts), encoded.keyframe

    def _packetise(self, data: bytes, pts: int) -> list[bytes]:
        packet = av.Packet(data)
        packet.pts = pts
        packet.time_base = TIME_BASE
        payloads: list[bytes] = self._packetiser.pack(packet)[0]
        return payloads
