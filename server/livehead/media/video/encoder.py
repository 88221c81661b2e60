"""Video encoders set up for a live talking head.

H264 by x264: superfast, zero latency, constrained baseline; by NVENC where the machine really has it. VP8
by libvpx: real time, no denoiser, which costs clean frames 1 to 8 dB. BT.601 limited range is signalled.
Encoders run in threads: every call here may block for a few milliseconds.

Two things are not as in x264's preset, both found by measuring speaking portraits of 512 x 512 at 0.3 to 2.4 Mbit/s
(``livehead bench media`` repeats it). Adaptive quantisation at half its strength: 0.1 to 0.8 dB more, and a little less
work. No finer quantisation than :data:`FINEST`: where the head is still, a frame that is as good as anybody can see
takes half the bits and a seventh less work; of VP8, half the bits and a quarter less work.

The same frame again takes 20 kbit/s, but x264 four fifths of the work: it copies, filters and weighs every frame before
it finds that nothing has changed.

One reference frame, as in the preset. Three give 0.1 to 0.2 dB for a sixth more work: between two frames of a call
other work has the caches, and every further reference has to be fetched anew. Subme 2, finer partitions and trellis
gave less for more work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from livehead.core.block import FPS

logger = logging.getLogger(__name__)

CLOCK_RATE = 90_000
TIME_BASE = Fraction(1, CLOCK_RATE)
NEVER = 100_000
"""Frames between keyframes that nobody requested: more than an hour."""

SMPTE170M = 6
LIMITED = 1

X264_BUFFER = 0.15
"""Seconds of the highest rate that one frame may take: bounds a keyframe's burst."""

FINEST = 15
FINEST_VP8 = 8
"""The least quantisers of x264 and libvpx: PSNR of 46 to 47 dB, beyond which bits are spent on what nobody sees."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One encoded frame: H264 in Annex B form, or a VP8 frame."""

    data: bytes
    keyframe: bool


class VideoEncoder:
    """One stream of frames in one codec: ``"h264"`` or ``"vp8"``. Not thread-safe: one call at a time.

    ``ceiling`` is the highest rate that will ever be asked for, in bits a second. ``name`` is the codec library in
    use, once there is one.
    """

    def __init__(self, codec: str, ceiling: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.codec = codec
        self.ceiling = ceiling
        self.name: str | None = None
        self.opened = 0
        self._clock = clock
        self._context: VideoCodecContext | None = None
        self._rate = 0
        self._since = 0.0

    def encode(self, i420: NDArray[np.uint8], pts: int, bitrate: int, *, keyframe: bool = False) -> EncodedFrame:
        """Encode one frame, uint8 ``(height * 3 // 2, width)``, at ``pts`` of the 90 kHz clock. It is read where it
        lies, and must not be written to meanwhile.

        Raises ``av.FFmpegError``; after that the next call begins anew with a keyframe.
        """
        bitrate = min(bitrate, self.ceiling)
        width, height = i420.shape[1], i420.shape[0] * 2 // 3
        context = self._context
        if context is not None and (context.width, context.height) != (width, height):
            context = None
        if context is not None and self.name == "libvpx" and self._worth_reopening(bitrate, keyframe):
            context = None
        if context is None:
            context = self._open(width, height, bitrate)
        if self.name != "libvpx" and bitrate != self._rate:
            # x264 and NVENC look at the rate before every frame, and adapt without a keyframe.
            context.bit_rate = self._rate = bitrate
        frame = _frame(i420)
        frame.pts = pts
        frame.time_base = TIME_BASE
        frame.colorspace = SMPTE170M
        frame.color_range = LIMITED
        # Encoders read the type of every frame object: it must never be left over from another.
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        try:
            packets = context.encode(frame)
        except av.FFmpegError:
            self._context = None
            raise
        return EncodedFrame(b"".join(bytes(p) for p in packets), any(p.is_keyframe for p in packets))

    def _worth_reopening(self, bitrate: int, keyframe: bool) -> bool:
        """libvpx takes a new rate only at its opening, which costs a keyframe: so seldom, or when one is due."""
        ratio = bitrate / self._rate
        age = self._clock() - self._since
        if keyframe:
            return not 0.95 < ratio < 1.05
        return (ratio < 0.8 and age > 1.0) or (ratio > 1.3 and age > 8.0)

    def _open(self, width: int, height: int, bitrate: int) -> VideoCodecContext:
        self._since = self._clock()
        self.opened += 1
        if self.codec == "vp8":
            context = _vp8(width, height, bitrate)
            self._rate = bitrate
        else:
            # The library compares the rate with its ceiling when it is opened and then stays in constant-rate mode,
            # where later changes take hold within a second.
            context = _nvenc(width, height, self.ceiling) if has_nvenc() else _x264(width, height, self.ceiling)
            self._rate = self.ceiling
        self.name = context.name
        self._context = context
        return context


@cache
def has_nvenc() -> bool:
    """Whether NVENC works here: one frame is really encoded. GPUs of the H100 class have no encoder.

    Where there is a GPU the first call takes up to 0.7 s, in which PyAV lets no other thread run: not for a session.
    """
    try:
        context = _nvenc(256, 256, 1_000_000)
        context.encode(av.VideoFrame.from_ndarray(np.full((384, 256), 128, np.uint8), format="yuv420p"))
    except (av.FFmpegError, ValueError, RuntimeError):
        return False
    logger.info("H264 is encoded by NVENC")
    return True


def _frame(i420: NDArray[np.uint8]) -> av.VideoFrame:
    """The frame where it lies: copying it would be a tenth of the work. PyAV takes that for plain sizes only."""
    if i420.shape[1] % 16 or i420.shape[0] % 24 or not i420.flags.c_contiguous:
        return av.VideoFrame.from_ndarray(i420, format="yuv420p")
    return av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")


def _context(library: str, width: int, height: int, bitrate: int, options: dict[str, str]) -> VideoCodecContext:
    context = av.CodecContext.create(library, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(FPS)
    context.time_base = TIME_BASE
    context.gop_size = NEVER
    context.max_b_frames = 0
    context.bit_rate = bitrate
    context.thread_count = 1
    context.colorspace = context.color_primaries = context.color_trc = SMPTE170M
    context.color_range = LIMITED
    context.options = options
    context.open()
    return context


def _x264(width: int, height: int, ceiling: int) -> VideoCodecContext:
    options = {
        "preset": "superfast",
        "tune": "psnr,zerolatency",
        "aq-mode": "1",
        "aq-strength": "0.5",
        "qmin": str(FINEST),
        "profile": "baseline",
        "maxrate": str(ceiling),
        "bufsize": str(round(ceiling * X264_BUFFER)),
    }
    return _context("libx264", width, height, ceiling, options)


def _nvenc(width: int, height: int, ceiling: int) -> VideoCodecContext:
    options = {
        "preset": "p4",
        "tune": "ull",
        "profile": "baseline",
        "rc": "cbr",
        "zerolatency": "1",
        "delay": "0",
        "forced-idr": "1",
        "maxrate": str(ceiling),
        "bufsize": str(round(ceiling * X264_BUFFER)),
    }
    return _context("h264_nvenc", width, height, ceiling, options)


def _vp8(width: int, height: int, bitrate: int) -> VideoCodecContext:
    options = {
        "deadline": "realtime",
        "cpu-used": "-6",
        "lag-in-frames": "0",
        "noise-sensitivity": "0",
        "static-thresh": "1",
        "error-resilient": "0",
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "qmin": str(FINEST_VP8),
        "qmax": "56",
    }
    return _context("libvpx", width, height, bitrate, options)
