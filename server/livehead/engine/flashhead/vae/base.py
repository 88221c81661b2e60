"""What the engine asks of a video autoencoder.

Latents outside are always normalised and float32; inside they are in the model's dtype. Frames are (B, 3, N, H, W) in
about [−1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Moments:
    """A posterior, float32 (B, C, T, h, w), not normalised. ``deviation`` is None if the mean is used."""

    mean: Tensor
    deviation: Tensor | None


class Vae(Protocol):
    """A video autoencoder with its weights."""

    samples: bool
    """Whether its posterior is sampled with noise; if not, its mean is used."""

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name."""

    def prepare(self) -> None:
        """Lay out the weights for the device, once they are filled in."""

    def quantize(self) -> None:
        """Convolve in 8-bit integers, where that is faster and the frames stay within their gate. After prepare()."""

    def encode(self, frames: Tensor) -> Moments:
        """(B, 3, N, H, W) → the posterior of its latent frames."""

    def encode_portrait(self, portrait: Tensor) -> Moments:
        """(1, 3, H, W) → the posterior of a window that shows the portrait in all of its 33 frames."""

    def normalise(self, moments: Moments, noise: Tensor | None) -> Tensor:
        """A sample of the posterior, or its mean without noise, normalised: float32 (B, C, T, h, w)."""

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        """Normalised (B, C, T, h, w) → (B, 3, n, H, W): all 33 frames, or the wanted ones, which costs less.

        A frame does not depend on which others are wanted, but for rounding.
        """
