"""Devices and dtypes by the names that people type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from livehead.errors import UsageError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Precision:
    """What is computed in which dtype. What must be float32 (audio, sampler, colour) always is.

    ``dtype`` is that of weights and products, ``residual`` that of the transformer's residual stream,
    and ``rounding`` the one that the four timesteps are rounded to: the weights' dtype in the
    reference, so a comparison of two precisions must give both the same. ``fp8``: the transformer's large products
    are of 8-bit floats (products.py).
    """

    dtype: torch.dtype
    residual: torch.dtype
    rounding: torch.dtype
    fp8: bool = False

    @classmethod
    def of(cls, dtype: torch.dtype, *, fp8: bool = False) -> Precision:
        """What suits weights of this dtype. The residual stream is float32 even with bf16 weights: in
        bf16 thirty layers of rounding put a pass 1.5 % off; this halves it."""
        return cls(dtype, torch.float32, dtype, fp8)


def find_device(name: str) -> torch.device:
    """``cuda``, ``cuda:1`` or ``cpu``. Raises UsageError for a device that is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"There is no device {name!r}. Use cuda, cuda:0 or cpu.") from None
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError("No CUDA device was found. Use --device cpu (far from real time), or --engine preview.")
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise UsageError(f"There is no {name}: this machine has {torch.cuda.device_count()} CUDA devices.")
    return device


def find_dtype(name: str) -> torch.dtype:
    """``float32`` or ``bfloat16``. Raises UsageError."""
    if name not in _DTYPES:
        raise UsageError(f"There is no dtype {name!r}. Use {' or '.join(_DTYPES)}.")
    return _DTYPES[name]


def find_products(name: str, device: torch.device) -> bool:
    """``exact`` or ``fp8``: whether large products are of 8-bit floats. Raises UsageError, also where a CUDA device
    cannot multiply them; a CPU computes the same slowly."""
    if name not in ("exact", "fp8"):
        raise UsageError(f"There are no products {name!r}. Use exact or fp8.")
    if name == "fp8" and device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 9):
        raise UsageError(f"{describe(device)} has no 8-bit products: Ada, Hopper and later have. Use --products exact.")
    return name == "fp8"


def describe(device: torch.device) -> str:
    """The device's name as people know it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


@contextmanager
def exactly(dtype: torch.dtype) -> Iterator[None]:
    """Compute without gradients. With float32 weights float32 means float32; with 16-bit ones the little
    that is left in float32 may use TF32 products, and cuDNN may try which algorithm is fastest."""
    fast = dtype is not torch.float32
    products = torch.backends.cuda.matmul
    before = products.allow_tf32
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=fast, allow_tf32=fast):
        products.allow_tf32 = fast
        try:
            yield
        finally:
            products.allow_tf32 = before
