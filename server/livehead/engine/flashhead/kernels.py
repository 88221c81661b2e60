"""The transformer's element-wise work as three Triton kernels, one program a row. See fused.py."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor, empty, empty_like
from torch import dtype as Dtype


@triton.jit
def _norm_row(x, mask, weight, bias, columns, dim, eps):
    """LayerNorm of one row in registers, float32."""
    mean = tl.sum(x, 0) / dim
    centred = tl.where(mask, x - mean, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / dim + eps)
    w = tl.load(weight + columns, mask, 0.0).to(tl.float32)
    b = tl.load(bias + columns, mask, 0.0).to(tl.float32)
    return centred * scale * w + b


@triton.jit
def _norm(x, weight, bias, out, dim, eps, WIDTH: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * dim
    columns = tl.arange(0, WIDTH)
    mask = columns < dim
    value = tl.load(x + row + columns, mask, 0.0).to(tl.float32)
    tl.store(out + row + columns, _norm_row(value, mask, weight, bias, columns, dim, eps), mask)


@triton.jit
def _add_norm(x, added, gate, weight, bias, out, dim, eps, WIDTH: tl.constexpr, GATED: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * dim
    columns = tl.arange(0, WIDTH)
    mask = columns < dim
    value = tl.load(x + row + columns, mask, 0.0).to(tl.float32)
    more = tl.load(added + row + columns, mask, 0.0).to(tl.float32)
    if GATED:
        more *= tl.load(gate + columns, mask, 0.0).to(tl.float32)
    value += more
    tl.store(x + row + columns, value, mask)
    tl.store(out + row + columns, _norm_row(value, mask, weight, bias, columns, dim, eps), mask)


@triton.jit
def _rms(
    x, weight_q, weight_k, cos, sin, out, stride, rows, tokens, dim, pairs, eps,
    WIDTH: tl.constexpr, ROTARY: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    columns = tl.arange(0, WIDTH)
    mask = columns < dim
    value = tl.load(x + row * stride + part * dim + columns, mask, 0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(value * value, 0) / dim + eps)
    if part == 0:
        weight = tl.load(weight_q + columns, mask, 0.0).to(tl.float32)
    else:
        weight = tl.load(weight_k + columns, mask, 0.0).to(tl.float32)
    value = value * scale * weight
    if ROTARY:
        even, odd = tl.split(tl.reshape(value, (WIDTH // 2, 2)))
        place = (row % tokens) * pairs + tl.arange(0, WIDTH // 2) % pairs
        c, s = tl.load(cos + place), tl.load(sin + place)
        value = tl.reshape(tl.join(even * c - odd * s, even * s + odd * c), (WIDTH,))
    tl.store(out + (part * rows + row) * dim + columns, value, mask)


def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: Dtype) -> Tensor:
    x = x.contiguous()
    dim = x.shape[-1]
    out = empty(x.shape, dtype=dtype, device=x.device)
    _norm[(x.numel() // dim,)](x, weight, bias, out, dim, eps, WIDTH=triton.next_power_of_2(dim))
    return out


def add_norm(
    x: Tensor, added: Tensor, gate: Tensor | None, weight: Tensor, bias: Tensor, eps: float, dtype: Dtype
) -> tuple[Tensor, Tensor]:
    x, added = x.contiguous(), added.contiguous()
    dim = x.shape[-1]
    out = empty(x.shape, dtype=dtype, device=x.device)
    _add_norm[(x.numel() // dim,)](
        x, added, weight if gate is None else gate, weight, bias, out, dim, eps,
        WIDTH=triton.next_power_of_2(dim), GATED=gate is not None,
    )  # fmt: skip
    return x, out


def rotated(qkv: Tensor, norm_q: Tensor, norm_k: Tensor, cos: Tensor, sin: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    b, s, triple = qkv.shape
    dim = triple // 3
    out = empty((2, b, s, dim), dtype=qkv.dtype, device=qkv.device)
    _rms[(b * s, 2)](
        qkv, norm_q, norm_k, cos, sin, out, triple, b * s, s, dim, cos.shape[-1], eps,
        WIDTH=triton.next_power_of_2(dim), ROTARY=True,
    )  # fmt: skip
    return out[0], out[1]


def rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x = x.contiguous()
    dim = x.shape[-1]
    rows = x.numel() // dim
    out = empty_like(x)
    _rms[(rows, 1)](
        x, weight, weight, x, x, out, dim, rows, rows, dim, 1, eps, WIDTH=triton.next_power_of_2(dim), ROTARY=False
    )
    return out
