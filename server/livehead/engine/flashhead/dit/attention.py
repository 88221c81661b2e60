"""The attention kernel, chosen once when the model is loaded.

FlashAttention 3, 2 or 4 if it is installed and the device supports it, else torch's own scaled_dot_product_attention.
All agree within bf16 rounding.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from livehead.errors import UsageError

AttentionName: TypeAlias = Literal["auto", "fa3", "fa2", "fa4", "cudnn", "sdpa"]

Kernel: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""q (B, S, heads, d), k and v (B, N, heads, d) → (B, S, heads, d), scaled by d^-1/2, no mask."""

_FLASH: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "fa3": ("flash_attn_interface", (9,)),
    "fa2": ("flash_attn", (8, 9, 12)),
    "fa4": ("flash_attn.cute", (9, 10)),
}
"""The module, and the major CUDA compute capabilities that it supports."""


@dataclass(frozen=True, slots=True)
class Attention:
    """A kernel, and the name that is shown to people."""

    name: str
    kernel: Kernel

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.kernel(q, k, v)


def choose(name: AttentionName, device: torch.device, dtype: torch.dtype) -> Attention:
    """The named kernel, or for ``auto`` the best one available.

    Raises UsageError for an unknown name, and for a kernel that cannot run here.
    """
    if name not in get_args(AttentionName):
        raise UsageError(f"There is no attention {name!r}. Choose from {', '.join(get_args(AttentionName))}.")
    if name == "auto":
        for candidate in ("fa3", "fa2"):
            kernel = _flash(candidate, device, dtype)
            if kernel is not None:
                return Attention(candidate, kernel)
        return Attention("sdpa", _sdpa)
    if name == "sdpa":
        return Attention("sdpa", _sdpa)
    if name == "cudnn":
        if device.type != "cuda" or dtype not in (torch.bfloat16, torch.float16):
            raise UsageError("The cudnn attention needs CUDA and bfloat16 or float16. Choose sdpa.")
        return Attention("cudnn", _cudnn)
    kernel = _flash(name, device, dtype)
    if kernel is None:
        raise UsageError(
            f"The {name} attention needs the package {_FLASH[name][0]!r}, a GPU it was made for and 16-bit floats. "
            "Choose auto."
        )
    return Attention(name, kernel)


def _flash(name: str, device: torch.device, dtype: torch.dtype) -> Kernel | None:
    module, capabilities = _FLASH[name]
    if device.type != "cuda" or dtype not in (torch.bfloat16, torch.float16):
        return None
    if torch.cuda.get_device_capability(device)[0] not in capabilities:
        return None
    try:
        function: Callable[..., Any] = importlib.import_module(module).flash_attn_func
    except (ImportError, AttributeError, OSError):
        return None

    def kernel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        result = function(q, k, v)
        tensor: Tensor = result[0] if isinstance(result, tuple) else result
        return tensor

    return kernel


def _sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)


def _cudnn(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
        return _sdpa(q, k, v)
