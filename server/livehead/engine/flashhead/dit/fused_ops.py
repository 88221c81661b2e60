"""The transformer's element-wise operations, each fused into one Triton kernel where Triton runs.

Both versions compute in float32 inside. Plain torch rounds to the model's dtype once more between the RMS norm and
RoPE.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, rms_norm

from livehead.engine.flashhead.dit.rope import apply_rope
from livehead.engine.flashhead.kernels import dispatch


def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """LayerNorm of the residual stream (B, S, dim), in ``dtype``.

    With 1 + scale as the weight and shift as the bias, (dim,), it is the modulated norm: all tokens have the same
    timestep.
    """
    if (kernels := dispatch.triton_kernels(x.device)) is not None:
        result: Tensor = kernels.transformer.norm(x, weight, bias, eps, dtype)
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
    """x + gate · (added + offset), and the LayerNorm of that in ``dtype``. May overwrite ``x``.

    ``x`` and ``added`` are (B, S, dim); ``gate`` and ``offset`` are (dim,) or None.
    """
    if (kernels := dispatch.triton_kernels(x.device)) is not None:
        pair: tuple[Tensor, Tensor] = kernels.transformer.add_norm(x, added, gate, offset, weight, bias, eps, dtype)
        return pair
    if offset is not None:
        added = added.to(x.dtype) + offset
    x = x + added if gate is None else torch.addcmul(x, gate, added)
    return x, norm(x, weight, bias, eps, dtype)


def qk_norm_rope(
    qkv: Tensor, norm_q: Tensor, norm_k: Tensor, cos: Tensor, sin: Tensor, heads: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(B, S, 3·dim) → q, k, v, each (B, S, heads, d): q and k RMS-normalised over all heads, then RoPE."""
    dim = qkv.shape[-1] // 3
    v = qkv[..., 2 * dim :].unflatten(-1, (heads, -1))
    if (kernels := dispatch.triton_kernels(qkv.device)) is not None:
        both = kernels.transformer.qk_norm_rope(qkv, norm_q, norm_k, cos, sin, eps)
        q, k = (part.unflatten(-1, (heads, -1)) for part in both)
        return q, k, v
    q = rms_norm(qkv[..., :dim], (dim,), norm_q, eps).unflatten(-1, (heads, -1))
    k = rms_norm(qkv[..., dim : 2 * dim], (dim,), norm_k, eps).unflatten(-1, (heads, -1))
    return apply_rope(q, cos, sin), apply_rope(k, cos, sin), v


def cross_attention_weights(q: Tensor, keys: Tensor, eps: float) -> Tensor:
    """The softmax of each token's scores over the audio tokens of its own latent frame.

    ``q`` (B, S, dim), S over all latent frames, is RMS-normalised over all heads, without a weight. ``keys``
    (B, T, heads, N, d) contain the norm's weight and the scale of the scores. Returns (B·T, S / T, heads·N).
    """
    if (kernels := dispatch.triton_kernels(q.device)) is not None:
        result: Tensor = kernels.transformer.cross_attention_weights(q, keys, eps)
        return result
    frames, heads = keys.shape[1:3]
    normed = rms_norm(q.float(), q.shape[-1:], None, eps).to(q.dtype)
    split = normed.unflatten(1, (frames, -1)).unflatten(-1, (heads, -1)).transpose(2, 3)
    scores = torch.matmul(split, keys.transpose(-1, -2)).softmax(-1)
    return scores.transpose(2, 3).flatten(3).flatten(0, 1)
