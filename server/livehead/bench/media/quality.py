"""How much an encoder changed: the frames are decoded and compared with the originals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from livehead.errors import MediaError

DECODERS = {"h264": "h264", "vp8": "libvpx"}
PEAK = 255.0


@dataclass(frozen=True, slots=True)
class Quality:
    """PSNR in dB: of the mean error over all frames, for the luma (``y``) and for all samples (``planes``); of the luma
    of the worst frame, and of the first."""

    y: float
    planes: float
    worst: float
    first: float


def quality(codec: str, frames: Sequence[NDArray[np.uint8]], encoded: Sequence[bytes], settled: int) -> Quality:
    """Compare I420 frames with what a decoder makes of their encoding. The first ``settled`` count for ``first`` only.
    Raises :class:`~livehead.errors.MediaError` if a frame is missing."""
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, VideoCodecContext)
    decoded = [image for data in encoded for image in context.decode(av.Packet(data))]
    decoded += context.decode(None)
    if len(decoded) != len(frames):
        raise MediaError(f"{codec}: {len(frames)} frames were encoded, {len(decoded)} came out of the decoder.")
    errors = np.array(
        [_errors(frame, np.asarray(image.to_ndarray(), np.uint8)) for frame, image in zip(frames, decoded, strict=True)]
    )
    counted = errors[min(settled, len(errors) - 1) :]
    luma, planes = counted.mean(axis=0)
    return Quality(_db(luma), _db(planes), _db(counted[:, 0].max()), _db(errors[0, 0]))


def _errors(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean square error of the luma, and of all planes."""
    square = np.square(a.astype(np.float32) - b.astype(np.float32))
    return float(square[: a.shape[1]].mean(dtype=np.float64)), float(square.mean(dtype=np.float64))


def _db(error: float) -> float:
    return float(10 * np.log10(PEAK**2 / max(error, 1e-6)))
