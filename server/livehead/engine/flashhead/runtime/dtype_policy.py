"""Which part of the model is computed in which dtype."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

import torch

from livehead.engine.flashhead.runtime.torch_device import device_name
from livehead.errors import UsageError

MatmulPrecision: TypeAlias = Literal["exact", "int8", "fp8"]
"""The transformer's large matmuls: in the weights' dtype, or of 8-bit integers or floats (dit/matmul.py)."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class DtypePolicy:
    """The dtypes of one model. The audio encoder, the sampler and the colour match are always float32.

    ``dtype`` is the dtype of the weights and the matmuls, ``residual`` that of the transformer's residual stream.
    ``timestep`` is the dtype that the four timesteps are rounded to. The reference rounds them to the weights' dtype,
    so two policies can only be compared if they round to the same one.
    """

    dtype: torch.dtype
    residual: torch.dtype
    timestep: torch.dtype
    matmul: MatmulPrecision = "exact"

    @classmethod
    def of(cls, dtype: torch.dtype, matmul: MatmulPrecision = "exact") -> DtypePolicy:
        """The policy for weights of this dtype. The residual stream is float32 even with bf16 weights: in bf16 the
        rounding of thirty layers puts a denoising step 1.5 % off, and this halves the error."""
        return cls(dtype, torch.float32, dtype, matmul)


def find_dtype(name: str) -> torch.dtype:
    """``float32`` or ``bfloat16``. Raises UsageError."""
    if name not in _DTYPES:
        raise UsageError(f"There is no dtype {name!r}. Use {' or '.join(_DTYPES)}.")
    return _DTYPES[name]


def find_matmul_precision(name: str, device: torch.device) -> MatmulPrecision:
    """``exact``, ``int8`` or ``fp8``. Raises UsageError for another name, and for a CUDA device that has no matmuls of
    that kind. A CPU computes the same values, slowly."""
    if name not in get_args(MatmulPrecision):
        raise UsageError(f"There is no precision {name!r}. Use exact, int8 or fp8.")
    needed = {"exact": (0, 0), "int8": (8, 0), "fp8": (8, 9)}[name]
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < needed:
        since = "Ampere" if name == "int8" else "Ada"
        raise UsageError(
            f"{device_name(device)} has no matmuls in {name}: cards from {since} on do. Use --precision exact."
        )
    return cast(MatmulPrecision, name)


@contextmanager
def inference_context(dtype: torch.dtype) -> Iterator[None]:
    """Compute without gradients, for weights of this dtype.

    With float32 weights nothing is computed in TF32. With 16-bit weights the few float32 matmuls and convolutions
    may use TF32, and cuDNN benchmarks its algorithms.
    """
    fast = dtype is not torch.float32
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=fast, allow_tf32=fast):
        matmul.allow_tf32 = fast
        try:
            yield
        finally:
            matmul.allow_tf32 = before


@contextmanager
def first_algorithms() -> Iterator[None]:
    """Within :func:`inference_context`: cuDNN takes the algorithms that it thinks best and times none. For what is
    computed once, timing takes longer than it saves."""
    cudnn = torch.backends.cudnn
    before, cudnn.benchmark = cudnn.benchmark, False
    try:
        yield
    finally:
        cudnn.benchmark = before
