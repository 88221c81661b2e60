"""3-D rotary position embedding with real-valued tables (RoFormer, arXiv 2104.09864; Wan 2.1's split of a head)."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10000.0


def rope_tables(grid: tuple[int, int, int], head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, float32 (S, head_dim / 2), for tokens in (t, y, x) order.

    Of a head's pairs ⌊head_dim / 6⌋ encode y, as many encode x, and the rest t (22, 21, 21 of 64). Angles are
    computed in float64.
    """
    pairs = head_dim // 2
    side = head_dim // 6
    angles = []
    for axis, (length, count) in enumerate(zip(grid, (pairs - 2 * side, side, side), strict=True)):
        frequency = BASE ** (-torch.arange(count, dtype=torch.float64) / count)
        angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency
        shape = [1, 1, 1, count]
        shape[axis] = length
        angles.append(angle.view(shape).expand(*grid, count))
    table = torch.cat(angles, dim=-1).reshape(-1, pairs)
    return table.cos().float(), table.sin().float()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved pairs: x (B, S, heads, head_dim), tables (S, head_dim / 2). Computed in float32."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    c, s = cos[:, None, :], sin[:, None, :]
    return torch.stack((even * c - odd * s, even * s + odd * c), dim=-1).flatten(-2).to(x.dtype)
