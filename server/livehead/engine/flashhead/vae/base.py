"""The two video autoencoders: LTX 0.9 for Lite (``ltx``), Wan 2.1 for Pro (``wan``).

Latents outside are always normalised and float32; inside they are in the model's dtype. Frames are
(B, 3, N, H, W) in about [−1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from livehead.engine.flashhead.vae.ltx.autoencoder import Ltx
from livehead.engine.flashhead.vae.wan.autoencoder import Wan
from livehead.engine.flashhead.weights.config import WINDOW, Geometry, Variant, read_json
from livehead.errors import CheckpointError

_WAN_LATENTS: Mapping[str, Sequence[float]] = {
    "latents_mean": (
        *(-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508),
        *(0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
    ),
    "latents_std": (
        *(2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743),
        *(3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160),
    ),
}
"""LTX has its own in its file; the published Wan file does not."""


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


class _Latents:
    """What the two have in common: the latents' mean and deviation."""

    def __init__(self, channels: int, device: torch.device) -> None:
        self.mean = torch.zeros(channels, device=device)
        self.deviation = torch.ones(channels, device=device)

    def normalise(self, moments: Moments, noise: Tensor | None) -> Tensor:
        latents = moments.mean
        if moments.deviation is not None and noise is not None:
            latents = latents + moments.deviation * noise
        return (latents - _wide(self.mean)) / _wide(self.deviation)

    def _scaled(self, latents: Tensor) -> Tensor:
        return latents * _wide(self.deviation) + _wide(self.mean)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


class LtxVae(_Latents):
    """LTX 0.9: strides (8, 32, 32), 128 channels, a sampled posterior."""

    samples = True

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        self.model = Ltx({name: value for name, value in config.items() if not name.startswith("_")}, device, dtype)
        super().__init__(self.model.channels, device)

    def targets(self) -> dict[str, Tensor]:
        return {"latents_mean": self.mean, "latents_std": self.deviation, **self.model.targets}

    def prepare(self) -> None:
        self.model.prepare()

    def encode(self, frames: Tensor) -> Moments:
        mean, logvar = self.model.encode(frames)
        return Moments(mean, torch.exp(0.5 * logvar.clamp(-30.0, 20.0)).expand_as(mean))

    def encode_portrait(self, picture: Tensor) -> Moments:
        # The encoder is causal and pads time with the first frame, so a held picture has the same
        # posterior in every latent frame: one frame is enough.
        one = self.encode(picture[:, :, None])
        frames = 1 + (WINDOW - 1) // self.model.stride
        assert one.deviation is not None
        return Moments(one.mean.expand(-1, -1, frames, -1, -1), one.deviation.expand(-1, -1, frames, -1, -1))

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        return self.model.decode(self._scaled(latents), wanted).transpose(1, 2)


class WanVae(_Latents):
    """Wan 2.1: strides (4, 8, 8), 16 channels, the posterior's mean."""

    samples = False

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        options = dict(config)
        constants = {name: options.pop(name, values) for name, values in _WAN_LATENTS.items()}
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

    def encode(self, frames: Tensor) -> Moments:
        return Moments(self.model.encode(frames), None)

    def encode_portrait(self, picture: Tensor) -> Moments:
        # Time begins with zeros, so a held picture's latent frames are not the same.
        return self.encode(picture[:, :, None].expand(-1, -1, WINDOW, -1, -1))

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        return self.model.decode(self._scaled(latents), wanted).transpose(1, 2)


def build_vae(
    variant: Variant, config: Mapping[str, Any], geometry: Geometry, device: torch.device, dtype: torch.dtype
) -> Vae:
    """An autoencoder with empty weights. Raises CheckpointError where it does not fit the transformer."""
    vae: LtxVae | WanVae
    try:
        vae = LtxVae(config, device, dtype) if variant == "lite" else WanVae(config, device, dtype)
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"The autoencoder's config.json cannot be used ({error}). Run `livehead models download`."
        ) from None
    if vae.mean.numel() != geometry.channels:
        raise CheckpointError(
            f"The autoencoder has {vae.mean.numel()} latent channels, the transformer {geometry.channels}: they do not "
            "belong together. Run `livehead models download`."
        )
    return vae


def read_vae_config(variant: Variant, folder: Path) -> dict[str, Any]:
    """LTX has a config.json. The published Wan file has none, so the defaults hold; a cut-down one may."""
    path = folder / "config.json"
    if variant == "pro" and not path.exists():
        return {}
    return {name: value for name, value in read_json(path).items() if not name.startswith("_")}
