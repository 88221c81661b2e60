"""A session's portrait in one video codec, encoded once for all who watch."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.media.encoding_pool import encode
from livehead.media.rtp.rate_control import BitratePolicy, ceiling_of, shared_rate
from livehead.media.rtp.shared_encoding import SharedEncoding
from livehead.media.rtp.shared_track import EncodedTick, SharedTrack
from livehead.media.rtp.track import RtpPayloads
from livehead.media.video.encoder import CLOCK_RATE, TIME_BASE, VideoEncoder
from livehead.media.video.keyframe_requests import KEYFRAME_INTERVAL, KeyframeRequests
from livehead.media.video.live_mark import marked

TICK = round(BLOCK_S * CLOCK_RATE)


class FrameTrack(SharedTrack):
    """A track that has a say in how its frames are encoded."""

    requests: KeyframeRequests

    @abstractmethod
    def policy_for(self, size: tuple[int, int], start: int | None) -> BitratePolicy:
        """The policy for frames of ``size``, width and height in pixels. A new one begins with ``start`` bits a second,
        or what is usual if that is more."""


class VideoEncoding(SharedEncoding[Frame, FrameTrack]):
    """The bitrate is what the clients' policies allow together (:func:`~livehead.media.rtp.rate_control.shared_rate`).
    A keyframe is made for whoever needs one, at most one each :data:`KEYFRAME_INTERVAL` for all."""

    kind = "video"

    def __init__(self, codec: RTCRtpCodecParameters, mark: bytes | None = None) -> None:
        """``mark`` is put into every keyframe of H264 (:func:`~livehead.media.video.live_mark.live_mark`)."""
        super().__init__(codec)
        self._mark = mark if codec.name.lower() == "h264" else None
        self.encoder: VideoEncoder | None = None
        self.bitrate: int | None = None
        self.keyframes = 0
        self._packetiser: Any = get_encoder(codec)
        self._size = (0, 0)
        self._last_keyframe = 0.0

    def _reset(self) -> None:
        self.encoder = None

    async def _encode(self, index: int, frame: Frame) -> EncodedTick:
        bitrate = self._agree((frame.width, frame.height))
        if self.encoder is None:
            self.encoder = VideoEncoder(self._codec.name.lower(), ceiling_of(*self._size))
        now = time.monotonic()
        wanted = now - self._last_keyframe >= KEYFRAME_INTERVAL and self._grant(now)
        pts = index * TICK
        payloads, keyframe = await encode(self._encode_and_packetise, self.encoder, frame, pts, bitrate, wanted)
        if keyframe:
            self.keyframes += 1
            self._last_keyframe = now
        return EncodedTick(index, now, (RtpPayloads(payloads, pts, marked=True),), keyframe)

    def _agree(self, size: tuple[int, int]) -> int:
        """On the bitrate of a frame. Whoever is new begins with that of the others: a rate is only known to be too high
        once it has been sent."""
        if size != self._size:
            self._size, self.bitrate, self.encoder = size, None, None
        policies = [track.policy_for(size, self.bitrate) for track in self._tracks]
        self.bitrate = shared_rate([policy.bitrate for policy in policies])
        for policy in policies:
            policy.sent = self.bitrate
        return self.bitrate

    def _grant(self, now: float) -> bool:
        alone = len(self._tracks) == 1
        granted = [track.requests.grant(now, alone=alone) for track in self._tracks]  # all who ask are charged for it
        return any(granted)

    def _encode_and_packetise(
        self, encoder: VideoEncoder, frame: Frame, pts: int, bitrate: int, keyframe: bool
    ) -> tuple[list[bytes], bool]:
        """RTP payloads, and whether they are a keyframe. In a thread of the pool."""
        encoded = encoder.encode(frame.i420, pts, bitrate, keyframe=keyframe)
        data = encoded.data if self._mark is None or not encoded.keyframe else marked(encoded.data, self._mark)
        return self._packetise(data, pts), encoded.keyframe

    def _packetise(self, data: bytes, pts: int) -> list[bytes]:
        packet = av.Packet(data)
        packet.pts = pts
        packet.time_base = TIME_BASE
        payloads: list[bytes] = self._packetiser.pack(packet)[0]
        return payloads
