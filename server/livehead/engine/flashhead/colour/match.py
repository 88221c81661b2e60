"""Colour match: every frame is given the Lab mean and deviation of the portrait. float32 throughout.

A decoded frame that is slightly off in colour feeds back into the next window, and without the match the stream
drifts. In bf16 it would drift too (42 dB off), so nothing here is ever computed in less than float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from livehead.engine.flashhead.colour.space import FROM_XYZ, KNEE, SLOPE, TO_XYZ, WHITE
from livehead.engine.flashhead.kernels import dispatch


@dataclass(frozen=True, slots=True)
class ColourStatistics:
    """Lab mean and population standard deviation of a portrait, float32 (3, 1, 1) or (B, 1, 3, 1, 1)."""

    mean: Tensor
    deviation: Tensor


def colour_statistics(portrait: Tensor) -> ColourStatistics:
    """Measure a fitted portrait, (3, H, W) in [−1, 1]."""
    lab = to_lab((portrait.float() + 1) / 2)
    deviation, mean = torch.std_mean(lab, dim=(-2, -1), correction=0, keepdim=True)
    return ColourStatistics(mean, deviation)


def stack_statistics(statistics: Sequence[ColourStatistics]) -> ColourStatistics:
    """Several portraits' statistics (3, 1, 1), for a batch of frames (B, N, 3, H, W)."""
    return ColourStatistics(
        torch.stack([own.mean for own in statistics])[:, None],
        torch.stack([own.deviation for own in statistics])[:, None],
    )


def match(frames: Tensor, statistics: ColourStatistics) -> Tensor:
    """Decoded frames (…, 3, H, W), about [−1, 1] → RGB in [0, 1], float32, each matched by itself."""
    if frames.dim() == 5 and (kernels := dispatch.triton_kernels(frames.device)) is not None:
        result: Tensor = kernels.colour.match(frames, statistics.mean, statistics.deviation)
        return result
    lab = to_lab((frames.float() + 1) / 2)
    deviation, mean = torch.std_mean(lab, dim=(-2, -1), correction=0, keepdim=True)
    deviation = torch.where(deviation < 1e-8, 1.0, deviation)
    return to_rgb((lab - mean) / deviation * statistics.deviation + statistics.mean)


def to_lab(rgb: Tensor) -> Tensor:
    """sRGB (…, 3, H, W) float32 → CIE Lab under D65."""
    linear = torch.where(rgb > 0.04045, ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    r, g, b = linear.unbind(-3)
    axes = []
    for row, white in zip(TO_XYZ, WHITE, strict=True):
        value = ((row[0] * r + row[1] * g + row[2] * b) / white).clamp(1e-8, 1.0)
        axes.append(torch.where(value > KNEE, value ** (1 / 3), (SLOPE * value + 16) / 116))
    fx, fy, fz = axes
    return torch.stack((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)), dim=-3)


def to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab (…, 3, H, W) float32 → sRGB clipped to [0, 1]."""
    lightness, a, b = lab.unbind(-3)
    fy = (lightness + 16) / 116
    fx, fz = fy + a / 500, fy - b / 200
    x = torch.where(fx**3 > KNEE, fx**3, (116 * fx - 16) / SLOPE) * WHITE[0]
    y = torch.where(lightness > SLOPE * KNEE, fy**3, lightness / SLOPE) * WHITE[1]
    z = torch.where(fz**3 > KNEE, fz**3, (116 * fz - 16) / SLOPE) * WHITE[2]
    channels = []
    for row in FROM_XYZ:
        value = row[0] * x + row[1] * y + row[2] * z
        channels.append(
            torch.where(value > 0.0031308, 1.055 * value.clamp_min(0.0031308) ** (1 / 2.4) - 0.055, 12.92 * value)
        )
    return torch.stack(channels, dim=-3).clamp(0.0, 1.0)
