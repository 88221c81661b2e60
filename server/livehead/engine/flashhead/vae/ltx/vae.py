"""LTX 0.9 as Lite's autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.geometry import WINDOW
from livehead.engine.flashhead.vae.base import Moments
from livehead.engine.flashhead.vae.latents import LatentStatistics
from livehead.engine.flashhead.vae.ltx.autoencoder import Ltx

CALIBRATION = (3, 8, 8)
"""Size of the noise that is decoded to find the range of the activations: 17 frames of 256 × 256."""


class LtxVae(LatentStatistics):
    """LTX 0.9: strides (8, 32, 32), 128 channels, a sampled posterior."""

    samples = True

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        self.model = Ltx({name: value for name, value in config.items() if not name.startswith("_")}, device, dtype)
        super().__init__(self.model.channels, device)

    def targets(self) -> dict[str, Tensor]:
        return {"latents_mean": self.mean, "latents_std": self.deviation, **self.model.targets}

    def prepare(self) -> None:
        self.model.prepare()

    def quantize(self) -> None:
        noise = torch.Generator(self.mean.device).manual_seed(0)
        latents = torch.randn(1, self.model.channels, *CALIBRATION, generator=noise, device=self.mean.device)
        self.model.quantize(self.denormalise(latents))

    def encode(self, frames: Tensor) -> Moments:
        mean, logvar = self.model.encode(frames)
        return Moments(mean, torch.exp(0.5 * logvar.clamp(-30.0, 20.0)).expand_as(mean))

    def encode_portrait(self, portrait: Tensor) -> Moments:
        # The encoder is causal and repeats the first frame before it, so a portrait shown in all frames has the same
        # posterior in every latent frame: encoding one frame is enough.
        one = self.encode(portrait[:, :, None])
        frames = 1 + (WINDOW - 1) // self.model.stride
        assert one.deviation is not None
        return Moments(one.mean.expand(-1, -1, frames, -1, -1), one.deviation.expand(-1, -1, frames, -1, -1))

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        return self.model.decode(self.denormalise(latents), wanted).transpose(1, 2)
