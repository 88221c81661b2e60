"""The transformer's element-wise operations as four Triton kernels; dit/fused_ops.py defines what they compute."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor, empty, float32
from torch import dtype as Dtype

_ROWS, _ROWS_OF_MANY, _MANY = 16, 64, 4096
"""Tokens per program of ``_cross_attention_weights``: the fewest that a tensor core takes, so that few tokens fill a
device too, and more of them from ``_MANY`` tokens on."""

_HEADS = 4
"""Heads per program of ``_cross_attention_weights``: with fewer, more programs read a row again; with more, processors
are idle."""


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
def _add_norm(
    x, added, gate, offset, weight, bias, out, dim, eps,
    WIDTH: tl.constexpr, GATED: tl.constexpr, MOVED: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * dim
    columns = tl.arange(0, WIDTH)
    mask = columns < dim
    value = tl.load(x + row + columns, mask, 0.0).to(tl.float32)
    more = tl.load(added + row + columns, mask, 0.0).to(tl.float32)
    if MOVED:
        more += tl.load(offset + columns, mask, 0.0).to(tl.float32)
    if GATED:
        more *= tl.load(gate + columns, mask, 0.0).to(tl.float32)
    value += more
    tl.store(x + row + columns, value, mask)
    tl.store(out + row + columns, _norm_row(value, mask, weight, bias, columns, dim, eps), mask)


@triton.jit
def _qk_norm_rope(
    x, weight_q, weight_k, cos, sin, out, rows, tokens, dim, pairs, eps, WIDTH: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    columns = tl.arange(0, WIDTH)
    mask = columns < dim
    value = tl.load(x + row * 3 * dim + part * dim + columns, mask, 0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(value * value, 0) / dim + eps)
    if part == 0:
        weight = tl.load(weight_q + columns, mask, 0.0).to(tl.float32)
    else:
        weight = tl.load(weight_k + columns, mask, 0.0).to(tl.float32)
    value = value * scale * weight
    even, odd = tl.split(tl.reshape(value, (WIDTH // 2, 2)))
    place = (row % tokens) * pairs + tl.arange(0, WIDTH // 2) % pairs
    c, s = tl.load(cos + place), tl.load(sin + place)
    value = tl.reshape(tl.join(even * c - odd * s, even * s + odd * c), (WIDTH,))
    tl.store(out + (part * rows + row) * dim + columns, value, mask)


@triton.jit
def _cross_attention_weights(
    q, keys, out, tokens, frames, key_stream, dim, eps,
    HEADS: tl.constexpr, GROUP: tl.constexpr, HEAD: tl.constexpr, KEYS: tl.constexpr, ROWS: tl.constexpr,
    WIDTH: tl.constexpr, DEPTH: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    """One program: some tokens of one latent frame, some heads."""
    place = tl.program_id(1)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = (row < tokens)[:, None]
    begin = (place * tokens + row).to(tl.int64)[:, None]
    columns = tl.arange(0, WIDTH)[None, :]
    whole = tl.load(q + begin * dim + columns, there & (columns < dim), 0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(whole * whole, 1) / dim + eps)
    depth, key = tl.arange(0, DEPTH), tl.arange(0, KEYS)
    keys += (place // frames) * key_stream + (place % frames) * HEADS * KEYS * HEAD
    for step in tl.static_range(GROUP):
        head = tl.program_id(2) * GROUP + step
        own = tl.load(q + begin * dim + head * HEAD + depth[None, :], there & (depth < HEAD)[None, :], 0.0)
        theirs = tl.load(keys + (head * KEYS + key)[None, :] * HEAD + depth[:, None], (depth < HEAD)[:, None], 0.0)
        score = tl.dot(own, theirs, input_precision="ieee" if EXACT else "tf32") * scale[:, None]
        score = tl.exp(score - tl.max(score, 1)[:, None])
        share = score / tl.sum(score, 1)[:, None]
        tl.store(out + begin * HEADS * KEYS + (head * KEYS + key)[None, :], share, there)


def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: Dtype) -> Tensor:
    x = x.contiguous()
    dim = x.shape[-1]
    out = empty(x.shape, dtype=dtype, device=x.device)
    _norm[(x.numel() // dim,)](x, weight, bias, out, dim, eps, WIDTH=triton.next_power_of_2(dim))
    return out


def add_norm(
    x: Tensor,
    added: Tensor,
    gate: Tensor | None,
    offset: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    dtype: Dtype,
) -> tuple[Tensor, Tensor]:
    x, added = x.contiguous(), added.contiguous()
    dim = x.shape[-1]
    out = empty(x.shape, dtype=dtype, device=x.device)
    nothing = weight  # a pointer that is never read
    _add_norm[(x.numel() // dim,)](
        x, added, nothing if gate is None else gate, nothing if offset is None else offset, weight, bias, out, dim, eps,
        WIDTH=triton.next_power_of_2(dim), GATED=gate is not None, MOVED=offset is not None,
    )  # fmt: skip
    return x, out


def qk_norm_rope(
    qkv: Tensor, norm_q: Tensor, norm_k: Tensor, cos: Tensor, sin: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    b, s, triple = qkv.shape
    dim = triple // 3
    out = empty((2, b, s, dim), dtype=qkv.dtype, device=qkv.device)
    _qk_norm_rope[(b * s, 2)](
        qkv, norm_q, norm_k, cos, sin, out, b * s, s, dim, cos.shape[-1], eps,
        WIDTH=triton.next_power_of_2(dim), num_warps=2,
    )  # fmt: skip
    return out[0], out[1]


def cross_attention_weights(q: Tensor, keys: Tensor, eps: float) -> Tensor:
    """See :func:`livehead.engine.flashhead.dit.fused_ops.cross_attention_weights`. A frame's keys are contiguous."""
    batch, frames, heads, count, head = keys.shape
    q = q.contiguous()
    dim = q.shape[-1]
    tokens = q.shape[1] // frames
    out = empty((batch * frames, tokens, heads * count), dtype=q.dtype, device=q.device)
    group = _HEADS if heads % _HEADS == 0 else 1
    rows = _ROWS_OF_MANY if batch * frames * tokens >= _MANY else _ROWS
    _cross_attention_weights[(triton.cdiv(tokens, rows), batch * frames, heads // group)](
        q, keys, out, tokens, frames, keys.stride(0), dim, eps,
        HEADS=heads, GROUP=group, HEAD=head, KEYS=count, ROWS=rows,
        WIDTH=triton.next_power_of_2(dim), DEPTH=max(16, triton.next_power_of_2(head)), EXACT=q.dtype is float32,
    )  # fmt: skip
    return out
