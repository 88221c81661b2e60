"""What is drawn from the streams' noise, by the names that a run can be reproduced with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.noise import Noise, draw
from livehead.engine.flashhead.stream import FlashHeadStream
from livehead.engine.flashhead.weights.config import Geometry

_WINDOW = ("init", *(f"renoise{i}" for i in range(STEPS - 1)))


class Draws:
    """``samples`` says that posteriors are sampled; where they are not, nothing is drawn for them: None."""

    def __init__(self, geometry: Geometry, device: torch.device, *, samples: bool) -> None:
        c, _, h, w = geometry.latent
        self._window = geometry.latent
        self._motion = c, 2, h, w
        self._device = device
        self._samples = samples

    def reference(self, noise: Noise) -> Tensor | None:
        """For a portrait's posterior, float32 (C, T, h, w)."""
        return draw(noise, "ref_posterior", self._window, self._device) if self._samples else None

    def window(self, streams: Sequence[FlashHeadStream]) -> Tensor:
        """(4, B, C, T, h, w): the initial noise, then what is added after each step but the last."""
        drawn = [
            torch.stack([draw(s.noise, f"chunk{s.windows}/{name}", self._window, self._device) for name in _WINDOW])
            for s in streams
        ]
        return torch.stack(drawn, dim=1)

    def motion(self, streams: Sequence[FlashHeadStream]) -> Tensor | None:
        """For the encode after this window, (B, C, 2, h, w)."""
        return self._stacked([(s.noise, f"chunk{s.windows}/motion_posterior") for s in streams])

    def rewind(self, stream: FlashHeadStream) -> Tensor | None:
        """For the encode of the pictures really shown, (1, C, 2, h, w)."""
        return self._stacked([(stream.noise, f"rewind{stream.rewinds}/motion_posterior")])

    def _stacked(self, named: Sequence[tuple[Noise, str]]) -> Tensor | None:
        if not self._samples:
            return None
        return torch.stack([draw(noise, name, self._motion, self._device) for noise, name in named])
