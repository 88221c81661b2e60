"""Colour match: every picture gets the Lab mean and spread of the portrait. float32 throughout.

A decoded picture that is a little off in colour feeds back into the next window; without this the
stream drifts. In bf16 it would drift too (42 dB off), so nothing here is ever in less than float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)
_KNEE = 0.008856
_SLOPE = 903.3


@dataclass(frozen=True, slots=True)
class Look:
    """Lab mean and population standard deviation of a portrait, float32 (3, 1, 1) or (B, 1, 3, 1, 1)."""

    mean: Tensor
    deviation: Tensor


def look_of(picture: Tensor) -> Look:
    """Measure a fitted portrait, (3, H, W) in [−1, 1]."""
    lab = to_lab((picture.float() + 1) / 2)
    deviation, mean = torch.std_mean(lab, dim=(-2, -1), correction=0, keepdim=True)
    return Look(mean, deviation)


def match(pictures: Tensor, look: Look) -> Tensor:
    """Decoded pictures (…, 3, H, W), about [−1, 1] → RGB in [0, 1], float32, each matched by itself."""
    lab = to_lab((pictures.float() + 1) / 2)
    deviation, mean = torch.std_mean(lab, dim=(-2, -1), correction=0, keepdim=True)
    deviation = torch.where(deviation < 1e-8, 1.0, deviation)
    return to_rgb((lab - mean) / deviation * look.deviation + look.mean)


def to_lab(rgb: Tensor) -> Tensor:
    """sRGB (…, 3, H, W) float32 → CIE Lab under D65."""
    linear = torch.where(rgb > 0.04045, ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    r, g, b = linear.unbind(-3)
    axes = []
    for row, white in zip(_TO_XYZ, _WHITE, strict=True):
        value = ((row[0] * r + row[1] * g + row[2] * b) / white).clamp(1e-8, 1.0)
        axes.append(torch.where(value > _KNEE, value ** (1 / 3), (_SLOPE * value + 16) / 116))
    fx, fy, fz = axes
    return torch.stack((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)), dim=-3)


def to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab (…, 3, H, W) float32 → sRGB clipped to [0, 1]."""
    lightness, a, b = lab.unbind(-3)
    fy = (lightness + 16) / 116
    fx, fz = fy + a / 500, fy - b / 200
    x = torch.where(fx**3 > _KNEE, fx**3, (116 * fx - 16) / _SLOPE) * _WHITE[0]
    y = torch.where(lightness > _SLOPE * _KNEE, fy**3, lightness / _SLOPE) * _WHITE[1]
    z = torch.where(fz**3 > _KNEE, fz**3, (116 * fz - 16) / _SLOPE) * _WHITE[2]
    channels = []
    for row in _FROM_XYZ:
        value = row[0] * x + row[1] * y + row[2] * z
        channels.append(
            torch.where(value > 0.0031308, 1.055 * value.clamp_min(0.0031308) ** (1 / 2.4) - 0.055, 12.92 * value)
        )
    return torch.stack(channels, dim=-3).clamp(0.0, 1.0)


_FROM_XYZ: tuple[tuple[float, ...], ...] = tuple(
    tuple(row) for row in torch.linalg.inv(torch.tensor(_TO_XYZ, dtype=torch.float64)).tolist()
)
