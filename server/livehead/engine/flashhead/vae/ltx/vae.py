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

TEST_CLIP = (17, 128)
"""Frames, and their sides in pixels."""


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
        convs = self.model.int8_convs()
        if not convs:
            return
        for conv in convs:
            conv.watch()
        # The range of the activations is that of two clips: a test picture, and what noise is decoded to.
        seen, _ = self.model.encode(_test_clip(self.mean.device))
        generator = torch.Generator(self.mean.device).manual_seed(0)
        noise = torch.randn(seen.shape, generator=generator, device=self.mean.device)
        self.model.decode(torch.cat((seen, self.denormalise(noise))))
        for conv in convs:
            conv.quantize()

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


def _test_clip(device: torch.device) -> Tensor:
    """Frames in [−1, 1], (1, 3, N, H, W): waves that move, in squares beside plain black and white."""
    frames, side = TEST_CLIP
    x, colour, frame = (torch.arange(float(count), device=device) for count in (side, 3, frames))
    y, colour, frame = x[:, None], colour.view(3, 1, 1, 1), frame.view(frames, 1, 1)
    waves = torch.sin(x / (6 + 4 * colour) + y / 20 + frame / 3)
    squares = (x // 16 + y // 16) % 4
    return torch.where(squares < 2, waves, 2 * squares - 5)[None]
