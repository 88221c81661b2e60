"""Speech to features: wav2vec2 over the last 8 s, at 25 frames a second, all layers, in float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, interpolate, pad
from torch.nn.utils.parametrize import remove_parametrizations
from transformers import Wav2Vec2Config, Wav2Vec2Model

from livehead.core.media import BLOCK_SAMPLES
from livehead.engine.flashhead.config import AUDIO_FRAMES, NEIGHBOURS, WINDOW
from livehead.errors import CheckpointError

SAMPLES = AUDIO_FRAMES * BLOCK_SAMPLES
"""128,000 samples: 8 s."""

_PREFIX = "wav2vec2."


class AudioEncoder:
    """transformers' Wav2Vec2Model, taken apart so that every layer's output is seen."""

    def __init__(self, config: Mapping[str, Any], device: torch.device) -> None:
        try:
            options = Wav2Vec2Config(**config)
            options._attn_implementation = "sdpa"
            with torch.device("meta"):
                model = Wav2Vec2Model(options)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"wav2vec2's config.json cannot be used ({error}). Run `livehead models download`."
            ) from None
        self.model = model.to_empty(device=device).float().eval().requires_grad_(False)
        self.blocks = int(options.num_hidden_layers)
        self.channels = int(options.hidden_size)
        self.device = device

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name."""
        # The file is from before torch named the two halves of a weight norm as it does now.
        renamed = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
        names = {}
        for name, tensor in self.model.state_dict().items():
            for new, old in renamed.items():
                name = name.replace(new, old)
            names[_PREFIX + name] = tensor
        return names

    def prepare(self) -> None:
        """Fold the positional convolution's weight norm into its weight, once."""
        remove_parametrizations(self.model.encoder.pos_conv_embed.conv, "weight", leave_parametrized=True)
        self.model.requires_grad_(False)
        offsets = torch.arange(NEIGHBOURS) - NEIGHBOURS // 2
        frames = torch.arange(AUDIO_FRAMES - WINDOW, AUDIO_FRAMES)
        self._index = (frames[:, None] + offsets).clamp(0, AUDIO_FRAMES - 1).to(self.device)

    def features(self, samples: Tensor) -> Tensor:
        """float32 (B, 128000) at 16 kHz → (B, 200, layers, hidden), one row for each video frame."""
        mean = samples.mean(dim=-1, keepdim=True)
        variance = samples.var(dim=-1, correction=0, keepdim=True)
        model = self.model
        h = model.feature_extractor((samples - mean) / torch.sqrt(variance + 1e-7))
        h = interpolate(h, size=AUDIO_FRAMES, mode="linear", align_corners=True).transpose(1, 2)
        h = _first(model.feature_projection(h))
        h = model.encoder.layer_norm(h + self._positions(h))
        layers = []
        for layer in model.encoder.layers:
            h = _first(layer(h))
            layers.append(h)
        return torch.stack(layers, dim=2)

    def _positions(self, h: Tensor) -> Tensor:
        """The positional convolution, (B, N, hidden) → the same, as one product for each group: its 128 taps
        in 16 groups are a shape for which cuDNN has nothing fast."""
        conv = self.model.encoder.pos_conv_embed.conv
        groups, taps, length = conv.groups, conv.kernel_size[0], h.shape[1]
        # An even kernel would make one frame too many, at the end; it is left out.
        padded = pad(h.transpose(1, 2), (taps // 2, (taps - 1) // 2)).unflatten(1, (groups, -1))
        seen = padded.unfold(-1, taps, 1).permute(0, 1, 3, 2, 4).flatten(3)
        weight = conv.weight.unflatten(0, (groups, -1)).flatten(2).transpose(1, 2)
        made = torch.matmul(seen, weight) + conv.bias.view(groups, 1, -1)
        assert made.shape[2] == length
        return gelu(made.transpose(1, 2).flatten(2))

    def embedding(self, samples: Tensor) -> Tensor:
        """float32 (B, 128000) → (B, 33, 5, layers, hidden): the window's frames with their neighbours."""
        return self.features(samples)[:, self._index]


def _first(output: Any) -> Tensor:
    """transformers 4 returns tuples where 5 returns tensors."""
    tensor: Tensor = output[0] if isinstance(output, tuple) else output
    return tensor
