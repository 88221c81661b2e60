"""The LTX 0.9 video autoencoder (arXiv 2501.00103), laid out for tensor cores.

The same function as diffusers' AutoencoderKLLTXVideo, from the same tensors. Activations are channels last
throughout, and between two convolutions there is one pass over memory (vae/norm_act_pad.py). The decoder computes only
what the wanted frames depend on: a convolution needs one frame before and one after, so the receptive range grows by
one frame on each side with every convolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.vae.int8_conv import Int8Conv
from livehead.engine.flashhead.vae.layers import Conv, Layer, Parameters, ResnetBlock, run
from livehead.engine.flashhead.vae.ltx.layers import Downsample, Upsample, conv_in, conv_out, resnet
from livehead.engine.flashhead.vae.norm_act_pad import finish, patchify, unpatchify
from livehead.engine.flashhead.weights.config import rest_of

_WIDTHS = (128, 256, 512, 512)
_DEPTHS = (4, 3, 3, 3, 4)
_SCALED = (True, True, True, False)

INT8_CHANNELS = 128
"""Those of the layers at the highest resolution, half of the decoder's work. Each of the others would add as much to
the error and save less time."""

_FIXED: Mapping[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "patch_size_t": 1,
    "encoder_causal": True,
    "decoder_causal": False,
    "timestep_conditioning": False,
    "scaling_factor": 1.0,
    "down_block_types": ("LTXVideoDownBlock3D",) * 4,
    "downsample_type": ("conv",) * 4,
    "decoder_inject_noise": (False,) * 5,
    "upsample_residual": (False,) * 4,
    "upsample_factor": (1,) * 4,
    "spatial_compression_ratio": None,
    "temporal_compression_ratio": None,
}
"""Entries of config.json that differ in later LTX versions, and their values in 0.9."""


class Ltx:
    """Encoder and decoder. ``targets`` names the tensors to fill in; ``prepare()`` lays them out, once.

    Raises ValueError for a configuration other than LTX 0.9's.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        options = rest_of(config, _FIXED, "LTX 0.9")
        self.channels: int = options.pop("latent_channels", 128)
        self.patch: int = options.pop("patch_size", 4)
        eps: float = options.pop("resnet_norm_eps", 1e-6)
        widths, depths, scaled = (
            [options.pop(prefix + name, default) for prefix in ("", "decoder_")]
            for name, default in (
                ("block_out_channels", _WIDTHS),
                ("layers_per_block", _DEPTHS),
                ("spatio_temporal_scaling", _SCALED),
            )
        )
        if options:
            raise ValueError(f"unknown: {', '.join(options)}")
        self.dtype = dtype
        self.stride = 2 ** sum(scaled[0])
        """Frames per latent frame."""
        new = Parameters(device, dtype)
        pixels = 3 * self.patch**2
        self.encoder = _encoder(new, widths[0], depths[0], scaled[0], pixels, self.channels, eps)
        self.decoder = _decoder(new, widths[1][::-1], depths[1][::-1], scaled[1][::-1], self.channels, pixels, eps)
        self.targets: Mapping[str, Tensor] = new.targets

    def prepare(self) -> None:
        for layer in (*self.encoder, *self.decoder):
            layer.prepare()
        self.targets = {}  # otherwise the weights would be kept twice

    def int8_convs(self) -> list[Conv]:
        """The decoder's convolutions that are worth computing in 8-bit integers, and for which there is a kernel."""
        return [
            conv
            for layer in self.decoder
            if isinstance(layer, ResnetBlock) and layer.shortcut is None
            for conv in (layer.first, layer.second)
            if conv.weight.shape[:2] == (INT8_CHANNELS, INT8_CHANNELS) and Int8Conv.fits(conv.weight)
        ]

    def encode(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, N, H, W) → mean (B, C, T, h, w) and log-variance (B, 1, T, h, w), float32."""
        rows = patchify(frames, self.patch, self.dtype)
        value = finish(run(self.encoder, rows, None)).movedim(-1, 1)
        return value[:, : self.channels], value[:, self.channels :]

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        """(B, C, T, h, w), not normalised → all or the wanted frames, float32 (B, n, 3, H, W).

        A frame does not depend on which others are wanted, but for rounding.
        """
        last = run(self.decoder, latents.to(self.dtype).movedim(1, -1).contiguous(), wanted)
        return unpatchify(last, self.patch)


def _encoder(
    new: Parameters,
    widths: Sequence[int],
    depths: Sequence[int],
    scaled: Sequence[bool],
    inputs: int,
    outputs: int,
    eps: float,
) -> list[Layer]:
    width = widths[0]
    layers: list[Layer] = [conv_in(new, "encoder.conv_in", inputs, width, causal=True)]
    for i, (wider, depth, halve) in enumerate(zip((*widths[1:], widths[-1]), depths[:-1], scaled, strict=True)):
        name = f"encoder.down_blocks.{i}"
        layers += [resnet(new, f"{name}.resnets.{j}", width, width, eps, causal=True) for j in range(depth)]
        if halve:
            layers.append(Downsample(new, f"{name}.downsamplers.0", width))
        if wider != width:
            layers.append(resnet(new, f"{name}.conv_out", width, wider, eps, causal=True))
        width = wider
    middle = (f"encoder.mid_block.resnets.{j}" for j in range(depths[-1]))
    layers += [resnet(new, name, width, width, eps, causal=True) for name in middle]
    return [*layers, conv_out(new, "encoder.conv_out", width, outputs + 1, causal=True)]


def _decoder(
    new: Parameters,
    widths: Sequence[int],
    depths: Sequence[int],
    scaled: Sequence[bool],
    inputs: int,
    outputs: int,
    eps: float,
) -> list[Layer]:
    width = widths[0]
    layers: list[Layer] = [conv_in(new, "decoder.conv_in", inputs, width, causal=False)]
    middle = (f"decoder.mid_block.resnets.{j}" for j in range(depths[0]))
    layers += [resnet(new, name, width, width, eps, causal=False) for name in middle]
    for i, (narrower, depth, double) in enumerate(zip(widths, depths[1:], scaled, strict=True)):
        name = f"decoder.up_blocks.{i}"
        if narrower != width:
            layers.append(resnet(new, f"{name}.conv_in", width, narrower, eps, causal=False))
        width = narrower
        if double:
            layers.append(Upsample(new, f"{name}.upsamplers.0.conv", width))
        layers += [resnet(new, f"{name}.resnets.{j}", width, width, eps, causal=False) for j in range(depth)]
    return [*layers, conv_out(new, "decoder.conv_out", width, outputs, causal=False)]
