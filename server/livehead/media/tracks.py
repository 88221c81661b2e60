"""The outgoing tracks. Both are paced by the playout: one tick is one picture and 40 ms of sound.

Time stamps come from the tick's index alone, on the 90 kHz and the sound codec's clock. Tracks give encoded
payloads, ready to be put into RTP packets by :class:`~livehead.media.sender.Sender`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import av
from aiortc import MediaStreamTrack
from aiortc.codecs import get_encoder
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.media import BLOCK_S, Pcm, Picture
from livehead.media.bitrate import BitratePolicy
from livehead.media.encoder import CLOCK_RATE, TIME_BASE, Chunk, VideoEncoder
from livehead.media.threads import encoding_threads
from livehead.media.ticks import Ticks
from livehead.media.voice import PACKET_S, SoundEncoder, sound_encoder

logger = logging.getLogger(__name__)

LISTEN_S = 0.3
"""How long pictures wait for the client's first packet."""

KEYFRAME_INTERVAL = 0.5
"""Keyframes that are asked for more often, in seconds, are put off until it is over."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """RTP payloads that share one time stamp, counted on the track's own clock from tick 0."""

    payloads: list[bytes]
    timestamp: int


class PacedTrack(MediaStreamTrack):
    """An outgoing track. ``rate`` is that of its RTP clock."""

    rate: int

    @abstractmethod
    def begin(self, codec: RTCRtpCodecParameters) -> None:
        """The codec is negotiated: encode for it."""

    @abstractmethod
    async def encoded(self) -> Encoded:
        """The next payloads, when they are due; raises ``MediaStreamError`` after the end."""

    def sent(self, encoded: Encoded) -> None:
        """These payloads were handed to the socket."""

    async def recv(self) -> NoReturn:
        raise MediaStreamError  # frames are not to be had from this track, only payloads


class PictureTrack(PacedTrack):
    """The portrait. ``keyframes`` counts those sent; ``policy`` is there from the first picture on. ``on_sent`` is
    called with a tick's index when its picture went to the socket."""

    kind = "video"
    rate = CLOCK_RATE

    def __init__(self, on_sent: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.ticks: Ticks[Picture] = Ticks()
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

    def heard(self) -> None:
        """The client sent a packet, so it also takes ours. Pictures wait for that, :data:`LISTEN_S` at most: the
        first one is a keyframe, and a client that missed it shows nothing until it asks for another."""
        self._listening.set()

    def sent(self, encoded: Encoded) -> None:
        if self._on_sent is not None:
            self._on_sent(encoded.timestamp // round(BLOCK_S * self.rate))

    def want_keyframe(self, lost_at: float) -> None:
        """The receiver lost a picture that was sent at ``lost_at`` (monotonic seconds), or before. One from before the
        last keyframe does not matter any more."""
        if lost_at > self._last_keyframe:
            self._wanted = True

    async def encoded(self) -> Encoded:
        assert self._codec is not None
        if not self._listening.is_set():
            await self._listen()
        self.ticks.open()
        while True:
            index, picture = await self.ticks.get()
            encoder, policy = self._prepare(picture)
            now = time.monotonic()
            keyframe = self._wanted and now - self._last_keyframe >= KEYFRAME_INTERVAL
            pts = index * round(BLOCK_S * self.rate)
            try:
                chunk, payloads = await encoding_threads().run(
                    self._encode, encoder, picture, pts, policy.bitrate, keyframe
                )
            except av.FFmpegError:
                self.failed += 1
                logger.warning("a picture could not be encoded", exc_info=self.failed == 1)
                continue
            if chunk.keyframe:
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

    def _prepare(self, picture: Picture) -> tuple[VideoEncoder, BitratePolicy]:
        assert self._codec is not None
        size = (picture.width, picture.height)
        if self.policy is None or self.encoder is None or size != self._size:
            self._size = size
            self.policy = BitratePolicy(*size)
            self.encoder = VideoEncoder(self._codec.name.lower(), self.policy.ceiling)
        return self.encoder, self.policy

    def _encode(
        self, encoder: VideoEncoder, picture: Picture, pts: int, bitrate: int, keyframe: bool
    ) -> tuple[Chunk, list[bytes]]:
        chunk = encoder.encode(picture.i420, pts, bitrate, keyframe=keyframe)
        packet = av.Packet(chunk.data)
        packet.pts = pts
        packet.time_base = TIME_BASE
        payloads, _ = self._packer.pack(packet)
        return chunk, payloads


class VoiceTrack(PacedTrack):
    """The session's sound. A tick is two packets; the second follows 20 ms after the first."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.rate = 48_000
        self.ticks: Ticks[Pcm] = Ticks()
        self._encoder: SoundEncoder | None = None
        self._paced: deque[tuple[float, Encoded]] = deque()

    def begin(self, codec: RTCRtpCodecParameters) -> None:
        self._encoder = sound_encoder(codec)
        self.rate = self._encoder.rate
        self.ticks.open()

    async def encoded(self) -> Encoded:
        while not self._paced:
            index, pcm = await self.ticks.get()
            assert self._encoder is not None
            now = time.monotonic()
            payloads = await encoding_threads().run(self._encoder.encode, pcm)
            start = index * round(BLOCK_S * self.rate)
            for i, payload in enumerate(payloads):
                timestamp = start + i * round(PACKET_S * self.rate)
                self._paced.append((now + i * PACKET_S, Encoded([payload], timestamp)))
        due, encoded = self._paced.popleft()
        early = due - time.monotonic()
        if early > 0 and not len(self.ticks):
            await asyncio.sleep(early)
        return encoded

    def stop(self) -> None:
        self.ticks.end()
        self._encoder = None  # FFmpeg keeps two threads for it
        super().stop()
