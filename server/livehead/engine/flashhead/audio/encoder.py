"""Speech to features: all layers of wav2vec2 over the last 8 s, at 25 frames per second, in float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from livehead.engine.flashhead.audio.wav2vec2 import Wav2Vec2
from livehead.engine.flashhead.geometry import AUDIO_FRAMES, NEIGHBOURS, WINDOW
from livehead.errors import CheckpointError

_PREFIX = "wav2vec2."

_FIRST = AUDIO_FRAMES - WINDOW - NEIGHBOURS // 2
"""The first audio frame that a window needs."""


class AudioEncoder:
    """wav2vec2, and the selection of its frames for a window.

    ``fast`` is for 16-bit transformers: see :class:`~livehead.engine.flashhead.audio.wav2vec2.Wav2Vec2`.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device, *, fast: bool) -> None:
        try:
            self.model = Wav2Vec2(config, device, fast=fast)
        except KeyError as error:
            raise CheckpointError(
                f"wav2vec2's config.json has no {error.args[0]!r}. Run `livehead models download`."
            ) from None
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"wav2vec2's config.json cannot be used ({error}). Run `livehead models download`."
            ) from None
        self.blocks = self.model.depth
        self.channels = self.model.channels
        self.device = device

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name."""
        return {_PREFIX + name: tensor for name, tensor in self.model.targets.items()}

    def prepare(self) -> None:
        """Lay out the weights, once they are filled in."""
        self.model.prepare()
        offsets = torch.arange(NEIGHBOURS) - NEIGHBOURS // 2
        frames = torch.arange(AUDIO_FRAMES - WINDOW, AUDIO_FRAMES)
        self._index = ((frames[:, None] + offsets).clamp_max(AUDIO_FRAMES - 1) - _FIRST).to(self.device)

    def embedding(self, samples: Tensor) -> Tensor:
        """16 kHz samples, float32 (B, 128000) → the window's frames with neighbours, (B, 33, 5, layers, hidden)."""
        mean = samples.mean(dim=-1, keepdim=True)
        variance = samples.var(dim=-1, correction=0, keepdim=True)
        layers = self.model.hidden((samples - mean) / torch.sqrt(variance + 1e-7))
        return torch.stack([layer[:, _FIRST:] for layer in layers], dim=2)[:, self._index]
