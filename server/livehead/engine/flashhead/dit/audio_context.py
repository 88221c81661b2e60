"""A window's audio tokens as the keys and values of the cross-attention in every layer.

A latent frame's tokens attend only to that frame's 32 audio tokens. So the values of these go through the layer's
output projection once per window, instead of every token's mixture of them in every denoising step: a quarter of the
work, and the same sum in another order. The weights of both norms and the scale of the scores go into the keys.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import rms_norm

from livehead.engine.flashhead.kernels import dispatch
from livehead.engine.flashhead.weights.config import DitConfig


class AudioContext(NamedTuple):
    """``keys`` (layers, B, T, heads, 32, head_dim); ``values`` (layers, B, T, heads · 32, dim)."""

    keys: Tensor
    values: Tensor


class CrossAttentionProjections:
    """What all layers' cross-attentions apply to the audio tokens, stacked: one batched matmul per window."""

    def __init__(self, config: DitConfig, device: torch.device, dtype: torch.dtype) -> None:
        dim, layers = config.dim, config.num_layers
        self.config = config
        self.key_value = torch.empty(2 * layers, dim, dim, device=device, dtype=dtype)
        """Layer i's key projection is number 2·i, its value projection 2·i + 1."""
        self.key_value_bias = torch.empty(2 * layers, dim, device=device, dtype=dtype)
        self.norm_q = torch.empty(layers, dim, device=device, dtype=dtype)
        self.norm_k = torch.empty(layers, dim, device=device, dtype=dtype)
        self.out = torch.empty(layers, dim, dim, device=device, dtype=dtype)

    def targets(self, layer: int) -> dict[str, Tensor]:
        """Where one layer's published tensors go, by their names within its cross-attention."""
        return {
            "norm_q.weight": self.norm_q[layer],
            "norm_k.weight": self.norm_k[layer],
            "k.weight": self.key_value[2 * layer],
            "k.bias": self.key_value_bias[2 * layer],
            "v.weight": self.key_value[2 * layer + 1],
            "v.bias": self.key_value_bias[2 * layer + 1],
            "o.weight": self.out[layer],
        }

    def prepare(self) -> None:
        """Combine the norms, and lay the output projections out by head, once."""
        self.key_weight = self.norm_q.float() * self.norm_k * self.config.head_dim**-0.5
        # (layers, dim, heads · head_dim) → (layers, heads, head_dim, dim)
        by_head = self.out.unflatten(-1, (self.config.num_heads, -1))
        self.out_by_head = by_head.permute(0, 2, 3, 1).contiguous()
        self.out = by_head.new_empty(0)

    def __call__(self, tokens: Tensor) -> AudioContext:
        """Audio tokens (B, T, 32, dim) → keys and values of every layer."""
        b, t, n, dim = tokens.shape
        layers, heads = self.config.num_layers, self.config.num_heads
        flat = tokens.reshape(1, -1, dim).expand(2 * layers, -1, -1)
        both = torch.baddbmm(self.key_value_bias[:, None], flat, self.key_value.transpose(1, 2))
        both = both.unflatten(0, (layers, 2))
        keys = cross_attention_keys(both[:, 0], self.key_weight, (b, t, n), heads, self.config.eps)
        return AudioContext(keys, cross_attention_values(both[:, 1], self.out_by_head, (b, t, n)))


def cross_attention_keys(
    projected: Tensor, weight: Tensor, frames: tuple[int, int, int], heads: int, eps: float
) -> Tensor:
    """RMS-normalise (layers, B·T·n, dim) with a float32 weight (layers, dim), and split it into heads.

    ``frames`` is (B, T, n). Returns (layers, B, T, heads, n, head_dim).
    """
    if (kernels := dispatch.triton_kernels(projected.device)) is not None:
        keys: Tensor = kernels.audio_context.cross_attention_keys(projected, weight, frames, heads, eps)
        return keys
    dim = projected.shape[-1]
    normed = rms_norm(projected.float(), (dim,), None, eps) * weight[:, None]
    return normed.view(-1, *frames, heads, dim // heads).transpose(3, 4).to(projected.dtype).contiguous()


def cross_attention_values(projected: Tensor, out: Tensor, frames: tuple[int, int, int]) -> Tensor:
    """(layers, B·T·n, dim) through each head's part of the output projection (layers, heads, head_dim, dim).

    ``frames`` is (B, T, n). Returns (layers, B, T, heads · n, dim).
    """
    if (kernels := dispatch.triton_kernels(projected.device)) is not None:
        values: Tensor = kernels.audio_context.cross_attention_values(projected, out, frames)
        return values
    layers, heads, _, dim = out.shape
    batch, count, tokens = frames
    made = torch.matmul(projected.unflatten(-1, (heads, -1)).transpose(1, 2), out)
    made = made.view(layers, heads, batch, count, tokens, dim).permute(0, 2, 3, 1, 4, 5)
    return made.reshape(layers, batch, count, heads * tokens, dim)
