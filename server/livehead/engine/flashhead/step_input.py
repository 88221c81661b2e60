"""What a step and a rewind may be asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import Work
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.stream import FlashHeadStream


def check_step(work: Sequence[Work], pixel_format: str, geometry: Geometry, max_batch: int) -> list[Pcm]:
    """Each item's samples, float32, whole blocks. Raises ValueError for work that no step can be made of."""
    if pixel_format not in ("yuv420p", "rgb24"):
        raise ValueError(f"pixel_format must be yuv420p or rgb24, not {pixel_format!r}")
    if len(work) > max_batch:
        raise ValueError(f"{len(work)} streams in a step, {max_batch} at most")
    if len({id(item.stream) for item in work}) != len(work):
        raise ValueError("a stream can be stepped only once at a time")
    return [_samples(item, geometry.new_frames) for item in work]


def _samples(item: Work, most: int) -> Pcm:
    pcm = np.asarray(item.pcm, dtype=np.float32)
    if pcm.ndim != 1 or len(pcm) % BLOCK_SAMPLES or not np.isfinite(pcm).all():
        raise ValueError(f"pcm must be finite samples, a multiple of {BLOCK_SAMPLES}, in one dimension")
    known = len(pcm) // BLOCK_SAMPLES
    if not 1 <= item.hop <= known <= most:
        raise ValueError(
            f"hop {item.hop} with {known} frames of audio: hop must be at least 1, lookahead at least 0, and "
            f"both together {most} at most"
        )
    if item.stream.closed:
        raise ValueError("the stream is closed")
    return pcm


def check_rewind(
    stream: FlashHeadStream, shown: NDArray[np.uint8], unshown: int, geometry: Geometry
) -> NDArray[np.uint8]:
    """``shown`` as an array. Raises ValueError for another shape or dtype than uint8 (m, H, W, 3), for a closed
    stream, and for more ``unshown`` frames than were made."""
    shown = np.asarray(shown)
    expected = (geometry.motion_frames, geometry.height, geometry.width, 3)
    if shown.shape != expected or shown.dtype != np.uint8:
        raise ValueError(f"shown must be uint8 {expected}, not {shown.dtype} {shown.shape}")
    if stream.closed:
        raise ValueError("the stream is closed")
    if not 0 <= unshown <= stream.history.frames:
        raise ValueError(f"unshown must be 0 … {stream.history.frames}, the frames made so far, not {unshown}")
    return shown
