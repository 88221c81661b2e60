"""The cross-attention's keys and values as two Triton kernels; dit/audio_context.py defines what they compute."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor, empty, float32

_COLUMNS = 128
"""Output columns per program of ``_values``, in all frames: their weights are read once."""


@triton.jit
def _keys(
    projected, weight, out, rows, layer_stride, dim, tokens, eps,
    HEAD: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """One program: one token of one layer."""
    row, layer = tl.program_id(0), tl.program_id(1).to(tl.int64)
    column = tl.arange(0, WIDTH)
    mask = column < dim
    value = tl.load(projected + layer * layer_stride + row * dim + column, mask, 0.0).to(tl.float32)
    value *= 1.0 / tl.sqrt(tl.sum(value * value, 0) / dim + eps)
    value *= tl.load(weight + layer * dim + column, mask, 0.0)
    frame, token = row // tokens, row % tokens
    place = frame * tokens * dim + (column // HEAD * tokens + token) * HEAD + column % HEAD
    tl.store(out + layer * rows * dim + place, value, mask)


@triton.jit
def _values(
    projected, weight, out, layer_stride, dim,
    FRAMES: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr, DEPTH: tl.constexpr, TOKENS: tl.constexpr,
    COLUMNS: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    """One program: some columns of one head of one layer, all frames."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    layer, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    depth, token = tl.arange(0, DEPTH), tl.arange(0, TOKENS)
    inside, some = depth < HEAD, column < dim
    weight += (layer * HEADS + head) * HEAD * dim
    theirs = tl.load(weight + depth[:, None] * dim + column[None, :], inside[:, None] & some[None, :], 0.0)
    projected += layer * layer_stride + head * HEAD
    for frame in range(FRAMES):
        own = tl.load(projected + (frame * TOKENS + token)[:, None] * dim + depth[None, :], inside[None, :], 0.0)
        made = tl.dot(own, theirs, input_precision="ieee" if EXACT else "tf32")
        place = ((layer * FRAMES + frame) * HEADS + head) * TOKENS * dim
        tl.store(out + place + token[:, None] * dim + column[None, :], made, some[None, :])


def cross_attention_keys(
    projected: Tensor, weight: Tensor, frames: tuple[int, int, int], heads: int, eps: float
) -> Tensor:
    """See :func:`livehead.engine.flashhead.dit.audio_context.cross_attention_keys`. A layer's rows are contiguous."""
    layers, rows, dim = projected.shape
    out = empty((layers, *frames[:2], heads, frames[2], dim // heads), dtype=projected.dtype, device=projected.device)
    _keys[(rows, layers)](
        projected, weight, out, rows, projected.stride(0), dim, frames[2], eps,
        HEAD=dim // heads, WIDTH=triton.next_power_of_2(dim),
    )  # fmt: skip
    return out


def cross_attention_values(projected: Tensor, out: Tensor, frames: tuple[int, int, int]) -> Tensor:
    """See :func:`livehead.engine.flashhead.dit.audio_context.cross_attention_values`. A layer's rows are contiguous."""
    layers, heads, head, dim = out.shape
    batch, count, tokens = frames
    made = empty((layers, batch, count, heads * tokens, dim), dtype=out.dtype, device=out.device)
    _values[(triton.cdiv(dim, _COLUMNS), layers * heads)](
        projected, out, made, projected.stride(0), dim,
        FRAMES=batch * count, HEADS=heads, HEAD=head, DEPTH=max(16, triton.next_power_of_2(head)), TOKENS=tokens,
        COLUMNS=_COLUMNS, EXACT=out.dtype is float32,
    )  # fmt: skip
    return made
