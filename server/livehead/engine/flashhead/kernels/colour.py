"""The colour match and I420 as three Triton kernels; colour/match.py and colour/pixels.py define what they compute."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from livehead.engine.flashhead.colour.space import FROM_XYZ, KNEE, SLOPE, TO_XYZ, WHITE

BLOCK = 1024
"""Pixels per program."""

_KNEE, _SLOPE = tl.constexpr(KNEE), tl.constexpr(SLOPE)
_XR, _XG, _XB = (tl.constexpr(value / WHITE[0]) for value in TO_XYZ[0])
_YR, _YG, _YB = (tl.constexpr(value / WHITE[1]) for value in TO_XYZ[1])
_ZR, _ZG, _ZB = (tl.constexpr(value / WHITE[2]) for value in TO_XYZ[2])
_RX, _RY, _RZ = (tl.constexpr(value * white) for value, white in zip(FROM_XYZ[0], WHITE, strict=True))
_GX, _GY, _GZ = (tl.constexpr(value * white) for value, white in zip(FROM_XYZ[1], WHITE, strict=True))
_BX, _BY, _BZ = (tl.constexpr(value * white) for value, white in zip(FROM_XYZ[2], WHITE, strict=True))


@triton.jit
def _power(x, exponent):
    return tl.exp2(exponent * tl.log2(x))


@triton.jit
def _linear(value):
    value = (value + 1.0) / 2.0
    return tl.where(value > 0.04045, _power((tl.maximum(value, 0.04045) + 0.055) / 1.055, 2.4), value / 12.92)


@triton.jit
def _axis(value):
    value = tl.minimum(tl.maximum(value, 1e-8), 1.0)
    return tl.where(value > _KNEE, _power(value, 1.0 / 3.0), (_SLOPE * value + 16.0) / 116.0)


@triton.jit
def _lab(frames, offset, stride_c, mask):
    r = _linear(tl.load(frames + offset, mask, 0.0).to(tl.float32))
    g = _linear(tl.load(frames + offset + stride_c, mask, 0.0).to(tl.float32))
    b = _linear(tl.load(frames + offset + 2 * stride_c, mask, 0.0).to(tl.float32))
    fx = _axis(_XR * r + _XG * g + _XB * b)
    fy = _axis(_YR * r + _YG * g + _YB * b)
    fz = _axis(_ZR * r + _ZG * g + _ZB * b)
    return 116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)


@triton.jit
def _place(pixels, width, stride_b, stride_n, stride_h, stride_w, count):
    """Offsets of a block's pixels in channel 0 of frame number program_id(0)."""
    frame = tl.program_id(0).to(tl.int64)
    return (
        (frame // count) * stride_b
        + (frame % count) * stride_n
        + (pixels // width) * stride_h
        + (pixels % width) * stride_w
    )


@triton.jit
def _moment(value, mask, known, out):
    mean = tl.sum(tl.where(mask, value, 0.0), 0) / known
    centred = tl.where(mask, value - mean, 0.0)
    tl.store(out, mean)
    tl.store(out + 1, tl.sum(centred * centred, 0))


@triton.jit
def _moments(
    frames, out, count, area, width, stride_b, stride_n, stride_c, stride_h, stride_w, BLOCK: tl.constexpr
):  # fmt: skip
    """Mean and summed squares about it, of each block of each channel: (frames, blocks, 3, 2)."""
    pixels = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = pixels < area
    offset = _place(pixels, width, stride_b, stride_n, stride_h, stride_w, count)
    lightness, a, b = _lab(frames, offset, stride_c, mask)
    known = tl.minimum(area - tl.program_id(1) * BLOCK, BLOCK)
    out += (tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)) * 6
    _moment(lightness, mask, known, out)
    _moment(a, mask, known, out + 2)
    _moment(b, mask, known, out + 4)


@triton.jit
def _xyz(f):
    cube = f * f * f
    return tl.where(cube > _KNEE, cube, (116.0 * f - 16.0) / _SLOPE)


@triton.jit
def _channel(value):
    value = tl.where(value > 0.0031308, 1.055 * _power(tl.maximum(value, 0.0031308), 1.0 / 2.4) - 0.055, 12.92 * value)
    return tl.minimum(tl.maximum(value, 0.0), 1.0)


@triton.jit
def _apply(
    frames, change, out, count, area, width, stride_b, stride_n, stride_c, stride_h, stride_w, BLOCK: tl.constexpr
):  # fmt: skip
    """``change`` is (frames, 3, 3): mean, factor, new mean of each channel."""
    frame = tl.program_id(0).to(tl.int64)
    pixels = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = pixels < area
    offset = _place(pixels, width, stride_b, stride_n, stride_h, stride_w, count)
    lightness, a, b = _lab(frames, offset, stride_c, mask)
    change += frame * 9
    lightness = (lightness - tl.load(change)) * tl.load(change + 1) + tl.load(change + 2)
    a = (a - tl.load(change + 3)) * tl.load(change + 4) + tl.load(change + 5)
    b = (b - tl.load(change + 6)) * tl.load(change + 7) + tl.load(change + 8)
    fy = (lightness + 16.0) / 116.0
    x, z = _xyz(fy + a / 500.0), _xyz(fy - b / 200.0)
    y = tl.where(lightness > _SLOPE * _KNEE, fy * fy * fy, lightness / _SLOPE)
    out += frame * 3 * area + pixels
    tl.store(out, _channel(_RX * x + _RY * y + _RZ * z), mask)
    tl.store(out + area, _channel(_GX * x + _GY * y + _GZ * z), mask)
    tl.store(out + 2 * area, _channel(_BX * x + _BY * y + _BZ * z), mask)


@triton.jit
def _byte(value):
    return tl.floor(value + 0.5).to(tl.uint8)


@triton.jit
def _square(frames, place, width, mask):
    """The four pixels of a 2 × 2 square of one channel, as integer levels."""
    a = tl.floor(255.0 * tl.load(frames + place, mask, 0.0))
    b = tl.floor(255.0 * tl.load(frames + place + 1, mask, 0.0))
    c = tl.floor(255.0 * tl.load(frames + place + width, mask, 0.0))
    d = tl.floor(255.0 * tl.load(frames + place + width + 1, mask, 0.0))
    return a, b, c, d


@triton.jit
def _luma(r, g, b):
    return _byte(16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0)


@triton.jit
def _i420(frames, out, height, width, stride_b, stride_n, count, BLOCK: tl.constexpr):
    frame = tl.program_id(0).to(tl.int64)
    squares = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    area = height * width
    mask = squares < area // 4
    place = squares // (width // 2) * 2 * width + squares % (width // 2) * 2
    frames += (frame // count) * stride_b + (frame % count) * stride_n
    ra, rb, rc, rd = _square(frames, place, width, mask)
    ga, gb, gc, gd = _square(frames + area, place, width, mask)
    ba, bb, bc, bd = _square(frames + 2 * area, place, width, mask)
    out += frame * (area + area // 2)
    tl.store(out + place, _luma(ra, ga, ba), mask)
    tl.store(out + place + 1, _luma(rb, gb, bb), mask)
    tl.store(out + place + width, _luma(rc, gc, bc), mask)
    tl.store(out + place + width + 1, _luma(rd, gd, bd), mask)
    r, g, b = (ra + rb + rc + rd) / 4.0, (ga + gb + gc + gd) / 4.0, (ba + bb + bc + bd) / 4.0
    tl.store(out + area + squares, _byte(128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0), mask)
    tl.store(out + area + area // 4 + squares, _byte(128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0), mask)


def match(frames: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Decoded (B, N, 3, H, W) → RGB in [0, 1], float32. ``mean`` and ``deviation`` are (B, 1, 3, 1, 1)."""
    b, n, _, h, w = frames.shape
    area, blocks = h * w, triton.cdiv(h * w, BLOCK)
    layout = (n, area, w, *frames.stride())
    parts = torch.empty((b * n, blocks, 3, 2), device=frames.device)
    _moments[(b * n, blocks)](frames, parts, *layout, BLOCK=BLOCK)
    means, squares = parts.unbind(-1)
    # All blocks but the last one are full.
    sizes = torch.full((blocks, 1), float(BLOCK), device=frames.device)
    sizes[-1] = area - (blocks - 1) * BLOCK
    own_mean = (means * sizes).sum(1) / area
    variance = (squares.sum(1) + ((means - own_mean[:, None]) ** 2 * sizes).sum(1)) / area
    own_deviation = variance.sqrt()
    own_deviation = torch.where(own_deviation < 1e-8, 1.0, own_deviation)
    target = [value.expand(b, n, 3, 1, 1).reshape(b * n, 3) for value in (mean, deviation)]
    change = torch.stack((own_mean, target[1] / own_deviation, target[0]), dim=-1)
    out = torch.empty((b, n, 3, h, w), device=frames.device)
    _apply[(b * n, blocks)](frames, change, out, *layout, BLOCK=BLOCK)
    return out


def to_i420(frames: Tensor) -> Tensor:
    """RGB in [0, 1], float32 (B, N, 3, H, W) each frame contiguous → uint8 (B, N, H·3/2, W)."""
    b, n, _, h, w = frames.shape
    out = torch.empty((b, n, h + h // 2, w), dtype=torch.uint8, device=frames.device)
    _i420[(b * n, triton.cdiv(h * w // 4, BLOCK))](
        frames, out, h, w, frames.stride(0), frames.stride(1), n, BLOCK=BLOCK
    )
    return out
