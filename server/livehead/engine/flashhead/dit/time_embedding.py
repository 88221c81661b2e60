"""The timesteps' embedding. There are only four timesteps, so all of it is computed when the weights are loaded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

from livehead.engine.flashhead.weights.config import DitConfig


class TimeEmbedding:
    """``time_embedding`` and ``time_projection`` of the published model, in float32."""

    def __init__(self, config: DitConfig, device: torch.device) -> None:
        def new(*shape: int) -> Tensor:
            return torch.empty(shape, device=device, dtype=torch.float32)

        dim = config.dim
        self.freq_dim = config.freq_dim
        self.targets = {
            "time_embedding.0.weight": new(dim, config.freq_dim),
            "time_embedding.0.bias": new(dim),
            "time_embedding.2.weight": new(dim, dim),
            "time_embedding.2.bias": new(dim),
            "time_projection.1.weight": new(6 * dim, dim),
            "time_projection.1.bias": new(6 * dim),
        }
        """Where each published tensor goes, by its published name; empty after :meth:`take`."""

    def take(self, timesteps: Sequence[float], rounding: torch.dtype) -> tuple[Tensor, Tensor]:
        """Timesteps, rounded to a dtype → e (steps, dim) and m0…m5 (steps, 6, dim), float32. Frees the weights.

        Angles are computed in float64.
        """
        w, self.targets = self.targets, {}
        positions = torch.tensor(timesteps, dtype=torch.float64).to(rounding).double()
        half = self.freq_dim // 2
        angles = positions[:, None] * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        waves = torch.cat((angles.cos(), angles.sin()), dim=-1).to(w["time_embedding.0.weight"])
        e = linear(waves, w["time_embedding.0.weight"], w["time_embedding.0.bias"])
        e = linear(silu(e), w["time_embedding.2.weight"], w["time_embedding.2.bias"])
        six = linear(silu(e), w["time_projection.1.weight"], w["time_projection.1.bias"])
        return e, six.unflatten(-1, (6, -1))
