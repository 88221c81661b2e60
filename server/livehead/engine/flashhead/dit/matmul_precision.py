"""The transformer's large products: exact in its dtype, or, where that was asked for, of 8-bit floats.

With 8 bits (e4m3: three bits of mantissa) every row of what comes in and every row of the weights has a scale of
its own, and sums are those of the tensor cores. That takes half the time and is some per cent off, so it is never
taken by default.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from livehead.engine.flashhead.dit.fused_ops import available

product_kernels: ModuleType | None
try:
    from livehead.engine.flashhead.kernels import quantize as product_kernels
except ImportError:  # Triton comes with torch for CUDA on Linux only
    product_kernels = None

LARGEST = 448.0
"""The largest value of an e4m3 float."""

LEAST = 1e-12
"""A row whose values are all under this is taken for zeros."""


class Rounded(NamedTuple):
    """A matrix (rows, n) as float8_e4m3fn ``values`` times a float32 ``scale`` (rows, 1)."""

    values: Tensor
    scale: Tensor


Weight: TypeAlias = Tensor | Rounded


def rounded(x: Tensor, *, activate: bool = False) -> Rounded:
    """Round (…, n) row by row, after GELU(tanh) where ``activate`` is set."""
    x = x.flatten(0, -2)
    if product_kernels is not None and available(x.device):
        return Rounded(*product_kernels.rounded(x, LARGEST, LEAST, activate=activate))
    wide = gelu(x.float(), approximate="tanh") if activate else x.float()
    scale = wide.abs().amax(-1, keepdim=True).clamp_min(LEAST) / LARGEST
    return Rounded((wide / scale).to(torch.float8_e4m3fn), scale)


def product(x: Tensor, weight: Weight, bias: Tensor) -> Tensor:
    """A linear layer, (…, n) → (…, m) in x's dtype."""
    if isinstance(weight, Tensor):
        return linear(x, weight, bias)
    return _rounded_product(rounded(x), weight, bias).view(*x.shape[:-1], -1)


def feed_forward(x: Tensor, up: Weight, up_bias: Tensor, down: Weight, down_bias: Tensor) -> Tensor:
    """Linear, GELU(tanh), linear. On CUDA in 16 bits GELU is part of the first product (cuBLASLt's epilogue)."""
    if isinstance(down, Rounded):
        hidden = rounded(product(x, up, up_bias), activate=True)
        return _rounded_product(hidden, down, down_bias).view(x.shape)
    if isinstance(up, Tensor) and x.is_cuda and x.dtype is torch.bfloat16:
        wide = torch._addmm_activation(up_bias, x.flatten(0, -2), up.t(), use_gelu=True)
        return linear(wide, down, down_bias).view(x.shape)
    return linear(gelu(product(x, up, up_bias), approximate="tanh"), down, down_bias)


def _rounded_product(x: Rounded, weight: Rounded, bias: Tensor) -> Tensor:
    if x.values.is_cuda:
        return torch._scaled_mm(
            x.values, weight.values.t(), x.scale, weight.scale.t(), bias, out_dtype=bias.dtype, use_fast_accum=True
        )
    own, theirs = (part.values.float() * part.scale for part in (x, weight))
    return linear(own, theirs, bias.float()).to(bias.dtype)
