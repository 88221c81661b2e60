"""The LTX 0.9 video autoencoder (arXiv 2501.00103), laid out for tensor cores.

The same function as diffusers' AutoencoderKLLTXVideo, from the same tensors. Activations are channels
last throughout, and between two convolutions there is one pass over memory (``ltx_feed``). The decoder
computes only what the wanted frames depend on: a convolution sees one frame before and one after, so
the frames that are needed grow by one on each side with every convolution that follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.ltx_feed import Clip, to_patches, to_pictures
from livehead.engine.flashhead.ltx_layers import Down, Enter, Layer, Leave, New, Resnet, Up

_WIDTHS = (128, 256, 512, 512)
_DEPTHS = (4, 3, 3, 3, 4)
_SCALED = (True, True, True, False)

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
"""What a config.json may say of later LTX versions, and must say for 0.9."""


class Ltx:
    """Encoder and decoder. ``targets`` names the tensors to be filled in; ``prepare()`` lays them out, once.

    Raises ValueError for a configuration that is not LTX 0.9's.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        options = dict(config)
        for name, value in _FIXED.items():
            if _plain(options.pop(name, value)) != value:
                raise ValueError(f"{name} is {config[name]!r}, where LTX 0.9 has {value!r}")
        self.channels: int = options.pop("latent_channels", 128)
        self.patch: int = options.pop("patch_size", 4)
        eps: float = options.pop("resnet_norm_eps", 1e-6)
        widths, depths, scaled = (
            [_plain(options.pop(prefix + name, default)) for prefix in ("", "decoder_")]
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
        """How many frames become one latent frame."""
        new = New(device, dtype)
        pixels = 3 * self.patch**2
        self.encoder = _encoder(new, widths[0], depths[0], scaled[0], pixels, self.channels, eps)
        self.decoder = _decoder(new, widths[1][::-1], depths[1][::-1], scaled[1][::-1], self.channels, pixels, eps)
        self.targets: Mapping[str, Tensor] = new.targets

    def prepare(self) -> None:
        for layer in (*self.encoder, *self.decoder):
            layer.prepare()
        self.targets = {}  # or the weights would be held twice

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, N, H, W) → mean (B, C, T, h, w) and log-variance (B, 1, T, h, w), float32."""
        rows = to_patches(pictures, self.patch, self.dtype)
        posterior = _run(self.encoder, rows, None)
        value = posterior.rows.float()
        if posterior.bias is not None:
            value = value + posterior.bias
        value = value.movedim(-1, 1)
        return value[:, : self.channels], value[:, self.channels : self.channels + 1]

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        """(B, C, T, h, w), not normalised → all or the wanted frames, float32 (B, n, 3, H, W).

        A frame is the same whichever others are wanted, up to rounding.
        """
        last = _run(self.decoder, latents.to(self.dtype).movedim(1, -1).contiguous(), wanted)
        assert last.bias is not None
        return to_pictures(last.rows, last.bias, self.patch)


def _run(layers: Sequence[Layer], rows: Tensor, wanted: range | None) -> Clip:
    """All or the wanted frames of the last layer's output: first backwards, what depends on what, then forwards."""
    frames = rows.shape[1]
    totals = []
    for layer in layers:
        totals.append(frames)
        frames = layer.total(frames)
    wants = [range(frames) if wanted is None else wanted]
    for layer, total in zip(reversed(layers), reversed(totals), strict=True):
        wants.append(layer.before(wants[-1], total))
    clip = Clip(rows, 0, rows.shape[1])
    for layer, want in zip(layers, wants[-2::-1], strict=True):
        clip = layer(clip, want)
    return clip


def _encoder(
    new: New,
    widths: Sequence[int],
    depths: Sequence[int],
    scaled: Sequence[bool],
    inputs: int,
    outputs: int,
    eps: float,
) -> list[Layer]:
    width = widths[0]
    layers: list[Layer] = [Enter(new, "encoder.conv_in", inputs, width, causal=True)]
    for i, (wider, depth, halve) in enumerate(zip((*widths[1:], widths[-1]), depths[:-1], scaled, strict=True)):
        name = f"encoder.down_blocks.{i}"
        layers += [Resnet(new, f"{name}.resnets.{j}", width, width, eps, causal=True) for j in range(depth)]
        if halve:
            layers.append(Down(new, f"{name}.downsamplers.0", width))
        if wider != width:
            layers.append(Resnet(new, f"{name}.conv_out", width, wider, eps, causal=True))
        width = wider
    middle = (f"encoder.mid_block.resnets.{j}" for j in range(depths[-1]))
    layers += [Resnet(new, name, width, width, eps, causal=True) for name in middle]
    return [*layers, Leave(new, "encoder.conv_out", width, outputs + 1, causal=True)]


def _decoder(
    new: New,
    widths: Sequence[int],
    depths: Sequence[int],
    scaled: Sequence[bool],
    inputs: int,
    outputs: int,
    eps: float,
) -> list[Layer]:
    width = widths[0]
    layers: list[Layer] = [Enter(new, "decoder.conv_in", inputs, width, causal=False)]
    middle = (f"decoder.mid_block.resnets.{j}" for j in range(depths[0]))
    layers += [Resnet(new, name, width, width, eps, causal=False) for name in middle]
    for i, (narrower, depth, double) in enumerate(zip(widths, depths[1:], scaled, strict=True)):
        name = f"decoder.up_blocks.{i}"
        if narrower != width:
            layers.append(Resnet(new, f"{name}.conv_in", width, narrower, eps, causal=False))
        width = narrower
        if double:
            layers.append(Up(new, f"{name}.upsamplers.0.conv", width))
        layers += [Resnet(new, f"{name}.resnets.{j}", width, width, eps, causal=False) for j in range(depth)]
    return [*layers, Leave(new, "decoder.conv_out", width, outputs, causal=False)]


def _plain(value: Any) -> Any:
    """JSON has lists where Python has tuples."""
    return tuple(value) if isinstance(value, list) else value
