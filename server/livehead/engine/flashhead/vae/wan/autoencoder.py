"""The Wan 2.1 video autoencoder (arXiv 2503.20314), laid out for tensor cores.

The same function as diffusers' AutoencoderKLWan, from the published tensors. Activations are channels last
throughout, and between two convolutions there is one pass over memory (vae/norm_act_pad.py). The reference computes
frame by frame; here a convolution runs once over the clip, over no more frames than the wanted ones depend on. It is
causal, so those are the earlier ones. The streams of a batch are computed one after the other, since one fills the
device and takes gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.vae.layers import ConvLayer, Layer, Parameters, run
from livehead.engine.flashhead.vae.norm_act_pad import finish, patchify, unpatchify
from livehead.engine.flashhead.vae.wan.layers import Attention, Pointwise, conv, norm, resnet
from livehead.engine.flashhead.vae.wan.resample import (
    SpatialDownsample,
    SpatialUpsample,
    TemporalDownsample,
    TemporalUpsample,
)
from livehead.engine.flashhead.weights.config import rest_of

_FIXED: Mapping[str, Any] = {
    "attn_scales": (),
    "dropout": 0.0,
    "is_residual": False,
    "in_channels": 3,
    "out_channels": 3,
    "patch_size": None,
    "scale_factor_temporal": 4,
    "scale_factor_spatial": 8,
}
"""Entries of a configuration that differ in Wan 2.2, and their values in 2.1."""


class Wan:
    """Encoder and decoder. ``targets`` names the tensors to fill in; ``prepare()`` lays them out, once.

    Raises ValueError for a configuration other than Wan 2.1's.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        options = rest_of(config, _FIXED, "Wan 2.1")
        self.channels: int = options.pop("z_dim", 16)
        width: int = options.pop("base_dim", 96)
        decoder_width: int = options.pop("decoder_base_dim", None) or width
        factors: Sequence[int] = options.pop("dim_mult", (1, 2, 4, 4))
        depth: int = options.pop("num_res_blocks", 2)
        halved: Sequence[bool] = options.pop("temperal_downsample", (False, True, True))
        if options:
            raise ValueError(f"unknown: {', '.join(options)}")
        if len(halved) != len(factors) - 1:
            raise ValueError(f"temperal_downsample has {len(halved)} entries, where {len(factors) - 1} are needed")
        self.dtype = dtype
        new = Parameters(device, dtype)
        self.encoder = _encoder(new, [width * factor for factor in factors], depth, halved, 2 * self.channels)
        self.decoder = _decoder(
            new, [decoder_width * factor for factor in factors[::-1]], depth, halved[::-1], self.channels
        )
        self.quant_conv = Pointwise(new, "conv1", 2 * self.channels, 2 * self.channels, dtype=torch.float32)
        self.post_quant_conv = Pointwise(new, "conv2", self.channels, self.channels, dtype=torch.float32)
        self.targets: Mapping[str, Tensor] = new.targets

    def prepare(self) -> None:
        for layer in (*self.encoder, *self.decoder):
            layer.prepare()
        self.targets = {}  # otherwise the weights would be kept twice

    def encode(self, frames: Tensor) -> Tensor:
        """(B, 3, N, H, W) → the posterior's mean (B, C, 1 + (N − 1) // 4, h, w), float32."""
        return torch.cat([self._encode(one) for one in frames.split(1)])

    def _encode(self, frames: Tensor) -> Tensor:
        last = run(self.encoder, patchify(frames, 1, self.dtype), None)
        return self.quant_conv(finish(last)).movedim(-1, 1)[:, : self.channels]

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        """(B, C, T, h, w), not normalised → all or the wanted frames, float32 (B, n, 3, H, W) within ±1.

        A frame does not depend on which others are wanted, but for rounding.
        """
        return torch.cat([self._decode(one, wanted) for one in latents.split(1)])

    def _decode(self, latents: Tensor, wanted: range | None) -> Tensor:
        rows = self.post_quant_conv(latents.float().movedim(1, -1)).to(self.dtype)
        return unpatchify(run(self.decoder, rows, wanted), 1, limit=1.0)


def _encoder(new: Parameters, widths: Sequence[int], depth: int, halved: Sequence[bool], outputs: int) -> list[Layer]:
    width = widths[0]
    layers: list[Layer] = [ConvLayer(conv(new, "encoder.conv1", 3, width))]
    names = (f"encoder.downsamples.{i}" for i in range(len(widths) * (depth + 1)))
    for level, wider in enumerate(widths):
        for _ in range(depth):
            layers.append(resnet(new, next(names), width, wider))
            width = wider
        if level < len(halved):
            name = next(names)
            layers.append(SpatialDownsample(new, name, width))
            if halved[level]:
                layers.append(TemporalDownsample(new, name, width))
    layers += _middle(new, "encoder.middle", width)
    return [*layers, ConvLayer(conv(new, "encoder.head.2", width, outputs), norm(new, "encoder.head.0", width))]


def _decoder(new: Parameters, widths: Sequence[int], depth: int, doubled: Sequence[bool], inputs: int) -> list[Layer]:
    width = widths[0]
    layers: list[Layer] = [ConvLayer(conv(new, "decoder.conv1", inputs, width)), *_middle(new, "decoder.middle", width)]
    names = (f"decoder.upsamples.{i}" for i in range(len(widths) * (depth + 2)))
    for level, other in enumerate(widths):
        for _ in range(depth + 1):
            layers.append(resnet(new, next(names), width, other))
            width = other
        if level < len(doubled):
            name = next(names)
            if doubled[level]:
                layers.append(TemporalUpsample(new, name, width))
            layers.append(SpatialUpsample(new, name, width))
            width //= 2
    return [*layers, ConvLayer(conv(new, "decoder.head.2", width, 3), norm(new, "decoder.head.0", width))]


def _middle(new: Parameters, name: str, width: int) -> list[Layer]:
    return [
        resnet(new, f"{name}.0", width, width),
        Attention(new, f"{name}.1", width),
        resnet(new, f"{name}.2", width, width),
    ]
