"""Rows to 8 bits, each with its own scale."""

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
