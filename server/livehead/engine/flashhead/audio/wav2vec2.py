"""wav2vec2 base (arXiv 2006.11477), all layers, laid out for one fixed length of speech.

The same function as transformers' Wav2Vec2Model, from the same tensors, computed differently:

- Activations are channels last from the first convolution on, so nothing is transposed between two layers.
- The first convolution is linear, so the mean and deviation of its output, which the group norm needs, follow from
  the moments of ten consecutive samples. They are folded into its weights, and its output is written once.
- 8 s make 399 frames, and their linear interpolation to 200 with both ends kept is every second frame.
- The positional convolution, 128 taps in 16 groups, for which cuDNN has nothing fast, is one matmul per group: what
  :data:`_BLOCK` consecutive frames see, times a banded matrix that makes all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear, pad
from torch.nn.functional import scaled_dot_product_attention as attention

from livehead.engine.flashhead.geometry import AUDIO_FRAMES, AUDIO_SAMPLES
from livehead.engine.flashhead.kernels import dispatch

_BLOCK = 4
"""Frames that the positional convolution makes together. Twice as many halve the copies and double the weights."""

_GROUP_EPS = 1e-5

_FIXED: Mapping[str, Any] = {
    "conv_bias": False,
    "do_stable_layer_norm": False,
    "feat_extract_activation": "gelu",
    "feat_extract_norm": "group",
    "hidden_act": "gelu",
}
"""Entries of config.json that differ in other wav2vec2 models, and their values in the base one."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weights and biases, in the order of their use."""

    qkv: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    down: tuple[Tensor, Tensor]
    final: tuple[Tensor, Tensor]


class Wav2Vec2:
    """``targets`` names the tensors to fill in; ``prepare()`` lays them out, once.

    With ``fast`` the attention is computed in float16, which rounds as TF32 matmuls do. Raises ValueError for a
    configuration other than wav2vec2 base's, KeyError if it is incomplete.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device, *, fast: bool) -> None:
        for name, value in _FIXED.items():
            if config.get(name, value) != value:
                raise ValueError(f"{name} is {config[name]!r}, where wav2vec2 base has {value!r}")
        self.channels = int(config["hidden_size"])
        self.depth = int(config["num_hidden_layers"])
        self.fast = fast
        self._heads = int(config["num_attention_heads"])
        self._groups = int(config["num_conv_pos_embedding_groups"])
        self._eps = float(config["layer_norm_eps"])
        self._steps = [int(step) for step in config["conv_stride"]]
        taps, widths = [int(n) for n in config["conv_kernel"]], [int(n) for n in config["conv_dim"]]
        frames = AUDIO_SAMPLES
        for count, step in zip(taps, self._steps, strict=True):
            frames = (frames - count) // step + 1
        if frames != 2 * AUDIO_FRAMES - 1:
            raise ValueError(f"its convolutions make {frames} frames of 8 s, where wav2vec2 base makes 399")
        self.targets = {
            name: torch.empty(shape, device=device)
            for name, shape in self._shapes(taps, widths, int(config["intermediate_size"]), config).items()
        }

    def _shapes(
        self, taps: list[int], widths: list[int], wide: int, config: Mapping[str, Any]
    ) -> dict[str, tuple[int, ...]]:
        hidden, reach = self.channels, int(config["num_conv_pos_embeddings"])
        shapes: dict[str, tuple[int, ...]] = {"masked_spec_embed": (hidden,)}
        for i, (count, width) in enumerate(zip(taps, widths, strict=True)):
            shapes[f"feature_extractor.conv_layers.{i}.conv.weight"] = (width, widths[i - 1] if i else 1, count)

        def both(name: str, *shape: int) -> None:
            shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

        both("feature_extractor.conv_layers.0.layer_norm", widths[0])
        both("feature_projection.layer_norm", widths[-1])
        both("feature_projection.projection", hidden, widths[-1])
        # The published file has the names that torch used to give to the two halves of a weight norm.
        shapes["encoder.pos_conv_embed.conv.bias"] = (hidden,)
        shapes["encoder.pos_conv_embed.conv.weight_g"] = (1, 1, reach)
        shapes["encoder.pos_conv_embed.conv.weight_v"] = (hidden, hidden // self._groups, reach)
        both("encoder.layer_norm", hidden)
        for i in range(self.depth):
            name = f"encoder.layers.{i}"
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                both(f"{name}.attention.{part}", hidden, hidden)
            both(f"{name}.layer_norm", hidden)
            both(f"{name}.feed_forward.intermediate_dense", wide, hidden)
            both(f"{name}.feed_forward.output_dense", hidden, wide)
            both(f"{name}.final_layer_norm", hidden)
        return shapes

    def prepare(self) -> None:
        w, self.targets = self.targets, {}

        def both(name: str) -> tuple[Tensor, Tensor]:
            return w[f"{name}.weight"], w[f"{name}.bias"]

        def joined(name: str) -> tuple[Tensor, Tensor]:
            parts = [both(f"{name}.{part}_proj") for part in "qkv"]
            return torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])

        convolutions = [w[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(self._steps))]
        self._first = convolutions[0][:, 0]
        self._others = [
            weight.unsqueeze(2).contiguous(memory_format=torch.channels_last) for weight in convolutions[1:]
        ]
        self._group_norm = both("feature_extractor.conv_layers.0.layer_norm")
        self._projection_norm = both("feature_projection.layer_norm")
        self._projection = both("feature_projection.projection")
        place = "encoder.pos_conv_embed.conv"
        weight = torch._weight_norm(w[f"{place}.weight_v"], w[f"{place}.weight_g"], 2)
        self._reach = weight.shape[-1]
        self._positions, self._positions_bias = _banded(weight, self._groups), w[f"{place}.bias"]
        self._norm = both("encoder.layer_norm")
        self._layers = [
            _Layer(
                qkv=joined(f"{name}.attention"),
                out=both(f"{name}.attention.out_proj"),
                norm=both(f"{name}.layer_norm"),
                up=both(f"{name}.feed_forward.intermediate_dense"),
                down=both(f"{name}.feed_forward.output_dense"),
                final=both(f"{name}.final_layer_norm"),
            )
            for name in (f"encoder.layers.{i}" for i in range(self.depth))
        ]

    def hidden(self, samples: Tensor) -> list[Tensor]:
        """Normalised samples, float32 (B, 128000) → each layer's output, (B, 200, hidden)."""
        h = self._first_conv(samples)
        for weight, step in zip(self._others, self._steps[1:], strict=True):
            h = gelu(conv2d(h.transpose(1, 2).unsqueeze(2), weight, stride=(1, step)).squeeze(2).transpose(1, 2))
        h = self._layer_norm(h[:, ::2], self._projection_norm)
        h = linear(h, *self._projection)
        h = self._layer_norm(h + self._positional(h), self._norm)
        made = []
        for layer in self._layers:
            h = self._encode(h, layer)
            made.append(h)
        return made

    def _first_conv(self, samples: Tensor) -> Tensor:
        """The first convolution, its group norm over time, and GELU: (B, N) → (B, n, channels)."""
        weight, (scale, shift), step = self._first, self._group_norm, self._steps[0]
        windows = samples.unfold(1, weight.shape[1], step)
        # In float64: the output of a filter that attenuates has a deviation far below that of the samples.
        wide = windows.double()
        mean = wide.mean(1, keepdim=True)
        moments = ((wide - mean)[..., None] * (wide - mean)[..., None, :]).mean(1, keepdim=True)
        filters = weight.double()
        variance = (filters[:, :, None] * filters[:, None, :] * moments).sum((-2, -1))
        gain = scale * (variance + _GROUP_EPS).rsqrt()
        offset = (shift - gain * (filters * mean).sum(-1)).float()
        folded = (weight * gain[..., None]).float()
        if (kernels := dispatch.triton_kernels(samples.device)) is not None:
            activations: Tensor = kernels.wav2vec2.first_conv(samples, folded, offset, step)
            return activations
        return gelu(torch.baddbmm(offset[:, None], windows, folded.mT))

    def _positional(self, h: Tensor) -> Tensor:
        """The positional convolution, (B, 200, hidden) → the same."""
        batch, frames, _ = h.shape
        blocks = self._positions.shape[1] * self._groups // (_BLOCK * self.channels)
        # An even kernel makes one frame too many at the end, which is left out.
        before, length = self._reach // 2, frames + _BLOCK * (blocks - 1)
        padded = pad(h, (0, 0, before, length - before - frames)).view(
            batch, -1, _BLOCK, self._groups, h.shape[2] // self._groups
        )
        windows = (
            padded.unfold(1, blocks, 1).permute(3, 0, 1, 5, 2, 4).reshape(self._groups, batch * frames // _BLOCK, -1)
        )
        made = torch.bmm(windows, self._positions).view(self._groups, batch, frames // _BLOCK, _BLOCK, -1)
        return gelu(made.permute(1, 2, 3, 0, 4).reshape(h.shape) + self._positions_bias)

    def _encode(self, h: Tensor, w: _Layer) -> Tensor:
        qkv = linear(h, *w.qkv)
        q, k, v = (qkv.half() if self.fast else qkv).unflatten(-1, (3, self._heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = attention(q, k, v).transpose(1, 2).flatten(2).float()
        h = self._layer_norm(h + linear(mixed, *w.out), w.norm)
        return self._layer_norm(h + linear(gelu(linear(h, *w.up)), *w.down), w.final)

    def _layer_norm(self, h: Tensor, w: tuple[Tensor, Tensor]) -> Tensor:
        return layer_norm(h, h.shape[-1:], *w, self._eps)


def _banded(weight: Tensor, groups: int) -> Tensor:
    """A grouped convolution (out, in of a group, taps) as a matrix for each group.

    Block a of :data:`_BLOCK` outputs depends on the inputs of blocks a, a + 1, …: rows are (block, frame in it, input
    channel), columns (frame, output channel). Output b has input b + k at tap k.
    """
    inputs, taps = weight.shape[1:]
    blocks = -(-(taps + _BLOCK - 1) // _BLOCK)
    matrix = weight.new_zeros(groups, blocks * _BLOCK, inputs, _BLOCK, weight.shape[0] // groups)
    filters = weight.unflatten(0, (groups, -1)).permute(0, 3, 2, 1)
    for frame in range(_BLOCK):
        matrix[:, frame : frame + taps, :, frame] = filters
    return matrix.flatten(3).flatten(1, 2)
