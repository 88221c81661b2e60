"""Where a stream goes on that another worker made until now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import Pcm


@dataclass(frozen=True, slots=True, eq=False)
class ResumePoint:
    """The stream's last frame was that of block ``k``. ``frames`` are its last ones, at most as many as the generator
    wants to be shown after a rewind, oldest first, I420 as in :class:`~livehead.core.frame.Frame`; they are of the
    blocks ``ks``. ``heard`` is the audio that it made its last frames from, float32, whole blocks, 8 seconds at most.
    ``made`` is how many frames it has made in all, less those that were taken back."""

    k: int
    ks: tuple[int, ...]
    frames: tuple[NDArray[np.uint8], ...]
    heard: Pcm
    made: int
