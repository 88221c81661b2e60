"""The four-step sampler of the distilled model, on tokens, in float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 4


def _shifted(u: float) -> float:
    return 5 * u / (1 + 4 * u)


TIMESTEPS: tuple[float, ...] = tuple(1000 * _shifted(1 - i / STEPS) for i in range(STEPS))
"""1000, 937.5, 833.3, 625: t = 1000, 750, 500, 250 after the shift u → 5u / (1 + 4u)."""

TAUS: tuple[float, ...] = (*(t / 1000 for t in TIMESTEPS), 0.0)


def sample(
    velocity: Callable[[Tensor, int], Tensor], noise: Tensor, motion: Tensor, second: Tensor, frame_tokens: int
) -> Tensor:
    """Noise to latents.

    ``velocity(tokens (B, S, P), step)`` returns (B, S − frame_tokens, P). ``noise`` is float32
    (4, B, S, P): the initial noise, then what is added after steps 0, 1, 2. ``motion`` is float32
    (B, 2·frame_tokens, P), the motion latents; ``second`` is bool (B, 1, 1), true where a stream has
    two of them and false in its first window, where it has one. Returns float32 (B, S, P).
    """
    head, follow = motion[:, :frame_tokens], motion[:, frame_tokens:]

    def with_motion(rest: Tensor) -> Tensor:
        return torch.cat((head, torch.where(second, follow, rest[:, :frame_tokens]), rest[:, frame_tokens:]), dim=1)

    x = with_motion(noise[0][:, frame_tokens:])
    for step in range(STEPS):
        rest = x[:, frame_tokens:] - TAUS[step] * velocity(x, step).float()
        if step + 1 < STEPS:
            rest = (1 - TAUS[step + 1]) * rest + TAUS[step + 1] * noise[step + 1][:, frame_tokens:]
        x = with_motion(rest)
    return x
