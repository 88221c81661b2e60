"""Quantization to 8-bit floats as one Triton kernel; dit/matmul.py defines what it computes."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _quantize(x, values, scales, dim, largest, least, ACTIVATE: tl.constexpr, WIDTH: tl.constexpr):
    """One program: one row."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, WIDTH)
    mask = column < dim
    value = tl.load(x + row * dim + column, mask, 0.0).to(tl.float32)
    if ACTIVATE:
        # x/2 · (1 + tanh z) is x times the logistic function of 2 z.
        value *= tl.sigmoid(1.5957691216057308 * (value + 0.044715 * value * value * value))
    scale = tl.maximum(tl.max(tl.abs(value), 0), least) / largest
    tl.store(values + row * dim + column, (value / scale).to(values.dtype.element_ty), mask)
    tl.store(scales + row, scale)


def quantize(x: Tensor, largest: float, least: float, *, activate: bool) -> tuple[Tensor, Tensor]:
    """See :func:`livehead.engine.flashhead.dit.matmul.quantize`, for (rows, n)."""
    x = x.contiguous()
    rows, dim = x.shape
    values = torch.empty((rows, dim), dtype=torch.float8_e4m3fn, device=x.device)
    scales = torch.empty((rows, 1), dtype=torch.float32, device=x.device)
    width = triton.next_power_of_2(dim)
    _quantize[(rows,)](
        x, values, scales, dim, largest, least, ACTIVATE=activate, WIDTH=width, num_warps=4 if width <= 4096 else 16
    )
    return values, scales
