"""The audio of a window as the cross attention of every layer wants it.

A latent frame's tokens see only its own 32 audio tokens. So these tokens' values go through the layer's output
projection once a window, instead of every picture token's mixture of them at every step: a quarter of the work,
and the same sum in another order. Both norms' weights and the scale of the scores go into the keys.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import rms_norm

from livehead.engine.flashhead.dit.fused_ops import available

context_kernels: ModuleType | None
try:
    from livehead.engine.flashhead.kernels import audio_context as context_kernels
except ImportError:  # Triton comes with torch for CUDA on Linux only
    context_kernels = None


class Context(NamedTuple):
    """``keys`` (layers, B, T, heads, 32, head_dim); ``values`` (layers, B, T, heads · 32, dim)."""

    keys: Tensor
    values: Tensor


def keys_of(projected: Tensor, weight: Tensor, frames: tuple[int, int, int], heads: int, eps: float) -> Tensor:
    """(layers, B · T · n, dim) and a weight (layers, dim) → RMS-normalised, by head. ``frames`` is (B, T, n)."""
    if (fast := _kernels(projected)) is not None:
        keys: Tensor = fast.keys_of(projected, weight, frames, heads, eps)
        return keys
    dim = projected.shape[-1]
    normed = rms_norm(projected.float(), (dim,), None, eps) * weight[:, None]
    return normed.view(-1, *frames, heads, dim // heads).transpose(3, 4).to(projected.dtype).contiguous()


def values_of(projected: Tensor, out: Tensor, frames: tuple[int, int, int]) -> Tensor:
    """(layers, B · T · n, dim) through each head's share of the output projection, ``out`` (layers, heads, head_dim,
    dim). ``frames`` is (B, T, n)."""
    if (fast := _kernels(projected)) is not None:
        values: Tensor = fast.values_of(projected, out, frames)
        return values
    layers, heads, _, dim = out.shape
    batch, count, tokens = frames
    made = torch.matmul(projected.unflatten(-1, (heads, -1)).transpose(1, 2), out)
    made = made.view(layers, heads, batch, count, tokens, dim).permute(0, 2, 3, 1, 4, 5)
    return made.reshape(layers, batch, count, heads * tokens, dim)


def _kernels(x: Tensor) -> Any:
    return context_kernels if available(x.device) else None
