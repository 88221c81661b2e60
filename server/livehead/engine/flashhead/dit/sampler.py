"""The four-step sampler of the distilled model: on tokens, in float32."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

STEPS = 4


def _shifted(u: float) -> float:
    return 5 * u / (1 + 4 * u)


TIMESTEPS: tuple[float, ...] = tuple(1000 * _shifted(1 - i / STEPS) for i in range(STEPS))
"""1000, 937.5, 833.3, 625: t = 1000, 750, 500, 250 after the shift u → 5u / (1 + 4u)."""

TAUS: tuple[float, ...] = (*(t / 1000 for t in TIMESTEPS), 0.0)


class Conditioning(NamedTuple):
    """The inputs that a window's denoising steps share, float32, as tokens.

    ``noise`` (4, B, S, P): the initial noise, then what is added after steps 0, 1 and 2. ``motion`` (B, 2·f, P): the
    motion latents, f tokens per latent frame. ``two_motion``, bool (B, 1, 1): whether a stream has two motion latents;
    in its first window it has one.
    """

    noise: Tensor
    motion: Tensor
    two_motion: Tensor

    def with_motion(self, rest: Tensor) -> Tensor:
        """Tokens (B, S − f, P) of all latent frames but the first → (B, S, P), with the motion latents written over."""
        f = self.motion.shape[1] // 2
        first, second = self.motion[:, :f], self.motion[:, f:]
        return torch.cat((first, torch.where(self.two_motion, second, rest[:, :f]), rest[:, f:]), dim=1)


def initial_tokens(conditioning: Conditioning) -> Tensor:
    """The tokens (B, S, P) that the first denoising step starts from."""
    return conditioning.with_motion(conditioning.noise[0][:, conditioning.motion.shape[1] // 2 :])


def next_tokens(x: Tensor, step: int, velocity: Tensor, conditioning: Conditioning) -> Tensor:
    """Tokens (B, S, P) of a denoising step and their velocity (B, S − f, P) → those of the next step, or after the
    last step the latents as tokens."""
    skip = conditioning.motion.shape[1] // 2
    rest = x[:, skip:] - TAUS[step] * velocity.float()
    if step + 1 < STEPS:
        rest = (1 - TAUS[step + 1]) * rest + TAUS[step + 1] * conditioning.noise[step + 1][:, skip:]
    return conditioning.with_motion(rest)
