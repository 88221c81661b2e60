"""The transformer's large matmuls: exact in its dtype or, on request, of 8-bit floats.

In 8 bits (e4m3: three bits of mantissa) every row of the input and every row of the weights has its own scale, and
the tensor cores accumulate the sums. That takes half the time and is a few per cent off, so it is never the default.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from livehead.engine.flashhead.kernels import dispatch

LARGEST = 448.0
"""The largest e4m3 value."""

LEAST = 1e-12
"""A row whose values are all below this is treated as zeros."""


class Quantized(NamedTuple):
    """A matrix (rows, n) as float8_e4m3fn ``values`` times a float32 ``scale`` (rows, 1)."""

    values: Tensor
    scale: Tensor


Weight: TypeAlias = Tensor | Quantized


def exact(weight: Weight) -> Tensor:
    """A weight that has not been quantized. Raises TypeError for one that has."""
    if isinstance(weight, Quantized):
        raise TypeError("the weight is quantized: load the model again for its exact values")
    return weight


def quantize(x: Tensor, *, activate: bool = False) -> Quantized:
    """Quantize (…, n) row by row, after GELU(tanh) if ``activate`` is set."""
    x = x.flatten(0, -2)
    if (kernels := dispatch.triton_kernels(x.device)) is not None:
        return Quantized(*kernels.quantize.quantize(x, LARGEST, LEAST, activate=activate))
    wide = gelu(x.float(), approximate="tanh") if activate else x.float()
    scale = wide.abs().amax(-1, keepdim=True).clamp_min(LEAST) / LARGEST
    return Quantized((wide / scale).to(torch.float8_e4m3fn), scale)


def linear_layer(x: Tensor, weight: Weight, bias: Tensor) -> Tensor:
    """A linear layer with an exact or a quantized weight (m, n): (…, n) → (…, m), in x's dtype."""
    if isinstance(weight, Tensor):
        return linear(x, weight, bias)
    return _quantized_linear(quantize(x), weight, bias).view(*x.shape[:-1], -1)


def feed_forward(x: Tensor, up: Weight, up_bias: Tensor, down: Weight, down_bias: Tensor) -> Tensor:
    """Linear, GELU(tanh), linear: (…, n) → (…, n). On CUDA in bf16, GELU is the first matmul's epilogue (cuBLASLt)."""
    if isinstance(down, Quantized):
        hidden = quantize(linear_layer(x, up, up_bias), activate=True)
        return _quantized_linear(hidden, down, down_bias).view(x.shape)
    if isinstance(up, Tensor) and x.is_cuda and x.dtype is torch.bfloat16:
        wide = torch._addmm_activation(up_bias, x.flatten(0, -2), up.t(), use_gelu=True)
        return linear(wide, down, down_bias).view(x.shape)
    return linear(gelu(linear_layer(x, up, up_bias), approximate="tanh"), down, down_bias)


def _quantized_linear(x: Quantized, weight: Quantized, bias: Tensor) -> Tensor:
    if x.values.is_cuda:
        return torch._scaled_mm(
            x.values, weight.values.t(), x.scale, weight.scale.t(), bias, out_dtype=bias.dtype, use_fast_accum=True
        )
    own, theirs = (part.values.float() * part.scale for part in (x, weight))
    return linear(own, theirs, bias.float()).to(bias.dtype)
