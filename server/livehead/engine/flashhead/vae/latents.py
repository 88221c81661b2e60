"""The normalisation of latents by their mean and deviation."""

from __future__ import annotations

import torch
from torch import Tensor

from livehead.engine.flashhead.vae.base import Moments


class LatentStatistics:
    """Mean and deviation of each latent channel, float32 (C,)."""

    def __init__(self, channels: int, device: torch.device) -> None:
        self.mean = torch.zeros(channels, device=device)
        self.deviation = torch.ones(channels, device=device)

    def normalise(self, moments: Moments, noise: Tensor | None) -> Tensor:
        latents = moments.mean
        if moments.deviation is not None and noise is not None:
            latents = latents + moments.deviation * noise
        return (latents - _wide(self.mean)) / _wide(self.deviation)

    def denormalise(self, latents: Tensor) -> Tensor:
        return latents * _wide(self.deviation) + _wide(self.mean)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]
