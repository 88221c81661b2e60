"""The four-step sampler of the distilled model, on tokens, in float32."""

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


class Given(NamedTuple):
    """What a window's denoising starts from, float32, as tokens.

    ``noise`` (4, B, S, P): the initial noise, then what is added after steps 0, 1, 2. ``motion`` (B, 2·f, P): the
    motion latents, f tokens a latent frame. ``second``, bool (B, 1, 1): true where a stream has two of them, false
    in its first window, where it has one.
    """

    noise: Tensor
    motion: Tensor
    second: Tensor

    def held(self, rest: Tensor) -> Tensor:
        """Tokens (B, S − f, P) of all latent frames but the first → (B, S, P), the motion latents in place."""
        f = self.motion.shape[1] // 2
        head, follow = self.motion[:, :f], self.motion[:, f:]
        return torch.cat((head, torch.where(self.second, follow, rest[:, :f]), rest[:, f:]), dim=1)


def start(given: Given) -> Tensor:
    """The tokens (B, S, P) of the first pass."""
    return given.held(given.noise[0][:, given.motion.shape[1] // 2 :])


def advance(x: Tensor, step: int, velocity: Tensor, given: Given) -> Tensor:
    """Tokens (B, S, P) of pass ``step`` and their velocity (B, S − f, P) → those of the next one, or the latents."""
    skip = given.motion.shape[1] // 2
    rest = x[:, skip:] - TAUS[step] * velocity.float()
    if step + 1 < STEPS:
        rest = (1 - TAUS[step + 1]) * rest + TAUS[step + 1] * given.noise[step + 1][:, skip:]
    return given.held(rest)
