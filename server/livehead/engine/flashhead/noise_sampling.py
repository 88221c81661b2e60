"""The noise that a window, a portrait and a rewind need, by the names that make a run reproducible."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.noise import Noise, sample_noise
from livehead.engine.flashhead.stream import FlashHeadStream

_WINDOW = ("init", *(f"renoise{i}" for i in range(STEPS - 1)))


class NoiseSampler:
    """``posteriors`` says whether the autoencoder's posteriors are sampled. If not, they get no noise: None."""

    def __init__(self, geometry: Geometry, device: torch.device, *, posteriors: bool) -> None:
        c, _, h, w = geometry.latent
        self._window = geometry.latent
        self._motion = c, 2, h, w
        self._device = device
        self._posteriors = posteriors

    def reference(self, noise: Noise) -> Tensor | None:
        """For a portrait's posterior, float32 (C, T, h, w)."""
        return sample_noise(noise, "ref_posterior", self._window, self._device) if self._posteriors else None

    def window(self, streams: Sequence[FlashHeadStream]) -> Tensor:
        """float32 (4, B, C, T, h, w): the initial noise, then what is added after each denoising step but the last."""
        sampled = [
            torch.stack(
                [sample_noise(s.noise, f"chunk{s.windows}/{name}", self._window, self._device) for name in _WINDOW]
            )
            for s in streams
        ]
        return torch.stack(sampled, dim=1)

    def motion(self, streams: Sequence[FlashHeadStream]) -> Tensor | None:
        """For the posterior of the frames fed back after this window, float32 (B, C, 2, h, w)."""
        return self._stacked([(s.noise, f"chunk{s.windows}/motion_posterior") for s in streams])

    def rewind(self, stream: FlashHeadStream) -> Tensor | None:
        """For the posterior of the frames really shown, float32 (1, C, 2, h, w)."""
        return self._stacked([(stream.noise, f"rewind{stream.rewinds}/motion_posterior")])

    def _stacked(self, named: Sequence[tuple[Noise, str]]) -> Tensor | None:
        if not self._posteriors:
            return None
        return torch.stack([sample_noise(noise, name, self._motion, self._device) for noise, name in named])
