"""A linear layer of 8-bit integers: tensor cores accumulate in 32-bit integers, and scales, offsets and bias are
applied to the sums before they leave the chip.

On Hopper it is a kernel in Gluon (int8_hopper.py). Here is the one for the other cards, in Triton.
"""

from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from livehead.engine.flashhead.kernels import hopper

COLUMNS, DEPTH, GROUP = 128, 128, 8
"""Columns of a tile and products of a step; tiles of ``GROUP`` rows of tiles run near each other, so that they find
their weights in the cache. Larger tiles were slower in every shape of the transformer's layers."""


@triton.jit
def _linear(
    x, weight, x_scale, x_offset, weight_scale, weight_sum, bias, out, peaks, rows, columns, depth,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, GROUP: tl.constexpr,
    OFFSET: tl.constexpr, PEAKS: tl.constexpr,
):  # fmt: skip
    tiles_down, tiles_across = tl.cdiv(rows, ROWS), tl.cdiv(columns, COLUMNS)
    tile = tl.program_id(0)
    first = tile // (GROUP * tiles_across) * GROUP
    height = min(tiles_down - first, GROUP)
    place = tile % (GROUP * tiles_across)
    top, across = (first + place % height) * ROWS, place // height
    left = across * COLUMNS
    sums = tl.zeros((ROWS, COLUMNS), tl.int32)
    for k in range(0, depth, DEPTH):
        sums = tl.dot(x.load([top, k]), weight.load([left, k]).T, sums, out_dtype=tl.int32)
    row, column = top + tl.arange(0, ROWS), left + tl.arange(0, COLUMNS)
    value = sums.to(tl.float32) * tl.load(x_scale + row, row < rows, 0.0)[:, None]
    value *= tl.load(weight_scale + column, column < columns, 0.0)[None, :]
    if OFFSET:
        offset = tl.load(x_offset + row, row < rows, 0.0)[:, None]
        value += offset * tl.load(weight_sum + column, column < columns, 0.0)[None, :]
    value += tl.load(bias + column, column < columns, 0.0).to(tl.float32)[None, :]
    if PEAKS:
        largest = tl.max(tl.where((column < columns)[None, :], value, float("-inf")), 1)
        tl.store(peaks + row * tiles_across + across, largest, row < rows)
    out.store([top, left], value.to(out.dtype))


def linear(
    x: Tensor, x_scale: Tensor, x_offset: Tensor | None, weight: Tensor, weight_scale: Tensor, weight_sum: Tensor,
    bias: Tensor, *, peaks: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """int8 (rows, n) and (m, n), each with a float32 scale for every row; bias (m) → (rows, m) in bias's dtype.

    ``x_offset`` (rows, 1), if there is one, is added to each value of x, and ``weight_sum`` (m) are the sums of the
    scaled weights' rows. With ``peaks`` also the largest values of every row, one for each tile: float32 (rows, tiles).
    n and m are multiples of 16.
    """
    rows, depth = x.shape
    columns = weight.shape[0]
    out = torch.empty((rows, columns), dtype=bias.dtype, device=x.device)
    tiles = triton.cdiv(columns, COLUMNS)
    largest = torch.empty((rows, tiles), dtype=torch.float32, device=x.device) if peaks else None
    fast = hopper.int8_kernels(x.device) if depth % DEPTH == 0 and columns % COLUMNS == 0 else None
    if fast is not None:
        fast.linear(x, x_scale, x_offset, weight, weight_scale, weight_sum, bias, out, largest)
        return out, largest
    # Where large tiles would leave processors without one, small ones are faster.
    large = triton.cdiv(rows, 128) * tiles >= _processors(x.device)
    height, stages = (128, 3) if large else (64, 4)
    unread = x_scale  # a pointer that is never used
    _linear[(triton.cdiv(rows, height) * tiles,)](
        TensorDescriptor.from_tensor(x, [height, DEPTH]), TensorDescriptor.from_tensor(weight, [COLUMNS, DEPTH]),
        x_scale, unread if x_offset is None else x_offset, weight_scale, weight_sum, bias,
        TensorDescriptor.from_tensor(out, [height, COLUMNS]), unread if largest is None else largest,
        rows, columns, depth, ROWS=height, COLUMNS=COLUMNS, DEPTH=DEPTH, GROUP=GROUP,
        OFFSET=x_offset is not None, PEAKS=peaks, num_warps=4, num_stages=stages,
    )  # fmt: skip
    return out, largest


@cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count
