"""Wan 2.1 as Pro's autoencoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.geometry import WINDOW
from livehead.engine.flashhead.vae.base import Moments
from livehead.engine.flashhead.vae.latents import LatentStatistics
from livehead.engine.flashhead.vae.wan.autoencoder import Wan

_LATENTS: Mapping[str, Sequence[float]] = {
    "latents_mean": (
        *(-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508),
        *(0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
    ),
    "latents_std": (
        *(2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743),
        *(3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160),
    ),
}
"""From diffusers' default configuration. LTX has its own in its file; the published Wan file does not."""


class WanVae(LatentStatistics):
    """Wan 2.1: strides (4, 8, 8), 16 channels, the posterior's mean."""

    samples = False

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        options = dict(config)
        constants = {name: options.pop(name, values) for name, values in _LATENTS.items()}
        self.model = Wan(options, device, dtype)
        super().__init__(self.model.channels, device)
        for target, (name, values) in zip((self.mean, self.deviation), constants.items(), strict=True):
            if len(values) != self.model.channels:
                raise ValueError(f"{name} has {len(values)} entries for {self.model.channels} latent channels")
            target.copy_(torch.tensor(values))

    def targets(self) -> dict[str, Tensor]:
        return dict(self.model.targets)

    def prepare(self) -> None:
        self.model.prepare()

    def quantize(self) -> None:
        """Nothing: most of the time goes into 96 and 192 channels, and a tile of integers has 128."""

    def encode(self, frames: Tensor) -> Moments:
        return Moments(self.model.encode(frames), None)

    def encode_portrait(self, portrait: Tensor) -> Moments:
        # Zeros are padded before the first frame, so the latent frames of such a window differ.
        return self.encode(portrait[:, :, None].expand(-1, -1, WINDOW, -1, -1))

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        return self.model.decode(self.denormalise(latents), wanted).transpose(1, 2)
