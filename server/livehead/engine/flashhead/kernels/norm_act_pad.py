"""The Triton kernels behind vae/norm_act_pad.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl
from torch import Tensor

if TYPE_CHECKING:
    from livehead.engine.flashhead.vae.clip import Clip, FinishedFrames
    from livehead.engine.flashhead.vae.int8_conv import Code
    from livehead.engine.flashhead.vae.norm_act_pad import Norm

_TILE = 4096
"""Values per program: 32 per thread. These kernels are limited by memory bandwidth."""

_FRAME_ARGUMENTS = ["first", "total", "rows_start", "rows_frames", "residual_start", "residual_frames"]
_FRAME_ARGUMENTS += ["kept_start", "kept_frames", "count"]


@triton.jit
def _silu(x, FAST: tl.constexpr):
    """x · sigmoid(x). ``FAST`` uses the device's own exp2 and reciprocal: 5 instructions instead of 16, which would
    take longer than the memory accesses. Triton's interpreter has no inline assembly."""
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


@triton.jit(do_not_specialize=_FRAME_ARGUMENTS)
def _norm_act_pad(
    rows,
    bias,
    residual,
    gamma,
    inverse,
    zero,
    kept,
    padded,
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
    PADDED: tl.constexpr,
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
    CODES: tl.constexpr,
    FAST: tl.constexpr,
):
    """One program: some pixels of one frame of the output, all channels. Offsets inside a frame fit in 32 bits."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    place = tl.program_id(1)
    stream = tl.program_id(2).to(tl.int64)
    # What all pixels share is loaded in one dimension: in two, everything else would take on its layout.
    lane = tl.arange(0, COLUMNS)
    channel = lane[None, :]
    cell, cells = pixel, area
    real = pixel < area
    if CODES:
        # A frame of codes has one more column and line than pixels; its value there is 0.
        line = width + 1
        cells = (area // width + 1) * line
        real = (cell % line < width) & (cell < cells - line)
        pixel = cell // line * width + cell % line
    there = real[:, None] & (channel < CHANNELS)
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
    distribution = channel + half
    if SPACE == 2:
        y, x = pixel // width + SHIFT, pixel % width + SHIFT
        source = y // 2 * rows_width + x // 2
        distribution = distribution + ((y % 2 * 2 + x % 2) * CHANNELS)[:, None]
    # A row that does not exist, as before the first frame, is all zeros.
    present = exists & (row >= rows_start) & (row < rows_start + rows_frames)
    mask = there & present
    begin = (stream * rows_frames + row - rows_start) * rows_area * ROWS
    value = tl.load(rows + begin + (source[:, None] * ROWS + distribution), mask=mask, other=0.0).to(tl.float32)
    if HAS_BIAS:
        if SPACE == 1:
            value += tl.load(bias + half + lane, mask=(lane < CHANNELS) & present, other=0.0)[None, :]
        else:
            value += tl.load(bias + distribution, mask=mask, other=0.0)
    if HAS_RESIDUAL:
        mask = there & (exists & (frame >= residual_start) & (frame < residual_start + residual_frames))
        begin = (stream * residual_frames + frame - residual_start) * area * CHANNELS
        value += tl.load(residual + begin + inside, mask=mask, other=0.0).to(tl.float32)
    if KEEP:
        begin = (stream * kept_frames + frame - kept_start) * area * CHANNELS
        tl.store(kept + begin + inside, value.to(kept.dtype.element_ty), mask=once)
    if NORM:
        # Columns beyond the channels were loaded as zeros and add nothing.
        mean = tl.sum(value * value, axis=1) / CHANNELS
        value = value * tl.rsqrt(tl.maximum(mean + eps, least))[:, None]
        if GAMMA:
            value = value * tl.load(gamma + lane, mask=lane < CHANNELS, other=0.0)[None, :]
        if ACTIVATE:
            value = _silu(value, FAST)
    output = cell[:, None] * PADDED + channel
    if CODES:
        nothing = tl.load(zero + lane, mask=lane < CHANNELS, other=0.0)
        value = tl.where(real[:, None], value, 0.0)
        value = value * tl.load(inverse + lane, mask=lane < CHANNELS, other=0.0)[None, :] + nothing[None, :]
        value = tl.minimum(tl.maximum(tl.floor(value + 0.5), -128.0), 127.0)
        # Before the first frame's cells there are a line of the border and one more cell of it.
        padded += stream * (count * cells + line + 1) * PADDED
        if place == 0:
            border = tl.broadcast_to(nothing[None, :], (PIXELS, COLUMNS)).to(padded.dtype.element_ty)
            tl.store(padded + output, border, mask=(cell < line + 1)[:, None] & (channel < PADDED))
        begin = (line + 1 + place.to(tl.int64) * cells) * PADDED
    else:
        begin = (stream * count + place) * area * PADDED
    mask = (cell < cells)[:, None] & (channel < PADDED)
    tl.store(padded + begin + output, value.to(padded.dtype.element_ty), mask=mask)


@dataclass(frozen=True, slots=True)
class _Launch:
    """The arguments of one launch of ``_norm_act_pad``, grouped by what they describe.

    ``padded`` is the output, ``count`` frames from frame ``first`` on: ``channels`` wide values, or codes if there is a
    ``code``. ``kept`` are the finished frames, or None.
    """

    clip: Clip
    first: int
    count: int
    channels: int
    padded: Tensor
    kept: FinishedFrames | None
    norm: Norm | None
    repeat: bool
    code: Code | None = None

    def grid(self) -> tuple[int, int, int]:
        """Blocks of pixels, frames, streams."""
        batch, height, width, _ = self.clip.shape
        cells = height * width if self.code is None else (height + 1) * (width + 1)
        return triton.cdiv(cells, self._pixels()), self.count, batch

    def tensors(self) -> dict[str, Any]:
        """Pointers. A tensor that the flags switch off is never read, so any pointer will do."""
        clip, unread = self.clip, self.padded
        gamma = None if self.norm is None else self.norm.gamma
        return {
            "rows": clip.rows,
            "bias": unread if clip.bias is None else clip.bias,
            "residual": unread if clip.residual is None else clip.residual,
            "gamma": unread if gamma is None else gamma,
            "inverse": unread if self.code is None else self.code.inverse,
            "zero": unread if self.code is None else self.code.zero,
            "kept": unread if self.kept is None else self.kept.rows,
            "padded": self.padded,
        }

    def frames(self) -> dict[str, int]:
        """Where the frames of each tensor start in the clip, and how many there are."""
        clip, kept = self.clip, self.kept
        return {
            "first": self.first,
            "total": clip.total,
            "rows_start": clip.start,
            "rows_frames": clip.rows.shape[1],
            "residual_start": clip.residual_start,
            "residual_frames": 0 if clip.residual is None else clip.residual.shape[1],
            "kept_start": 0 if kept is None else kept.start,
            "kept_frames": 0 if kept is None else kept.rows.shape[1],
            "count": self.count,
        }

    def sizes(self) -> dict[str, int]:
        """Heights and widths, before and after the pixel shuffle, and what a program is given."""
        rows = self.clip.rows
        _, height, width, _ = self.clip.shape
        return {
            "area": height * width,
            "width": width,
            "rows_area": rows.shape[2] * rows.shape[3],
            "rows_width": rows.shape[3],
            "CHANNELS": self.clip.channels,
            "ROWS": rows.shape[4],
            "PADDED": self.channels,
            "COLUMNS": triton.next_power_of_2(self.channels),
            "PIXELS": self._pixels(),
        }

    def flags(self) -> dict[str, int | bool]:
        """What is done; each combination is compiled once."""
        clip, norm = self.clip, self.norm
        return {
            "TIME": clip.shuffle.time,
            "SPACE": clip.shuffle.space,
            "SHIFT": clip.shuffle.shift,
            "REPEAT": self.repeat,
            "NORM": norm is not None,
            "GAMMA": norm is not None and norm.gamma is not None,
            "ACTIVATE": norm is not None and norm.activate,
            "HAS_BIAS": clip.bias is not None,
            "HAS_RESIDUAL": clip.residual is not None,
            "KEEP": self.kept is not None,
            "CODES": self.code is not None,
            "FAST": clip.rows.is_cuda,
        }

    def epsilons(self) -> dict[str, float]:
        norm = self.norm
        return {"eps": 0.0 if norm is None else norm.eps, "least": 0.0 if norm is None else norm.least}

    def run(self) -> None:
        arguments = self.tensors() | self.frames() | self.sizes() | self.epsilons() | self.flags()
        _norm_act_pad[self.grid()](**arguments, num_warps=4)

    def _pixels(self) -> int:
        return max(1, _TILE // int(triton.next_power_of_2(self.channels)))


def norm_act_pad(
    clip: Clip, first: int, padded: Tensor, kept: FinishedFrames | None, norm: Norm | None, *, repeat: bool
) -> None:
    """See :func:`livehead.engine.flashhead.vae.norm_act_pad.norm_act_pad`.

    Writes ``padded``, the frames from ``first`` on, and ``kept`` if given, without the frames that do not exist.
    """
    _Launch(clip, first, padded.shape[1], padded.shape[4], padded, kept, norm, repeat).run()


def norm_act_codes(
    clip: Clip, first: int, count: int, codes: Tensor, code: Code, kept: FinishedFrames | None, norm: Norm, *,
    repeat: bool,
) -> None:  # fmt: skip
    """See :func:`livehead.engine.flashhead.vae.int8_conv.norm_act_codes`. Writes ``codes``, and ``kept`` if given."""
    _Launch(clip, first, count, clip.channels, codes, kept, norm, repeat, code).run()
