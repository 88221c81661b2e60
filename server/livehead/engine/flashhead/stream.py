"""What the engine remembers of one stream between two windows."""

from __future__ import annotations

from torch import Tensor

from livehead.engine.flashhead.audio.history import AudioHistory
from livehead.engine.flashhead.colour.match import ColourStatistics
from livehead.engine.flashhead.noise import Noise


class FlashHeadStream:
    """One stream. Opaque to callers, but for the latents and the audio embedding that tests compare."""

    def __init__(self, noise: Noise, colours: ColourStatistics, reference: Tensor, first: Tensor) -> None:
        self.noise = noise
        self.colours = colours
        """Of the fitted portrait."""
        self.reference = reference
        """The reference latent's half of the patch embedding, (S, dim)."""
        self.first = first
        """Motion latent of the first window, float32 (C, 1, h, w)."""
        self.motion: Tensor | None = None
        """Motion latents of the next window, float32 (C, 2, h, w); None before the first window."""
        self.embedding: Tensor | None = None
        self.history = AudioHistory()
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
