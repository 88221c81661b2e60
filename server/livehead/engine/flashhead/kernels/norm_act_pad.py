"""The Triton kernels behind ``feed``. Imports Triton, so only where a CUDA build of torch brought it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl
from torch import Tensor

if TYPE_CHECKING:
    from livehead.engine.flashhead.vae.clip import Clip, Whole
    from livehead.engine.flashhead.vae.norm_act_pad import Norm

_TILE = 4096
"""Values that one program holds: 32 a thread. Bandwidth is what limits these kernels."""

_FRAMES = ["first", "total", "rows_start", "rows_frames", "residual_start", "residual_frames"]
_FRAMES += ["kept_start", "kept_frames", "count"]


@triton.jit
def _silu(x, FAST: tl.constexpr):
    """x · sigmoid(x). ``FAST``: by the device's own exp2 and reciprocal, 5 instructions instead of 16, of which
    there would be more than the memory has time for. The interpreter knows no instructions."""
    if FAST:
        power = tl.inline_asm_elementwise(
            "ex2.approx.ftz.f32 $0, $1;", "=f,f", [x * -1.4426950408889634], dtype=tl.float32, is_pure=True, pack=1
        )
        share = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [power + 1.0], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        share = tl.sigmoid(x)
    return x * share


@triton.jit(do_not_specialize=_FRAMES)
def _feed(
    rows,
    bias,
    residual,
    gamma,
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
    rows_area,
    rows_width,
    eps,
    least,
    CHANNELS: tl.constexpr,
    ROWS: tl.constexpr,
    FED: tl.constexpr,
    COLUMNS: tl.constexpr,
    PIXELS: tl.constexpr,
    TIME: tl.constexpr,
    SPACE: tl.constexpr,
    SHIFT: tl.constexpr,
    REPEAT: tl.constexpr,
    NORM: tl.constexpr,
    GAMMA: tl.constexpr,
    ACTIVATE: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_RESIDUAL: tl.constexpr,
    KEEP: tl.constexpr,
    FAST: tl.constexpr,
):
    """One program: some pixels of one fed frame, all channels. Offsets inside a frame fit in 32 bits."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    place = tl.program_id(1)
    stream = tl.program_id(2).to(tl.int64)
    # What all pixels share is loaded in one dimension: in two it would pull all else into its own layout.
    lane = tl.arange(0, COLUMNS)
    channel = lane[None, :]
    there = (pixel < area)[:, None] & (channel < CHANNELS)
    frame = first + place
    exists = (frame >= 0) & (frame < total)
    once = there & exists  # a repeated frame is kept once
    if REPEAT:
        frame = tl.minimum(tl.maximum(frame, 0), total - 1)
        exists = frame >= 0
    inside = pixel[:, None] * CHANNELS + channel
    row = frame
    source = pixel
    half = 0
    if TIME == 2:
        row = (frame + 1) // 2
        half = (frame + 1) % 2 * (SPACE * SPACE * CHANNELS)
    spread = channel + half
    if SPACE == 2:
        y, x = pixel // width + SHIFT, pixel % width + SHIFT
        source = y // 2 * rows_width + x // 2
        spread = spread + ((y % 2 * 2 + x % 2) * CHANNELS)[:, None]
    # Where there is no such row, as before the first frame, all is zero.
    present = exists & (row >= rows_start) & (row < rows_start + rows_frames)
    mask = there & present
    begin = (stream * rows_frames + row - rows_start) * rows_area * ROWS
    value = tl.load(rows + begin + (source[:, None] * ROWS + spread), mask=mask, other=0.0).to(tl.float32)
    if HAS_BIAS:
        if SPACE == 1:
            value += tl.load(bias + half + lane, mask=(lane < CHANNELS) & present, other=0.0)[None, :]
        else:
            value += tl.load(bias + spread, mask=mask, other=0.0)
    if HAS_RESIDUAL:
        mask = there & (exists & (frame >= residual_start) & (frame < residual_start + residual_frames))
        begin = (stream * residual_frames + frame - residual_start) * area * CHANNELS
        value += tl.load(residual + begin + inside, mask=mask, other=0.0).to(tl.float32)
    if KEEP:
        begin = (stream * kept_frames + frame - kept_start) * area * CHANNELS
        tl.store(kept + begin + inside, value.to(kept.dtype.element_ty), mask=once)
    if NORM:
        # Columns past the channels were loaded as zeros and add nothing.
        mean = tl.sum(value * value, axis=1) / CHANNELS
        value = value * tl.rsqrt(tl.maximum(mean + eps, least))[:, None]
        if GAMMA:
            value = value * tl.load(gamma + lane, mask=lane < CHANNELS, other=0.0)[None, :]
        if ACTIVATE:
            value = _silu(value, FAST)
    begin = (stream * count + place) * area * FED
    mask = (pixel < area)[:, None] & (channel < FED)
    tl.store(fed + begin + (pixel[:, None] * FED + channel), value.to(fed.dtype.element_ty), mask=mask)


def feed(clip: Clip, first: int, fed: Tensor, whole: Whole | None, norm: Norm | None, *, repeat: bool) -> None:
    """Write ``fed`` (frames from ``first`` on) and, where given, ``whole`` (without frames that do not exist)."""
    batch, count, height, width, channels = fed.shape
    columns = triton.next_power_of_2(channels)
    pixels = max(1, _TILE // columns)
    rows, residual, bias, fold = clip.rows, clip.residual, clip.bias, clip.fold
    gamma = None if norm is None else norm.gamma
    nothing: Any = fed  # a pointer that is never read
    _feed[(triton.cdiv(height * width, pixels), count, batch)](
        rows,
        nothing if bias is None else bias,
        nothing if residual is None else residual,
        nothing if gamma is None else gamma,
        nothing if whole is None else whole.rows,
        fed,
        first,
        clip.total,
        clip.start,
        rows.shape[1],
        clip.residual_start,
        0 if residual is None else residual.shape[1],
        0 if whole is None else whole.start,
        0 if whole is None else whole.rows.shape[1],
        count,
        height * width,
        width,
        rows.shape[2] * rows.shape[3],
        rows.shape[3],
        0.0 if norm is None else norm.eps,
        0.0 if norm is None else norm.least,
        CHANNELS=clip.channels,
        ROWS=rows.shape[4],
        FED=channels,
        COLUMNS=columns,
        PIXELS=pixels,
        TIME=fold.time,
        SPACE=fold.space,
        SHIFT=fold.shift,
        REPEAT=repeat,
        NORM=norm is not None,
        GAMMA=gamma is not None,
        ACTIVATE=norm is not None and norm.activate,
        HAS_BIAS=bias is not None,
        HAS_RESIDUAL=residual is not None,
        KEEP=whole is not None,
        FAST=rows.is_cuda,
        num_warps=4,
    )


@triton.jit
def _to_pictures(
    rows,
    bias,
    pictures,
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
    target = pictures + frame * 3 * plane + (row * PATCH + line) * width * PATCH + column
    for colour in tl.static_range(3):
        channel = colour * PATCH * PATCH + (column % PATCH) * PATCH + line
        value = tl.load(source + channel, mask=there, other=0.0).to(tl.float32)
        value += tl.load(bias + channel, mask=there, other=0.0)
        if LIMITED:
            value = tl.minimum(tl.maximum(value, -limit), limit)
        tl.store(target + colour * plane, value, mask=there)


def to_pictures(rows: Tensor, bias: Tensor, patch: int, limit: float | None) -> Tensor:
    """See :func:`livehead.engine.flashhead.vae.norm_act_pad.to_pictures`. ``patch`` is a power of two."""
    batch, count, height, width, channels = rows.shape
    pictures = torch.empty((batch, count, 3, height * patch, width * patch), dtype=torch.float32, device=rows.device)
    wide = min(512, triton.next_power_of_2(width * patch))
    _to_pictures[(triton.cdiv(width * patch, wide), height, batch * count)](
        rows,
        bias,
        pictures,
        height,
        width,
        0.0 if limit is None else limit,
        CHANNELS=channels,
        PATCH=patch,
        WIDE=wide,
        LIMITED=limit is not None,
        num_warps=4,
    )
    return pictures
