"""The frames that a stream delivered last, and the audio that they were made from, so that any worker can go on from
them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.core.frame import Frame
from livehead.engine.base import GeneratorInfo
from livehead.engine.resume_point import ResumePoint

HEARD = 200
"""Blocks of audio in a :class:`ResumePoint`: 8 s, as much as any generator listens back."""


class DeliveredFrames:
    """Bounded like the worker's own history: frames of one window, and those before it that a generator wants to be
    shown. They are the session's own objects, not copies. ``made`` counts all frames, less those taken back."""

    def __init__(self, info: GeneratorInfo) -> None:
        self.made = 0
        self._shown = info.motion_frames
        self._frames: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=info.window + info.motion_frames)
        # More than is told, since a rewind takes back what pushed the oldest out.
        self._heard: deque[tuple[int, Pcm]] = deque(maxlen=HEARD + 2 * info.window)

    def keep(self, k: int, frames: Sequence[Frame], pcm: Pcm) -> None:
        """Frames of blocks ``k``, ``k + 1``, … were delivered. ``pcm`` is float32, at least their blocks."""
        for offset, frame in enumerate(frames):
            self._frames.append((k + offset, frame.i420))
            self._heard.append((k + offset, pcm[offset * BLOCK_SAMPLES : (offset + 1) * BLOCK_SAMPLES]))
        self.made += len(frames)

    def rewind(self, shown_k: int) -> None:
        """Frames of blocks after ``shown_k`` are taken back."""
        while self._heard and self._heard[-1][0] > shown_k:
            self._heard.pop()
            self.made = max(0, self.made - 1)
        while self._frames and self._frames[-1][0] > shown_k:
            self._frames.pop()

    def begin_anew(self) -> None:
        """The generator began with the portrait once more. What was delivered was delivered all the same."""
        self.made = 0

    def point(self) -> ResumePoint | None:
        """To go on from the last frame delivered; None where there is none."""
        if not self._frames:
            return None
        last = list(self._frames)[-self._shown :] if self._shown else []
        heard = [pcm for _, pcm in list(self._heard)[-HEARD:]]
        return ResumePoint(
            self._frames[-1][0],
            tuple(k for k, _ in last),
            tuple(frame for _, frame in last),
            np.concatenate(heard).astype(np.float32, copy=False),
            self.made,
        )
