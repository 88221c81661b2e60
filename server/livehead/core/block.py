"""The media constants and the block: 40 ms of audio and the one frame that shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second of everything inside the server, mono."""

FPS = 25
"""Frames a second."""

BLOCK_SAMPLES = SAMPLE_RATE // FPS
"""Samples in a block: 640."""

BLOCK_MS = 1000 // FPS
"""Length of a block in milliseconds: 40."""

BLOCK_S = 1 / FPS
"""Length of a block in seconds: 0.04."""

Pcm = NDArray[np.float32]
"""Mono samples at 16 kHz, float32 in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Block:
    """Block ``k``: the samples ``[k·640, (k+1)·640)`` of the session's media timeline. ``silent``: there is no speech
    in them, though there may be noise."""

    k: int
    pcm: Pcm
    silent: bool = False


def quantize(pcm: Pcm) -> Pcm:
    """The samples rounded to 16 bits, float32 still: ``n / 32768`` for whole n from -32768 to 32767. No zero is
    negative: that would not survive being written as 16 bits."""
    return np.asarray(np.clip(np.rint(pcm * 32768), -32768, 32767) / 32768 + 0.0, np.float32)
