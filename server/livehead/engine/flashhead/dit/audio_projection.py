"""The audio embedding as tokens: 32 for each latent frame (FlashHead, arXiv 2602.07449)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from livehead.engine.flashhead.geometry import AUDIO_HIDDEN, AUDIO_TOKENS, NEIGHBOURS
from livehead.engine.flashhead.weights.config import DitConfig

AUDIO_EPS = 1e-5
"""The audio tokens' LayerNorm is the only one with this epsilon."""


class AudioProjection:
    """``audio_proj`` of the published model. ``targets()`` names the tensors to fill in."""

    def __init__(self, config: DitConfig, device: torch.device, dtype: torch.dtype) -> None:
        def new(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
            return torch.empty(shape, device=device, dtype=dtype)

        dim, channels = config.dim, config.audio_blocks * config.audio_channels
        self.stride = config.vae_stride[0]
        self.dtype = dtype
        self.first = new(AUDIO_HIDDEN, NEIGHBOURS * channels)
        self.first_bias = new(AUDIO_HIDDEN)
        self.later = new(AUDIO_HIDDEN, (self.stride + 4) * channels)
        self.later_bias = new(AUDIO_HIDDEN)
        self.hidden = new(AUDIO_HIDDEN, AUDIO_HIDDEN)
        self.hidden_bias = new(AUDIO_HIDDEN)
        self.expand = new(AUDIO_TOKENS * dim, AUDIO_HIDDEN)
        self.expand_bias = new(AUDIO_TOKENS * dim)
        self.norm = new(dim, dtype=torch.float32)
        self.norm_bias = new(dim, dtype=torch.float32)

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name."""
        return {
            "audio_proj.proj1.weight": self.first,
            "audio_proj.proj1.bias": self.first_bias,
            "audio_proj.proj1_vf.weight": self.later,
            "audio_proj.proj1_vf.bias": self.later_bias,
            "audio_proj.proj2.weight": self.hidden,
            "audio_proj.proj2.bias": self.hidden_bias,
            "audio_proj.proj3.weight": self.expand,
            "audio_proj.proj3.bias": self.expand_bias,
            "audio_proj.norm.weight": self.norm,
            "audio_proj.norm.bias": self.norm_bias,
        }

    def __call__(self, embedding: Tensor) -> Tensor:
        """(B, 33, 5, blocks, channels) → (B, T, 32, dim) in the weights' dtype.

        Latent frame 0 has one video frame, with all its neighbours. The others have ``stride`` frames: the first
        one's earlier neighbours, each frame itself, and the last one's later neighbours.
        """
        embedding = embedding.to(self.dtype)
        first = linear(embedding[:, 0].flatten(1), self.first, self.first_bias)[:, None]
        groups = embedding[:, 1:].unflatten(1, (-1, self.stride))
        kept = torch.cat((groups[:, :, 0, :3], groups[:, :, 1:-1, 2], groups[:, :, -1, 2:]), dim=2)
        later = linear(kept.flatten(2), self.later, self.later_bias)
        tokens = torch.cat((first, later), dim=1).relu()
        tokens = linear(tokens, self.hidden, self.hidden_bias).relu()
        tokens = linear(tokens, self.expand, self.expand_bias).unflatten(-1, (AUDIO_TOKENS, -1))
        normed = layer_norm(tokens.float(), tokens.shape[-1:], self.norm, self.norm_bias, AUDIO_EPS)
        return normed.to(self.dtype)
