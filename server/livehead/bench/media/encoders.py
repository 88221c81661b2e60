"""The encoders that are compared: Livehead's and aiortc's, behind one function type."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder, vp8_depayload
from numpy.typing import NDArray

from livehead.core.block import FPS
from livehead.media.rtp.rate_control import BitratePolicy
from livehead.media.video.encoder import CLOCK_RATE, VideoEncoder

CODECS = ("h264", "vp8")
TICK = CLOCK_RATE // FPS

Encode = Callable[[NDArray[np.uint8], int, int], bytes]
"""Encodes an I420 frame, number n from 0 on, at a bit rate in bits a second; returns the frame's bytes."""


def ours(codec: str, size: int) -> tuple[Encode, VideoEncoder]:
    """Livehead's encoder as a function, and the object itself. Its clock is the clip's, not the wall's."""
    at = 0

    def encode(i420: NDArray[np.uint8], n: int, bitrate: int) -> bytes:
        nonlocal at
        at = n
        return encoder.encode(i420, n * TICK, bitrate).data

    encoder = VideoEncoder(codec, BitratePolicy(size, size).ceiling, clock=lambda: at / FPS)
    return encode, encoder


STOCK_SHARE = 30 / FPS
"""aiortc tells x264 to expect 30 frames a second, so that at 25 it spends less than its bit rate."""


def stock(codec: str, share: float = 1.0) -> Encode:
    """aiortc's encoder as it comes, given ``share`` times the bit rate."""
    h264, vp8 = H264Encoder(), Vp8Encoder()

    def frame_of(i420: NDArray[np.uint8], n: int) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts, frame.time_base = n * TICK, Fraction(1, CLOCK_RATE)
        return frame

    def encode_h264(i420: NDArray[np.uint8], n: int, bitrate: int) -> bytes:
        h264.target_bitrate = round(bitrate * share)
        return b"".join(b"\x00\x00\x00\x01" + unit for unit in h264._encode_frame(frame_of(i420, n), False))

    def encode_vp8(i420: NDArray[np.uint8], n: int, bitrate: int) -> bytes:
        vp8.target_bitrate = round(bitrate * share)
        payloads, _ = vp8.encode(frame_of(i420, n))
        return b"".join(vp8_depayload(payload) for payload in payloads)

    return encode_h264 if codec == "h264" else encode_vp8


def is_keyframe(codec: str, data: bytes) -> bool:
    """Whether an encoded frame is a keyframe: an IDR unit (ITU-T H.264, 7.4.1), or VP8's P bit unset (RFC 6386,
    9.1)."""
    if codec == "vp8":
        return bool(data) and not data[0] & 1
    at = data.find(b"\x00\x00\x01")
    while at != -1 and at + 3 < len(data):
        if data[at + 3] & 0x1F == 5:
            return True
        at = data.find(b"\x00\x00\x01", at + 3)
    return False
