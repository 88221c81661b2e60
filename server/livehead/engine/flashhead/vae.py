"""The two video autoencoders: LTX 0.9 for Lite (``ltx``), Wan 2.1 for Pro (stock from diffusers).

Latents outside are always normalised and float32; inside they are in the model's dtype. Frames are
(B, 3, N, H, W) in about [−1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor

from livehead.engine.flashhead.config import WINDOW, Geometry, Variant, read_json
from livehead.engine.flashhead.ltx import Ltx
from livehead.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Moments:
    """A posterior, float32 (B, C, T, h, w), not normalised. ``deviation`` is None where the mean is taken."""

    mean: Tensor
    deviation: Tensor | None


class Vae(Protocol):
    """What the engine asks of an autoencoder."""

    samples: bool
    """Whether its posterior is sampled (with noise), or its mean taken."""
    partial: bool
    """Whether decoding only some of the frames costs less."""

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
    partial = True

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
    partial = False

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        with torch.device("meta"):
            model = AutoencoderKLWan(**config)
        super().__init__(model.config.z_dim, device)
        # diffusers' own .to() warns about casting; every weight is written after it here.
        self.model: Any = torch.nn.Module.to(model, dtype).to_empty(device=device).eval().requires_grad_(False)
        self.dtype = dtype
        self.mean.copy_(torch.tensor(model.config.latents_mean))
        self.deviation.copy_(torch.tensor(model.config.latents_std))

    def targets(self) -> dict[str, Tensor]:
        tensors = self.model.state_dict()
        return {
            published: tensors[own]
            for own, published in convert_wan_vae_to_diffusers(_published_names(tensors)).items()
        }

    def prepare(self) -> None:
        # Channels last, which cuDNN's tensor-core kernels want.
        for parameter in self.model.parameters():
            if parameter.dim() in (4, 5):
                layout = torch.channels_last if parameter.dim() == 4 else torch.channels_last_3d
                parameter.data = parameter.data.contiguous(memory_format=layout)

    def encode(self, frames: Tensor) -> Moments:
        mean, _ = self.model._encode(frames.to(self.dtype)).float().chunk(2, dim=1)
        return Moments(mean, None)

    def encode_portrait(self, picture: Tensor) -> Moments:
        return self.encode(picture[:, :, None].expand(-1, -1, WINDOW, -1, -1))

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        # Causal, and computed frame by frame: what comes before the wanted frames cannot be left out.
        frames: Tensor = self.model._decode(self._scaled(latents).to(self.dtype), return_dict=False)[0]
        return frames if wanted is None else frames[:, :, wanted.start : wanted.stop]


def _published_names(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Every name that the published file can have, as name → name, for diffusers' converter to rename.

    The converter only knows the way from published names to its own; so offer it all candidates.
    """
    blocks = [f"encoder.downsamples.{i}" for i in range(11)] + [f"decoder.upsamples.{i}" for i in range(15)]
    blocks += [f"{half}.middle.{i}" for half in ("encoder", "decoder") for i in (0, 2)]
    parts = ["residual.0.gamma", "residual.3.gamma"]
    for layer in ("residual.2", "residual.6", "shortcut", "resample.1", "time_conv"):
        parts += [f"{layer}.weight", f"{layer}.bias"]
    names = [f"{block}.{part}" for block in blocks for part in parts]
    for half in ("encoder", "decoder"):
        names += [f"{half}.middle.1.norm.gamma", f"{half}.head.0.gamma"]
        for layer in ("conv1", "head.2", "middle.1.to_qkv", "middle.1.proj"):
            names += [f"{half}.{layer}.weight", f"{half}.{layer}.bias"]
    names += [f"conv{i}.{leaf}" for i in (1, 2) for leaf in ("weight", "bias")]
    own = convert_wan_vae_to_diffusers({name: name for name in names})
    return {published: published for renamed, published in own.items() if renamed in tensors}


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
    """LTX has a config.json. The published Wan file has none, so diffusers' defaults hold; a cut-down one may."""
    path = folder / "config.json"
    if variant == "pro" and not path.exists():
        return {}
    return {name: value for name, value in read_json(path).items() if not name.startswith("_")}
