"""Element-wise work, fused where Triton can run it, in plain torch elsewhere.

The transformer's is here; colour.py and pixels.py ask :func:`colour` for theirs. Both ways compute the
same in float32 inside; the plain way rounds to the model's dtype once more between the RMS norm and the
rotary embedding.
"""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, rms_norm

from livehead.engine.flashhead.dit.rope import rotate

kernels: ModuleType | None
colour_kernels: ModuleType | None
try:
    from livehead.engine.flashhead.kernels import colour as colour_kernels
    from livehead.engine.flashhead.kernels import transformer as kernels
except ImportError:  # Triton comes with torch for CUDA on Linux only
    kernels = colour_kernels = None

log = logging.getLogger(__name__)


@cache
def available(device: torch.device) -> bool:
    """Whether Triton's kernels run on this device; it needs a C compiler at the first call. Says so where not."""
    if device.type != "cuda" or kernels is None:
        return False
    row = torch.ones(1, 16, device=device)
    try:
        kernels.norm(row, row[0], row[0], 1e-6, torch.float32)
    except Exception as error:  # noqa: BLE001 - whatever the compiler raises, the plain way works
        log.warning("the fused kernels cannot be built (%s): plain torch is used, which is slower", error)
        return False
    return True


def colour(device: torch.device) -> Any:
    """The kernels of the colour match and of I420, or None where plain torch has to do."""
    return colour_kernels if available(device) else None


def _kernels(x: Tensor) -> Any:
    return kernels if available(x.device) else None


def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """LayerNorm of the residual stream, in ``dtype``. With 1 + scale and shift as weight and bias it is the
    modulated norm: every token has the same timestep."""
    if (fast := _kernels(x)) is not None:
        result: Tensor = fast.norm(x, weight, bias, eps, dtype)
        return result
    return layer_norm(x, x.shape[-1:], weight, bias, eps).to(dtype)


def add_norm(
    x: Tensor,
    added: Tensor,
    gate: Tensor | None,
    offset: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """x + gate · (added + offset), and its LayerNorm in ``dtype``. May write over ``x``."""
    if (fast := _kernels(x)) is not None:
        pair: tuple[Tensor, Tensor] = fast.add_norm(x, added, gate, offset, weight, bias, eps, dtype)
        return pair
    if offset is not None:
        added = added.to(x.dtype) + offset
    x = x + added if gate is None else torch.addcmul(x, gate, added)
    return x, norm(x, weight, bias, eps, dtype)


def rotated(
    qkv: Tensor, norm_q: Tensor, norm_k: Tensor, cos: Tensor, sin: Tensor, heads: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(B, S, 3·dim) → q, k, v (B, S, heads, d): q and k RMS-normalised over all heads, then turned."""
    dim = qkv.shape[-1] // 3
    v = qkv[..., 2 * dim :].unflatten(-1, (heads, -1))
    if (fast := _kernels(qkv)) is not None:
        q, k = (part.unflatten(-1, (heads, -1)) for part in fast.rotated(qkv, norm_q, norm_k, cos, sin, eps))
        return q, k, v
    q = rms_norm(qkv[..., :dim], (dim,), norm_q, eps).unflatten(-1, (heads, -1))
    k = rms_norm(qkv[..., dim : 2 * dim], (dim,), norm_k, eps).unflatten(-1, (heads, -1))
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def shares(q: Tensor, keys: Tensor, eps: float) -> Tensor:
    """What each token takes of its own frame's values: the softmax of its scores.

    ``q`` (B, S, dim), S over all frames, is RMS-normalised over all heads, without a weight; ``keys``
    (B, T, heads, N, d) hold the norm's weight and the scale of the scores. Returns (B·T, S / T, heads·N).
    """
    if (fast := _kernels(q)) is not None:
        result: Tensor = fast.shares(q, keys, eps)
        return result
    frames, heads = keys.shape[1:3]
    normed = rms_norm(q.float(), q.shape[-1:], None, eps).to(q.dtype)
    split = normed.unflatten(1, (frames, -1)).unflatten(-1, (heads, -1)).transpose(2, 3)
    scores = torch.matmul(split, keys.transpose(-1, -2)).softmax(-1)
    return scores.transpose(2, 3).flatten(3).flatten(0, 1)
