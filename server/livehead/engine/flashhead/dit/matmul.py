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

LEAST_GELU = -0.170041
"""The least value of GELU(tanh)."""


class Quantized(NamedTuple):
    """A matrix (rows, n): float8_e4m3fn or int8 ``values`` times a float32 ``scale`` (rows, 1), plus, if there is one,
    a float32 ``offset`` (rows, 1)."""

    values: Tensor
    scale: Tensor
    offset: Tensor | None = None

    def floats(self) -> Tensor:
        """The matrix in float32."""
        wide = self.values.float() * self.scale
        return wide if self.offset is None else wide + self.offset


class QuantizedWeight(NamedTuple):
    """A weight (m, n): ``values`` times a float32 ``scale`` (m, 1). ``sums`` (m) are those of the rows of that."""

    values: Tensor
    scale: Tensor
    sums: Tensor

    @classmethod
    def of(cls, weight: Tensor, dtype: torch.dtype) -> QuantizedWeight:
        values, scale, _ = quantize(weight, dtype)
        return cls(values, scale, (values.float() * scale).sum(-1))


Weight: TypeAlias = Tensor | QuantizedWeight


def exact(weight: Weight) -> Tensor:
    """A weight that has not been quantized. Raises TypeError for one that has."""
    if isinstance(weight, QuantizedWeight):
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


def quantize_gelu(x: Tensor, peaks: Tensor | None = None) -> Quantized:
    """GELU(tanh) of (rows, n) as int8 with a scale and an offset for each row.

    GELU's values lie between -0.17 and the row's largest: an offset halves the steps that a scale alone would need.
    ``peaks`` (rows, parts) are the largest values of x in parts of each row, if they are known.
    """
    if peaks is not None and (kernels := dispatch.triton_kernels(x.device)) is not None:
        return Quantized(*kernels.quantize.quantize_gelu(x, peaks))
    largest = gelu(x.float().amax(-1, keepdim=True).clamp_min(0), approximate="tanh")
    scale = (largest - LEAST_GELU) / 255
    steps = torch.floor((gelu(x.float(), approximate="tanh") - LEAST_GELU) / scale + 0.5).clamp_max(255)
    return Quantized((steps - 128).to(torch.int8), scale, LEAST_GELU + 128 * scale)


def linear_layer(x: Tensor, weight: Weight, bias: Tensor) -> Tensor:
    """A linear layer with an exact or a quantized weight (m, n): (…, n) → (…, m), in x's dtype."""
    if isinstance(weight, Tensor):
        return linear(x, weight, bias)
    return _quantized_linear(quantize(x, weight.values.dtype), weight, bias)[0].view(*x.shape[:-1], -1)


def feed_forward(x: Tensor, up: Weight, up_bias: Tensor, down: Weight, down_bias: Tensor) -> Tensor:
    """Linear, GELU(tanh), linear: (…, n) → (…, n). On CUDA in bf16, GELU is the first matmul's epilogue (cuBLASLt)."""
    if isinstance(up, QuantizedWeight) and isinstance(down, QuantizedWeight):
        integers = up.values.dtype is torch.int8
        wide, peaks = _quantized_linear(quantize(x, up.values.dtype), up, up_bias, peaks=integers)
        hidden = quantize_gelu(wide, peaks) if integers else quantize(wide, down.values.dtype, activate=True)
        return _quantized_linear(hidden, down, down_bias)[0].view(x.shape)
    up, down = exact(up), exact(down)
    if x.is_cuda and x.dtype is torch.bfloat16:
        wide = torch._addmm_activation(up_bias, x.flatten(0, -2), up.t(), use_gelu=True)
        return linear(wide, down, down_bias).view(x.shape)
    return linear(gelu(linear(x, up, up_bias), approximate="tanh"), down, down_bias)


def _quantized_linear(
    x: Quantized, weight: QuantizedWeight, bias: Tensor, *, peaks: bool = False
) -> tuple[Tensor, Tensor | None]:
    """The layer's values, and with ``peaks``, where a kernel finds them on the way, the largest of each row's parts."""
    if x.values.is_cuda and x.values.dtype is torch.float8_e4m3fn:
        made = torch._scaled_mm(
            x.values, weight.values.t(), x.scale, weight.scale.t(), bias, out_dtype=bias.dtype, use_fast_accum=True
        )
        return made, None
    if x.values.is_cuda and (kernels := dispatch.triton_kernels(x.values.device)) is not None:
        found: tuple[Tensor, Tensor | None] = kernels.int8_linear.linear(*x, *weight, bias, peaks=peaks)
        return found
    return linear(x.floats(), weight.values.float() * weight.scale, bias.float()).to(bias.dtype), None
