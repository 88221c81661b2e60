"""Rows to 8 bits, each with its own scale; after GELU also with an offset."""

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDEST = 2048
"""A wider row is read in parts, twice; the second time from the cache."""


@triton.jit
def _value(x, start, dim, ACTIVATE: tl.constexpr, WIDTH: tl.constexpr):
    column = start + tl.arange(0, WIDTH)
    value = tl.load(x + column, column < dim, 0.0).to(tl.float32)
    if ACTIVATE:
        # x/2 · (1 + tanh z) is x times the logistic function of 2 z.
        value *= tl.sigmoid(1.5957691216057308 * (value + 0.044715 * value * value * value))
    return value


@triton.jit
def _quantize(
    x, values, scales, dim, largest, least,
    ACTIVATE: tl.constexpr, WIDTH: tl.constexpr, PARTS: tl.constexpr, ROUND: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    x += row * dim
    values += row * dim
    peak = tl.zeros((WIDTH,), tl.float32)
    for part in tl.static_range(PARTS):
        peak = tl.maximum(peak, tl.abs(_value(x, part * WIDTH, dim, ACTIVATE, WIDTH)))
    scale = tl.maximum(tl.max(peak, 0), least) / largest
    for part in tl.static_range(PARTS):
        column = part * WIDTH + tl.arange(0, WIDTH)
        value = _value(x, part * WIDTH, dim, ACTIVATE, WIDTH) / scale
        if ROUND:
            value = tl.floor(value + 0.5)
        tl.store(values + column, value.to(values.dtype.element_ty), column < dim)
    tl.store(scales + row, scale)


def quantize(x: Tensor, dtype: torch.dtype, largest: float, least: float, *, activate: bool) -> tuple[Tensor, Tensor]:
    """See :func:`livehead.engine.flashhead.dit.matmul.quantize`, for (rows, n)."""
    x = x.contiguous()
    rows, dim = x.shape
    values = torch.empty((rows, dim), dtype=dtype, device=x.device)
    scales = torch.empty((rows, 1), dtype=torch.float32, device=x.device)
    width = min(triton.next_power_of_2(dim), WIDEST)
    _quantize[(rows,)](
        x, values, scales, dim, largest, least,
        ACTIVATE=activate, WIDTH=width, PARTS=triton.cdiv(dim, width), ROUND=dtype is torch.int8, num_warps=4,
    )  # fmt: skip
    return values, scales


LEAST_GELU = tl.constexpr(-0.170041)
"""The least value of GELU(tanh)."""

_WIDTH = 2048
"""Columns of a program of ``_quantize_gelu``."""


@triton.jit
def _gelu(x, FAST: tl.constexpr):
    """x/2 · (1 + tanh z), which is x times the logistic function of 2 z. ``FAST`` uses the device's own exp2 and
    reciprocal, which are exact enough for 8 bits. Triton's interpreter has no inline assembly."""
    doubled = x * (1.5957691216057308 + 0.07135481627260025 * x * x)
    if FAST:
        power = tl.inline_asm_elementwise(
            "ex2.approx.ftz.f32 $0, $1;", "=f,f", [doubled * -1.4426950408889634], dtype=tl.float32, is_pure=True,
            pack=1,
        )  # fmt: skip
        share = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [power + 1.0], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        share = tl.sigmoid(doubled)
    return x * share


@triton.jit
def _quantize_gelu(
    x, peaks, values, scales, offsets, dim, tiles, WIDTH: tl.constexpr, TILES: tl.constexpr, FAST: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0)
    column = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    begin = row.to(tl.int64) * dim
    value = _gelu(tl.load(x + begin + column, column < dim, 0.0).to(tl.float32), FAST)
    tile = tl.arange(0, TILES)
    peak = tl.max(tl.load(peaks + row * tiles + tile, tile < tiles, 0.0), 0)
    scale = (_gelu(tl.maximum(peak, 0.0), FAST) - LEAST_GELU) / 255
    # From -128 for the least value to 127 for the largest.
    step = tl.minimum((value - LEAST_GELU) * (1 / scale) + 0.5, 255.0)
    tl.store(values + begin + column, (step.to(tl.int32) - 128).to(tl.int8), column < dim)
    if tl.program_id(1) == 0:
        tl.store(scales + row, scale)
        tl.store(offsets + row, LEAST_GELU + 128 * scale)


def quantize_gelu(x: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`livehead.engine.flashhead.dit.matmul.quantize_gelu`, for (rows, n). ``peaks`` (rows, parts) float32:
    the largest values of every row's parts."""
    rows, dim = x.shape
    values = torch.empty((rows, dim), dtype=torch.int8, device=x.device)
    scales, offsets = (torch.empty((rows, 1), dtype=torch.float32, device=x.device) for _ in range(2))
    _quantize_gelu[(rows, triton.cdiv(dim, _WIDTH))](
        x, peaks, values, scales, offsets, dim, peaks.shape[1],
        WIDTH=_WIDTH, TILES=triton.next_power_of_2(peaks.shape[1]), FAST=x.is_cuda, num_warps=4,
    )  # fmt: skip
    return values, scales, offsets
