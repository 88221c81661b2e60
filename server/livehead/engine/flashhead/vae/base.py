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
    """A posterior, float32 (B, C, T, h, w), not normalised. ``deviation`` is None where the mean is taken."""

    mean: Tensor
    deviation: Tensor | None


class Vae(Protocol):
    """What the engine asks of an autoencoder."""

    samples: bool
    """Whether its posterior is sampled (with noise), or its mean taken."""

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name."""

    def prepare(self) -> None:
        """Lay the filled-in weights out for the device, once."""

    def encode(self, frames: Tensor) -> Moments: ...

    def encode_portrait(self, picture: Tensor) -> Moments:
        """(1, 3, H, W) → the posterior of the picture held for a whole window."""

    def normalise(self, moments: Moments, noise: Tensor | None) -> Tensor: ...

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        """Normalised (B, C, T, h, w) → (B, 3, n, H, W): all 33 frames, or the wanted ones, which costs less.

        A frame is the same whichever others are wanted, up to rounding.
        """
