"""The transformer's large matmuls: exact in its dtype or, on request, of 8-bit integers or floats.

In 8 bits every row of the input and every row of the weights has its own scale. Integers (int8) keep seven bits of
every value that is near its row's largest, floats (e4m3) three bits of every value: for the transformer's activations
integers are the more exact by a factor of three. Both are off by a few per cent at most, so neither is the default.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from livehead.engine.flashhead.kernels import dispatch

LARGEST = {torch.float8_e4m3fn: 448.0, torch.int8: 127.0}
"""The largest value of each dtype."""

LEAST = 1e-12
"""A row whose values are all below this is treated as zeros."""


class Quantized(NamedTuple):
    """A matrix (rows, n) as float8_e4m3fn or int8 ``values`` times a float32 ``scale`` (rows, 1)."""

    values: Tensor
    scale: Tensor


Weight: TypeAlias = Tensor | Quantized


def exact(weight: Weight) -> Tensor:
    """A weight that has not been quantized. Raises TypeError for one that has."""
    if isinstance(weight, Quantized):
        raise TypeError("the weight is quantized: load the model again for its exact values")
    return weight


def quantize(x: Tensor, dtype: torch.dtype, *, activate: bool = False) -> Quantized:
    """Quantize (…, n) row by row to float8_e4m3fn or int8, after GELU(tanh) if ``activate`` is set."""
    x = x.flatten(0, -2)
    largest = LARGEST[dtype]
    if (kernels := dispatch.triton_kernels(x.device)) is not None:
        return Quantized(*kernels.quantize.quantize(x, dtype, largest, LEAST, activate=activate))
    wide = gelu(x.float(), approximate="tanh") if activate else x.float()
    scale = wide.abs().amax(-1, keepdim=True).clamp_min(LEAST) / largest
    scaled = wide / scale
    return Quantized((torch.floor(scaled + 0.5) if dtype is torch.int8 else scaled).to(dtype), scale)


def linear_layer(x: Tensor, weight: Weight, bias: Tensor) -> Tensor:
    """A linear layer with an exact or a quantized weight (m, n): (…, n) → (…, m), in x's dtype."""
    if isinstance(weight, Tensor):
        return linear(x, weight, bias)
    return _quantized_linear(quantize(x, weight.values.dtype), weight, bias).view(*x.shape[:-1], -1)


def feed_forward(x: Tensor, up: Weight, up_bias: Tensor, down: Weight, down_bias: Tensor) -> Tensor:
    """Linear, GELU(tanh), linear: (…, n) → (…, n). On CUDA in bf16, GELU is the first matmul's epilogue (cuBLASLt)."""
    if isinstance(down, Quantized):
        hidden = quantize(linear_layer(x, up, up_bias), down.values.dtype, activate=True)
        return _quantized_linear(hidden, down, down_bias).view(x.shape)
    if isinstance(up, Tensor) and x.is_cuda and x.dtype is torch.bfloat16:
        wide = torch._addmm_activation(up_bias, x.flatten(0, -2), up.t(), use_gelu=True)
        return linear(wide, down, down_bias).view(x.shape)
    return linear(gelu(linear_layer(x, up, up_bias), approximate="tanh"), down, down_bias)


def _quantized_linear(x: Quantized, weight: Quantized, bias: Tensor) -> Tensor:
    if not x.values.is_cuda:
        own, theirs = (part.values.float() * part.scale for part in (x, weight))
        return linear(own, theirs, bias.float()).to(bias.dtype)
    if x.values.dtype is torch.float8_e4m3fn:
        return torch._scaled_mm(
            x.values, weight.values.t(), x.scale, weight.scale.t(), bias, out_dtype=bias.dtype, use_fast_accum=True
        )
    if (kernels := dispatch.triton_kernels(x.values.device)) is not None:
        out: Tensor = kernels.int8_linear.linear(*x, *weight, bias)
        return out
    sums = torch._int_mm(x.values, weight.values.t())
    return torch.addcmul(bias.float(), sums.float() * x.scale, weight.scale.t()).to(bias.dtype)
