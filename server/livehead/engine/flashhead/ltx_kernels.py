"""The Triton kernels behind ``ltx_feed``. Imports Triton, so only where a CUDA build of torch brought it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl
from torch import Tensor

if TYPE_CHECKING:
    from livehead.engine.flashhead.ltx_feed import Clip

_TILE = 4096
"""Values that one program holds: 32 a thread. Bandwidth is what limits these kernels."""

_FRAMES = ["first", "total", "rows_start", "rows_frames", "residual_start", "residual_frames"]
_FRAMES += ["kept_start", "kept_frames", "count"]


@triton.jit(do_not_specialize=_FRAMES)
def _feed(
    rows,
    bias,
    residual,
    kept,
    fed,
    first,
    total,
    rows_start,
    rows_frames,
    residual_start,
    residual_frames,
    kept_start,
    kept_frames,
    count,
    area,
    width,
    eps,
    CHANNELS: tl.constexpr,
    COLUMNS: tl.constexpr,
    PIXELS: tl.constexpr,
    ACTIVATE: tl.constexpr,
    FOLDED: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_RESIDUAL: tl.constexpr,
    KEEP: tl.constexpr,
):
    """One program: some pixels of one fed frame, all channels. Offsets inside a frame fit in 32 bits."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    place = tl.program_id(1)
    stream = tl.program_id(2).to(tl.int64)
    channel = tl.arange(0, COLUMNS)[None, :]
    there = (pixel < area)[:, None] & (channel < CHANNELS)
    frame = tl.minimum(tl.maximum(first + place, 0), total - 1)
    inside = pixel[:, None] * CHANNELS + channel
    if FOLDED:
        y, x = pixel // width, pixel % width
        half = (frame + 1) % 2
        part = half * 4 + (y % 2) * 2 + x % 2
        begin = (stream * rows_frames + (frame + 1) // 2 - rows_start) * area * 2 * CHANNELS
        source = ((y // 2) * (width // 2) + x // 2) * 8 + part
        value = tl.load(rows + begin + (source[:, None] * CHANNELS + channel), mask=there, other=0.0).to(tl.float32)
        if HAS_BIAS:
            value += tl.load(bias + part[:, None] * CHANNELS + channel, mask=there, other=0.0)
    else:
        begin = (stream * rows_frames + frame - rows_start) * area * CHANNELS
        value = tl.load(rows + begin + inside, mask=there, other=0.0).to(tl.float32)
        if HAS_BIAS:
            value += tl.load(bias + channel, mask=channel < CHANNELS, other=0.0)
    if HAS_RESIDUAL:
        begin = (stream * residual_frames + frame - residual_start) * area * CHANNELS
        value += tl.load(residual + begin + inside, mask=there, other=0.0).to(tl.float32)
    if KEEP:
        # A repeated frame is kept once.
        begin = (stream * kept_frames + frame - kept_start) * area * CHANNELS
        once = there & (frame == first + place)
        tl.store(kept + begin + inside, value.to(kept.dtype.element_ty), mask=once)
    if ACTIVATE:
        # Columns past the channels were loaded as zeros and add nothing.
        mean = tl.sum(value * value, axis=1) / CHANNELS
        value = value * tl.rsqrt(mean + eps)[:, None]
        value = value * tl.sigmoid(value)
    begin = (stream * count + place) * area * CHANNELS
    tl.store(fed + begin + inside, value.to(fed.dtype.element_ty), mask=there)


def feed(clip: Clip, first: int, fed: Tensor, kept: Tensor | None, start: int, *, activate: bool, eps: float) -> None:
    """Write ``fed`` (frames from ``first`` on, ends repeated) and, where given, ``kept`` (from ``start`` on)."""
    batch, count, height, width, channels = fed.shape
    columns = triton.next_power_of_2(channels)
    pixels = max(1, _TILE // columns)
    residual, bias = clip.residual, clip.bias
    nothing: Any = fed  # a pointer that is never read
    _feed[(triton.cdiv(height * width, pixels), count, batch)](
        clip.rows,
        nothing if bias is None else bias,
        nothing if residual is None else residual,
        nothing if kept is None else kept,
        fed,
        first,
        clip.total,
        clip.start,
        clip.rows.shape[1],
        clip.residual_start,
        0 if residual is None else residual.shape[1],
        start,
        0 if kept is None else kept.shape[1],
        count,
        height * width,
        width,
        eps,
        CHANNELS=channels,
        COLUMNS=columns,
        PIXELS=pixels,
        ACTIVATE=activate,
        FOLDED=clip.folded,
        HAS_BIAS=bias is not None,
        HAS_RESIDUAL=residual is not None,
        KEEP=kept is not None,
        num_warps=4,
    )


@triton.jit
def _to_pictures(rows, bias, pictures, height, width, CHANNELS: tl.constexpr, PATCH: tl.constexpr, WIDE: tl.constexpr):
    """One program: the lines of one row of patches, some columns, all three colours."""
    column = tl.program_id(0) * WIDE + tl.arange(0, WIDE)[None, :]
    row = tl.program_id(1)
    frame = tl.program_id(2).to(tl.int64)
    line = tl.arange(0, PATCH)[:, None]
    there = (column < width * PATCH) & (line < PATCH)
    plane = height * width * PATCH * PATCH
    source = rows + frame * height * width * CHANNELS + (row * width + column // PATCH) * CHANNELS
    target = pictures + frame * 3 * plane + (row * PATCH + line) * width * PATCH + column
    for colour in tl.static_range(3):
        channel = colour * PATCH * PATCH + (column % PATCH) * PATCH + line
        value = tl.load(source + channel, mask=there, other=0.0).to(tl.float32)
        value += tl.load(bias + channel, mask=there, other=0.0)
        tl.store(target + colour * plane, value, mask=there)


def to_pictures(rows: Tensor, bias: Tensor, patch: int) -> Tensor:
    """See :func:`livehead.engine.flashhead.ltx_feed.to_pictures`. ``patch`` is a power of two."""
    batch, count, height, width, channels = rows.shape
    pictures = torch.empty((batch, count, 3, height * patch, width * patch), dtype=torch.float32, device=rows.device)
    wide = min(512, triton.next_power_of_2(width * patch))
    grid = (triton.cdiv(width * patch, wide), height, batch * count)
    _to_pictures[grid](rows, bias, pictures, height, width, CHANNELS=channels, PATCH=patch, WIDE=wide, num_warps=4)
    return pictures
