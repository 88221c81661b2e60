"""From float frames to the bytes that leave the device."""

from __future__ import annotations

import torch
from torch import Tensor

from livehead.engine.flashhead.kernels import dispatch


def to_rgb24(frames: Tensor) -> Tensor:
    """RGB in [0, 1], (…, 3, H, W) → uint8 (…, H, W, 3), truncated."""
    return (frames * 255).to(torch.uint8).movedim(-3, -1)


def to_i420(frames: Tensor) -> Tensor:
    """RGB in [0, 1], (…, 3, H, W) → uint8 (…, H·3/2, W): BT.601, limited range, planes packed.

    Computed from the truncated 8-bit values, so that it shows exactly what RGB would.
    """
    if frames.dim() == 5 and (kernels := dispatch.triton_kernels(frames.device)) is not None:
        result: Tensor = kernels.colour.to_i420(frames)
        return result
    r, g, b = (frames * 255).floor().unbind(-3)
    luma = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    r, g, b = _halve(r), _halve(g), _halve(b)
    blue = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    red = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    width = frames.shape[-1]
    chroma = [plane.flatten(-2).unflatten(-1, (-1, width)) for plane in (blue, red)]
    return torch.cat((luma, *chroma), dim=-2).round().to(torch.uint8)


def _halve(plane: Tensor) -> Tensor:
    """The mean of each 2 × 2 square."""
    blocks: Tensor = plane.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2))
    return blocks.mean(dim=(-3, -1))
