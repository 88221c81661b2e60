"""A linear layer of 8-bit integers: tensor cores accumulate in 32-bit integers, and scales and bias are applied to the
sums before they leave the chip.

Tiles are loaded through tensor descriptors (the tensor memory accelerator of Hopper; pointers on older cards).
"""

from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

COLUMNS, DEPTH, GROUP = 128, 128, 8
"""Columns of a tile and products of a step; tiles of ``GROUP`` rows of tiles run near each other, so that they find
their weights in the cache. Larger tiles were slower in every shape of the transformer's layers."""


@triton.jit
def _linear(
    x, weight, x_scale, weight_scale, bias, out, rows, columns, depth,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    tiles_down, tiles_across = tl.cdiv(rows, ROWS), tl.cdiv(columns, COLUMNS)
    tile = tl.program_id(0)
    first = tile // (GROUP * tiles_across) * GROUP
    height = min(tiles_down - first, GROUP)
    place = tile % (GROUP * tiles_across)
    top, left = (first + place % height) * ROWS, place // height * COLUMNS
    sums = tl.zeros((ROWS, COLUMNS), tl.int32)
    for k in range(0, depth, DEPTH):
        sums = tl.dot(x.load([top, k]), weight.load([left, k]).T, sums, out_dtype=tl.int32)
    row, column = top + tl.arange(0, ROWS), left + tl.arange(0, COLUMNS)
    value = sums.to(tl.float32) * tl.load(x_scale + row, row < rows, 0.0)[:, None]
    value *= tl.load(weight_scale + column, column < columns, 0.0)[None, :]
    value += tl.load(bias + column, column < columns, 0.0).to(tl.float32)[None, :]
    out.store([top, left], value.to(out.dtype))


def linear(x: Tensor, x_scale: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor) -> Tensor:
    """int8 (rows, n) and (m, n), each with a float32 scale (…, 1) for every row; bias (m) → (rows, m) in bias's dtype.
    n and m are multiples of 16."""
    rows, depth = x.shape
    columns = weight.shape[0]
    out = torch.empty((rows, columns), dtype=bias.dtype, device=x.device)
    # Where large tiles would leave processors without one, small ones are faster.
    large = triton.cdiv(rows, 128) * triton.cdiv(columns, COLUMNS) >= _processors(x.device)
    height, stages = (128, 3) if large else (64, 4)
    grid = (triton.cdiv(rows, height) * triton.cdiv(columns, COLUMNS),)
    _linear[grid](
        TensorDescriptor.from_tensor(x, [height, DEPTH]), TensorDescriptor.from_tensor(weight, [COLUMNS, DEPTH]),
        x_scale, weight_scale, bias, TensorDescriptor.from_tensor(out, [height, COLUMNS]), rows, columns, depth,
        ROWS=height, COLUMNS=COLUMNS, DEPTH=DEPTH, GROUP=GROUP, num_warps=4, num_stages=stages,
    )  # fmt: skip
    return out


@cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count
