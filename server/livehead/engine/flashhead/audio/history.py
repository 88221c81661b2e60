"""The audio that a stream has heard so far."""

from __future__ import annotations

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.flashhead.geometry import AUDIO_SAMPLES

_KEPT = AUDIO_SAMPLES + 1000 * BLOCK_SAMPLES
"""Samples that are always kept: what a window sees after a rewind of up to 1000 frames."""


class AudioHistory:
    """The 16 kHz audio of the frames made so far, as much of it as windows see. Silence before the start."""

    def __init__(self) -> None:
        self._samples = np.zeros(2 * _KEPT, np.float32)
        self._end = 0
        self.frames = 0

    def window(self, pcm: Pcm, ahead: int, out: Pcm) -> None:
        """Write the 128,000 samples that end ``ahead`` frames after the frames made so far to ``out``.

        ``pcm`` are those of the frames ahead that are known; the rest is silence.
        """
        place = AUDIO_SAMPLES - ahead * BLOCK_SAMPLES
        known = min(place, self._end)
        out[: place - known] = 0
        out[place - known : place] = self._samples[self._end - known : self._end]
        out[place : place + len(pcm)] = pcm
        out[place + len(pcm) :] = 0

    def append(self, pcm: Pcm) -> None:
        """Add the samples of whole frames."""
        if self._end + len(pcm) > len(self._samples):
            kept = min(_KEPT, self._end)
            self._samples[:kept] = self._samples[self._end - kept : self._end].copy()
            self._end = kept
        self._samples[self._end : self._end + len(pcm)] = pcm
        self._end += len(pcm)
        self.frames += len(pcm) // BLOCK_SAMPLES

    def drop(self, frames: int) -> None:
        """Forget the newest ``frames``. Raises ValueError if there are fewer."""
        if not 0 <= frames <= self.frames:
            raise ValueError(f"cannot drop {frames} frames of {self.frames}")
        self._end = max(0, self._end - frames * BLOCK_SAMPLES)
        self.frames -= frames
