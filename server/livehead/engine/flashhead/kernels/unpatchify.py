"""The Triton kernel that turns a decoder's last channels into frames; vae/norm_act_pad.py defines what it computes."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _unpatchify(
    rows,
    bias,
    frames,
    height,
    width,
    limit,
    CHANNELS: tl.constexpr,
    PATCH: tl.constexpr,
    WIDE: tl.constexpr,
    LIMITED: tl.constexpr,
):
    """One program: the lines of one row of patches, some columns, all three colours."""
    column = tl.program_id(0) * WIDE + tl.arange(0, WIDE)[None, :]
    row = tl.program_id(1)
    frame = tl.program_id(2).to(tl.int64)
    line = tl.arange(0, PATCH)[:, None]
    there = (column < width * PATCH) & (line < PATCH)
    plane = height * width * PATCH * PATCH
    source = rows + frame * height * width * CHANNELS + (row * width + column // PATCH) * CHANNELS
    target = frames + frame * 3 * plane + (row * PATCH + line) * width * PATCH + column
    for colour in tl.static_range(3):
        channel = colour * PATCH * PATCH + (column % PATCH) * PATCH + line
        value = tl.load(source + channel, mask=there, other=0.0).to(tl.float32)
        value += tl.load(bias + channel, mask=there, other=0.0)
        if LIMITED:
            value = tl.minimum(tl.maximum(value, -limit), limit)
        tl.store(target + colour * plane, value, mask=there)


def unpatchify(rows: Tensor, bias: Tensor, patch: int, limit: float | None) -> Tensor:
    """See :func:`livehead.engine.flashhead.vae.norm_act_pad.unpatchify`. ``patch`` is a power of two."""
    batch, count, height, width, channels = rows.shape
    frames = torch.empty((batch, count, 3, height * patch, width * patch), dtype=torch.float32, device=rows.device)
    wide = min(512, triton.next_power_of_2(width * patch))
    _unpatchify[(triton.cdiv(width * patch, wide), height, batch * count)](
        rows,
        bias,
        frames,
        height,
        width,
        0.0 if limit is None else limit,
        CHANNELS=channels,
        PATCH=patch,
        WIDE=wide,
        LIMITED=limit is not None,
        num_warps=4,
    )
    return frames
