"""Products and convolutions of 8-bit integers for Hopper, in Gluon, Triton's language of tiles and warps.

A program works on one tile after the other. One warp loads through the tensor memory accelerator into a ring of stages
in shared memory; two groups of four warps multiply, and always have one step of products under way while they wait for
the next stage. Triton's own pipeline waits for the tensor cores after each step. In a product the groups take tiles in
turns, so that one multiplies while the other scales and stores its sums; in a convolution, whose sums take 27 times as
long, they share a tile, half of its rows each, which loads less.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
import triton
from torch import Tensor
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
    tma,
    warpgroup_mma,
    warpgroup_mma_wait,
)
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

COLUMNS, DEPTH, GROUP = 128, 128, 8
"""Columns of a tile and products of a step; tiles of ``GROUP`` rows of tiles run near each other, so that they find
their weights in the cache. More columns were never faster by more than 4 %, and mostly slower."""


class Tiling(NamedTuple):
    """Rows of a tile, rows of a group, and stages."""

    rows: int
    own: int
    stages: int

    def tiles(self, rows: int, columns: int) -> int:
        count: int = triton.cdiv(rows, self.rows) * triton.cdiv(columns, COLUMNS)
        return count


IN_TURNS, TALL, LOW = Tiling(128, 128, 6), Tiling(256, 128, 4), Tiling(128, 64, 6)
"""For products; for convolutions, and for those with less than two tall tiles for each processor."""

REGISTERS, LOADING_REGISTERS, MOST_REGISTERS = 240, 24, 168
"""Of a thread that multiplies, of one that loads, and of all at the start."""


@gluon.jit
def _ring(STAGES: gl.constexpr, READERS: gl.constexpr):
    full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for stage in gl.static_range(STAGES):
        mbarrier.init(full.index(stage), count=1)
        mbarrier.init(empty.index(stage), count=READERS)
    # One for each group that waits for its turn.
    turn = gl.allocate_shared_memory(gl.int64, [2, 1], mbarrier.MBarrierLayout())
    for group in gl.static_range(2):
        mbarrier.init(turn.index(group), count=1)
    fence_async_shared()
    return full, empty, turn


@gluon.jit
def _fetch(x, w, xs, ws, full, empty, at, row, column, x_depth, w_depth, STAGES: gl.constexpr):
    """Load the step number ``at`` as soon as its stage is free."""
    stage = at % STAGES
    mbarrier.wait(empty.index(stage), (at // STAGES & 1) ^ 1)
    mbarrier.expect(full.index(stage), x.block_type.nbytes + w.block_type.nbytes)
    tma.async_copy_global_to_shared(x, [row, x_depth], full.index(stage), xs.index(stage))
    tma.async_copy_global_to_shared(w, [column, w_depth], full.index(stage), ws.index(stage))


@gluon.jit
def _sums(
    xs, ws, full, empty, turn, at, steps, turned,
    IN_TURNS: gl.constexpr, SECOND: gl.constexpr, FIRST: gl.constexpr, OWN: gl.constexpr, COLUMNS: gl.constexpr,
    STAGES: gl.constexpr, MMA: gl.constexpr,
):  # fmt: skip
    """Of a tile's rows, OWN from FIRST on: the sums of ``steps`` steps, the first of which is number ``at``.

    IN_TURNS, this waits until the other group has seen all of its steps loaded, ``turned`` times before: a group that
    did not watch the ring so far could take the load before last for the next one.
    """
    if IN_TURNS:
        mbarrier.wait(turn.index(SECOND), (turned & 1) ^ (1 - SECOND))
    sums = gl.zeros([OWN, COLUMNS], gl.int32, MMA)
    for step in range(at, at + steps):
        stage = step % STAGES
        mbarrier.wait(full.index(stage), step // STAGES & 1)
        own = xs.index(stage).slice(FIRST, OWN)
        begun = warpgroup_mma(own, ws.index(stage).permute((1, 0)), sums, is_async=True)
        sums = warpgroup_mma_wait(1, deps=(begun,))
        # With one step under way, the one before is over.
        mbarrier.arrive(empty.index((step + STAGES - 1) % STAGES), pred=step > at)
    if IN_TURNS:
        mbarrier.arrive(turn.index(1 - SECOND))
    sums = warpgroup_mma_wait(0, deps=(sums,))
    mbarrier.arrive(empty.index((at + steps + STAGES - 1) % STAGES))
    return sums


@gluon.jit
def _place(tile, tiles_down, tiles_across, GROUP: gl.constexpr):
    first = tile // (GROUP * tiles_across) * GROUP
    height = min(tiles_down - first, GROUP)
    place = tile % (GROUP * tiles_across)
    return first + place % height, place // height


@gluon.jit
def _linear_load(
    x, w, xs, ws, full, empty, rows, columns, steps,
    ROWS: gl.constexpr, COLUMNS: gl.constexpr, DEPTH: gl.constexpr, GROUP: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    down, across = gl.cdiv(rows, ROWS), gl.cdiv(columns, COLUMNS)
    at = 0
    for tile in range(gl.program_id(0), down * across, gl.num_programs(0)):
        y, x_ = _place(tile, down, across, GROUP)
        for step in range(steps):
            _fetch(x, w, xs, ws, full, empty, at, y * ROWS, x_ * COLUMNS, step * DEPTH, step * DEPTH, STAGES)
            at += 1


@gluon.jit
def _linear_multiply(
    xs, ws, full, empty, turn, x_scale, x_offset, w_scale, w_sum, bias, out, peaks, rows, columns, steps,
    SECOND: gl.constexpr, ROWS: gl.constexpr, COLUMNS: gl.constexpr, GROUP: gl.constexpr, STAGES: gl.constexpr,
    MMA: gl.constexpr, WIDE: gl.constexpr, OFFSET: gl.constexpr, PEAKS: gl.constexpr,
):  # fmt: skip
    down, across = gl.cdiv(rows, ROWS), gl.cdiv(columns, COLUMNS)
    # The second group begins with the second tile. Each skips every other one.
    at = SECOND * steps
    for tile in range(gl.program_id(0) + SECOND * gl.num_programs(0), down * across, 2 * gl.num_programs(0)):
        y, x_ = _place(tile, down, across, GROUP)
        top, left = y * ROWS, x_ * COLUMNS
        sums = _sums(
            xs, ws, full, empty, turn, at, steps, at // steps // 2, True, SECOND, 0, ROWS, COLUMNS, STAGES, MMA
        )  # fmt: skip
        at += 2 * steps
        row = top + gl.arange(0, ROWS, gl.SliceLayout(1, MMA))
        column = left + gl.arange(0, COLUMNS, gl.SliceLayout(0, MMA))
        value = sums.to(gl.float32) * gl.load(x_scale + row, row < rows, 0.0).expand_dims(1)
        value = value * gl.load(w_scale + column, column < columns, 0.0).expand_dims(0)
        if OFFSET:
            offset = gl.load(x_offset + row, row < rows, 0.0).expand_dims(1)
            value = value + offset * gl.load(w_sum + column, column < columns, 0.0).expand_dims(0)
        value = value + gl.load(bias + column, column < columns, 0.0).to(gl.float32).expand_dims(0)
        if PEAKS:
            gl.store(peaks + row * across + x_, gl.max(value, 1), row < rows)
        # Neighbouring values of a row to one thread, so that it stores 16 bytes.
        value = gl.convert_layout(value.to(out.dtype.element_ty), WIDE)
        row = top + gl.arange(0, ROWS, gl.SliceLayout(1, WIDE))
        column = left + gl.arange(0, COLUMNS, gl.SliceLayout(0, WIDE))
        place = row.expand_dims(1) * columns + column.expand_dims(0)
        gl.store(out + place, value, (row < rows).expand_dims(1) & (column < columns).expand_dims(0))


@gluon.jit
def _linear(
    x, w, x_scale, x_offset, w_scale, w_sum, bias, out, peaks, rows, columns, steps,
    ROWS: gl.constexpr, OWN: gl.constexpr, COLUMNS: gl.constexpr, DEPTH: gl.constexpr, GROUP: gl.constexpr,
    STAGES: gl.constexpr, MMA: gl.constexpr, WIDE: gl.constexpr, OFFSET: gl.constexpr, PEAKS: gl.constexpr,
    REGISTERS: gl.constexpr, LOADING: gl.constexpr,
):  # fmt: skip
    xs = gl.allocate_shared_memory(gl.int8, [STAGES, ROWS, DEPTH], x.layout)
    ws = gl.allocate_shared_memory(gl.int8, [STAGES, COLUMNS, DEPTH], w.layout)
    full, empty, turn = _ring(STAGES, ROWS // OWN)  # how many groups read a stage
    FIRST: gl.constexpr = 0
    SECOND: gl.constexpr = 1
    gl.warp_specialize(
        [
            (_linear_multiply, (xs, ws, full, empty, turn, x_scale, x_offset, w_scale, w_sum, bias, out, peaks, rows,
                                columns, steps, FIRST, ROWS, COLUMNS, GROUP, STAGES, MMA, WIDE, OFFSET, PEAKS)),
            (_linear_multiply, (xs, ws, full, empty, turn, x_scale, x_offset, w_scale, w_sum, bias, out, peaks, rows,
                                columns, steps, SECOND, ROWS, COLUMNS, GROUP, STAGES, MMA, WIDE, OFFSET, PEAKS)),
            (_linear_load, (x, w, xs, ws, full, empty, rows, columns, steps, ROWS, COLUMNS, DEPTH, GROUP, STAGES)),
        ],
        [4, 1],
        [REGISTERS, LOADING],
    )  # fmt: skip


@gluon.jit
def _conv_load(
    x, w, xs, ws, full, empty, tiles, across, streams, length, steps, outputs, line, area,
    ROWS: gl.constexpr, COLUMNS: gl.constexpr, DEPTH: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    at = 0
    for tile in range(gl.program_id(0), streams * tiles * across, gl.num_programs(0)):
        left = tile % across * COLUMNS
        tile = tile // across
        top = tile // tiles * length + tile % tiles * ROWS
        for tap in range(27):
            begin = top + tap // 9 * area + tap // 3 % 3 * line + tap % 3
            for step in range(steps):
                _fetch(
                    x, w, xs, ws, full, empty, at, begin, tap * outputs + left, step * DEPTH, step * DEPTH, STAGES
                )  # fmt: skip
                at += 1


@gluon.jit
def _conv_multiply(
    xs, ws, full, empty, turn, scale, shift, out, tiles, across, streams, steps, outputs, line, area, height, frames,
    SECOND: gl.constexpr, ROWS: gl.constexpr, OWN: gl.constexpr, COLUMNS: gl.constexpr, STAGES: gl.constexpr,
    MMA: gl.constexpr, WIDE: gl.constexpr,
):  # fmt: skip
    FIRST: gl.constexpr = SECOND * OWN
    at = 0
    for tile in range(gl.program_id(0), streams * tiles * across, gl.num_programs(0)):
        left = tile % across * COLUMNS
        tile = tile // across
        sums = _sums(
            xs, ws, full, empty, turn, at, 27 * steps, 0, False, SECOND, FIRST, OWN, COLUMNS, STAGES, MMA
        )  # fmt: skip
        at += 27 * steps
        column = left + gl.arange(0, COLUMNS, gl.SliceLayout(0, MMA))
        value = sums.to(gl.float32) * gl.load(scale + column).expand_dims(0)
        value = value + gl.load(shift + column).expand_dims(0)
        value = gl.convert_layout(value.to(out.dtype.element_ty), WIDE)
        pixel = tile % tiles * ROWS + FIRST + gl.arange(0, OWN, gl.SliceLayout(1, WIDE))
        column = left + gl.arange(0, COLUMNS, gl.SliceLayout(0, WIDE))
        frame, y, x = pixel // area, pixel % area // line, pixel % line
        there = (frame < frames) & (y < height) & (x < line - 1)
        begin = (tile // tiles).to(gl.int64) * frames * height * (line - 1) * outputs
        place = ((frame * height + y) * (line - 1) + x).expand_dims(1) * outputs + column.expand_dims(0)
        gl.store(out + begin + place, value, there.expand_dims(1) & (column < outputs).expand_dims(0))


@gluon.jit
def _conv(
    x, w, scale, shift, out, tiles, across, streams, length, steps, outputs, line, area, height, frames,
    ROWS: gl.constexpr, OWN: gl.constexpr, COLUMNS: gl.constexpr, DEPTH: gl.constexpr, STAGES: gl.constexpr,
    MMA: gl.constexpr, WIDE: gl.constexpr, REGISTERS: gl.constexpr, LOADING: gl.constexpr,
):  # fmt: skip
    xs = gl.allocate_shared_memory(gl.int8, [STAGES, ROWS, DEPTH], x.layout)
    ws = gl.allocate_shared_memory(gl.int8, [STAGES, COLUMNS, DEPTH], w.layout)
    full, empty, turn = _ring(STAGES, ROWS // OWN)  # how many groups read a stage
    FIRST: gl.constexpr = 0
    SECOND: gl.constexpr = 1
    gl.warp_specialize(
        [
            (_conv_multiply, (xs, ws, full, empty, turn, scale, shift, out, tiles, across, streams, steps, outputs,
                              line, area, height, frames, FIRST, ROWS, OWN, COLUMNS, STAGES, MMA, WIDE)),
            (_conv_multiply, (xs, ws, full, empty, turn, scale, shift, out, tiles, across, streams, steps, outputs,
                              line, area, height, frames, SECOND, ROWS, OWN, COLUMNS, STAGES, MMA, WIDE)),
            (_conv_load, (x, w, xs, ws, full, empty, tiles, across, streams, length, steps, outputs, line, area,
                          ROWS, COLUMNS, DEPTH, STAGES)),
        ],
        [4, 1],
        [REGISTERS, LOADING],
    )  # fmt: skip


def linear(
    x: Tensor, x_scale: Tensor, x_offset: Tensor | None, weight: Tensor, w_scale: Tensor, w_sum: Tensor, bias: Tensor,
    out: Tensor, peaks: Tensor | None,
) -> None:  # fmt: skip
    """See :func:`livehead.engine.flashhead.kernels.int8_linear.linear`. n is a multiple of 128."""
    rows, depth = x.shape
    columns = weight.shape[0]
    _linear[(min(_processors(x.device), IN_TURNS.tiles(rows, columns)),)](
        _descriptor(x, IN_TURNS.rows), _descriptor(weight, COLUMNS), x_scale, x_scale if x_offset is None else x_offset,
        w_scale, w_sum, bias, out, out if peaks is None else peaks, rows, columns, depth // DEPTH,
        COLUMNS=COLUMNS, DEPTH=DEPTH, GROUP=GROUP, OFFSET=x_offset is not None, PEAKS=peaks is not None,
        **_constants(IN_TURNS), num_warps=4, maxnreg=MOST_REGISTERS,
    )  # fmt: skip


def conv(x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, out: Tensor) -> None:
    """See :func:`livehead.engine.flashhead.vae.int8_conv.Int8Conv`.

    ``x`` int8 (B, length, C): frames with one more line and column than they have pixels, from cell line + 1 on.
    ``weight`` int8 (27 · outputs, C), by tap. ``out`` (B, frames, H, W, outputs). C and outputs: multiples of 128.
    """
    streams, length, channels = x.shape
    frames, height, width, outputs = out.shape[1:]
    line = width + 1
    area = (height + 1) * line
    processors = _processors(x.device)
    tiling = TALL if streams * TALL.tiles(frames * area, outputs) >= 2 * processors else LOW
    tiles, across = triton.cdiv(frames * area, tiling.rows), outputs // COLUMNS
    _conv[(min(processors, streams * tiles * across),)](
        _descriptor(x.flatten(0, 1), tiling.rows), _descriptor(weight, COLUMNS), scale, shift, out, tiles, across,
        streams, length, channels // DEPTH, outputs, line, area, height, frames,
        COLUMNS=COLUMNS, DEPTH=DEPTH, **_constants(tiling), num_warps=4, maxnreg=MOST_REGISTERS,
    )  # fmt: skip


def _descriptor(matrix: Tensor, rows: int) -> TensorDescriptor:
    block = [rows, DEPTH]
    return TensorDescriptor.from_tensor(matrix, block, gl.NVMMASharedLayout.get_default_for(block, gl.int8))


@cache
def _constants(tiling: Tiling) -> dict[str, object]:
    """Among them how a group's warps hold its values: as the tensor cores leave them, and by rows."""
    own = tiling.own
    wide = [[0, 1], [0, 2], [0, 4], [0, 32], [0, 64], [8, 0], *([64, 0] for _ in range(own // 128))]
    return {
        "ROWS": tiling.rows,
        "OWN": own,
        "STAGES": tiling.stages,
        "MMA": gl.NVMMADistributedLayout(version=[3, 0], warps_per_cta=[4, 1], instr_shape=[16, COLUMNS, 32]),
        "WIDE": gl.DistributedLinearLayout(
            reg_bases=wide,
            lane_bases=[[0, 8], [0, 16], [1, 0], [2, 0], [4, 0]],
            warp_bases=[[16, 0], [32, 0]],
            block_bases=[],
            shape=[own, COLUMNS],
        ),
        "REGISTERS": REGISTERS,
        "LOADING": LOADING_REGISTERS,
    }


@cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count
