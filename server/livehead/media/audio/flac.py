"""FLAC without a container (RFC 9639): mono, 16 bits, 16 kHz, lossless. Blocking, some ms for a second of audio."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from livehead.core.block import SAMPLE_RATE
from livehead.errors import MediaError

Samples = NDArray[np.int16]

_STREAMINFO = struct.pack(
    ">HH6sQ16s",
    16,  # smallest and largest block that there may be
    65535,
    bytes(6),  # sizes of frames: not known
    SAMPLE_RATE << 44 | (1 - 1) << 41 | (16 - 1) << 36,  # and a length that is not known
    bytes(16),  # no MD5
)
"""RFC 9639, 8.2. The same for every stretch, so that it need not be kept with each."""


def encode_flac(samples: Samples) -> list[bytes]:
    """The FLAC frames of a stretch of samples, int16 ``(n,)``; none for no samples."""
    if not len(samples):
        return []
    encoder = av.CodecContext.create("flac", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = SAMPLE_RATE, "s16", "mono"
    encoder.open()
    step = encoder.frame_size or len(samples)
    packets: list[bytes] = []
    for start in range(0, len(samples), step):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, start : start + step]), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return [packet for packet in packets if packet]


def decode_flac(frames: Sequence[bytes], length: int) -> Samples:
    """The ``length`` samples that were encoded as ``frames``. The frames may be anybody's: no more than ``length``
    samples and one frame are ever decoded.

    Raises :class:`~livehead.errors.MediaError` where they are broken, or another number of samples.
    """
    if not frames and not length:
        return np.zeros(0, np.int16)
    decoder = av.CodecContext.create("flac", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.extradata = _STREAMINFO
    parts: list[Samples] = []
    left = length
    try:
        for data in (*frames, None):
            for frame in decoder.decode(None if data is None else av.Packet(data)):
                part = frame.to_ndarray()
                if part.dtype != np.int16 or part.shape[0] != 1 or (left := left - part.shape[1]) < 0:
                    raise MediaError("its audio is not what its size says")
                parts.append(part[0])
    except (av.FFmpegError, ValueError) as error:
        raise MediaError("its audio cannot be decoded") from error
    if left:
        raise MediaError("some of its audio is missing")
    return np.concatenate(parts)
