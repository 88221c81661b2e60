"""Latents as tokens: (B, C, T, h, w) ⇄ (B, S, P), tokens in (t, y, x) order.

Within a token the order is (t, y, x, C), the channel running fastest: that is how the head writes them, and the patch
embedding's weights are brought into the same order when they are loaded. So the sampler works on tokens throughout,
and everything it does is element-wise.
"""

from __future__ import annotations

from math import prod

from torch import Tensor


def to_tokens(latents: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """(B, C, T, h, w) → (B, S, P)."""
    b, c, t, h, w = latents.shape
    pt, ph, pw = patch
    cut = latents.reshape(b, c, t // pt, pt, h // ph, ph, w // pw, pw)
    return cut.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(b, -1, prod(patch) * c)


def from_tokens(tokens: Tensor, patch: tuple[int, int, int], latent: tuple[int, int, int, int]) -> Tensor:
    """(B, S, P) → (B, C, T, h, w). ``latent`` is (C, T, h, w)."""
    c, t, h, w = latent
    pt, ph, pw = patch
    cut = tokens.reshape(-1, t // pt, h // ph, w // pw, pt, ph, pw, c)
    return cut.permute(0, 7, 1, 4, 2, 5, 3, 6).reshape(-1, c, t, h, w)
