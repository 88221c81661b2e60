"""What the engine remembers of one portrait in motion between two windows."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.flashhead.colour.match import Look
from livehead.engine.flashhead.noise import Noise
from livehead.engine.flashhead.weights.config import AUDIO_SAMPLES

_KEPT = AUDIO_SAMPLES + 1000 * BLOCK_SAMPLES
"""Samples of history that are surely kept: what a window needs, after a rewind of up to 1000 frames."""


class History:
    """The sound of the frames made so far, enough of it to look back 8 s. Silence before the start."""

    def __init__(self) -> None:
        self._samples = np.zeros(2 * _KEPT, np.float32)
        self._end = 0
        self.frames = 0

    def window(self, pcm: Pcm, ahead: int, out: Pcm) -> None:
        """Write the 128,000 samples that end ``ahead`` frames after the frames made so far.

        ``pcm`` is what is known of those; the rest of them is silence.
        """
        place = AUDIO_SAMPLES - ahead * BLOCK_SAMPLES
        known = min(place, self._end)
        out[: place - known] = 0
        out[place - known : place] = self._samples[self._end - known : self._end]
        out[place : place + len(pcm)] = pcm
        out[place + len(pcm) :] = 0

    def append(self, pcm: Pcm) -> None:
        """Add the sound of whole frames."""
        if self._end + len(pcm) > len(self._samples):
            kept = min(_KEPT, self._end)
            self._samples[:kept] = self._samples[self._end - kept : self._end].copy()
            self._end = kept
        self._samples[self._end : self._end + len(pcm)] = pcm
        self._end += len(pcm)
        self.frames += len(pcm) // BLOCK_SAMPLES

    def drop(self, frames: int) -> None:
        """Forget the newest ``frames``. Raises ValueError where there were fewer."""
        if not 0 <= frames <= self.frames:
            raise ValueError(f"cannot drop {frames} frames of {self.frames}")
        self._end = max(0, self._end - frames * BLOCK_SAMPLES)
        self.frames -= frames


class FlashHeadStream:
    """One stream. Opaque to callers but for the latents and features that tests look at."""

    def __init__(self, noise: Noise, look: Look, reference: Tensor, first: Tensor) -> None:
        self.noise = noise
        self.look = look
        self.reference = reference
        """The reference latent's half of the patch embedding, (S, dim)."""
        self.first = first
        """Motion latent of the first window, float32 (C, 1, h, w)."""
        self.motion: Tensor | None = None
        """Motion latents of the next window, float32 (C, 2, h, w); None before there are any."""
        self.embedding: Tensor | None = None
        self.history = History()
        self.windows = 0
        self.rewinds = 0
        self.closed = False

    @property
    def first_latent(self) -> Tensor:
        """float32 (C, 1, h, w) on the CPU: the first window's motion latent."""
        return self.first.cpu()

    @property
    def motion_latent(self) -> Tensor | None:
        """float32 (C, 2, h, w) on the CPU: what the last step or rewind left; None before."""
        return None if self.motion is None else self.motion.cpu()

    @property
    def audio_embedding(self) -> Tensor | None:
        """float32 (33, 5, layers, hidden) on the CPU, of the last step; None before."""
        return None if self.embedding is None else self.embedding.cpu()
