"""The layers of the Wan autoencoder: their tensors by their published names, and what is computed with them.

Everything is causal, and zeros are padded before the first frame. Resampling is in resample.py.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from livehead.engine.flashhead.vae.clip import Clip
from livehead.engine.flashhead.vae.layers import Conv, Parameters, ResnetBlock
from livehead.engine.flashhead.vae.norm_act_pad import Norm, norm_act_pad


def norm(new: Parameters, name: str, width: int, *, activate: bool = True, axes: int = 3) -> Norm:
    """x / max(‖x‖, 1e-12) · √C · gamma."""
    gamma = new(f"{name}.gamma", width, *(1,) * axes, dtype=torch.float32)
    return Norm(least=1e-24 / width, gamma=gamma.flatten(), activate=activate)


def conv(new: Parameters, name: str, inputs: int, outputs: int) -> Conv:
    return Conv(new, name, inputs, outputs, causal=True, repeat=False)


def resnet(new: Parameters, name: str, inputs: int, outputs: int) -> ResnetBlock:
    convs = conv(new, f"{name}.residual.2", inputs, outputs), conv(new, f"{name}.residual.6", outputs, outputs)
    norms = norm(new, f"{name}.residual.0", inputs), norm(new, f"{name}.residual.3", outputs)
    return ResnetBlock(convs, norms, None if inputs == outputs else Pointwise(new, f"{name}.shortcut", inputs, outputs))


class Pointwise:
    """A 1×1×1 convolution."""

    def __init__(
        self, new: Parameters, name: str, inputs: int, outputs: int, axes: int = 3, dtype: torch.dtype | None = None
    ) -> None:
        self.weight = new(f"{name}.weight", outputs, inputs, *(1,) * axes, dtype=dtype).flatten(1)
        self.bias = new(f"{name}.bias", outputs, dtype=dtype)

    def __call__(self, rows: Tensor) -> Tensor:
        return linear(rows, self.weight, self.bias)


class Framewise:
    """A layer that makes each frame from the corresponding frame alone."""

    def prepare(self) -> None:
        """Nothing to lay out."""

    def output_frames(self, frames: int) -> int:
        return frames

    def receptive_range(self, want: range, frames: int) -> range:
        return want


class Attention(Framewise):
    """Single-head self-attention over the pixels of each frame, beside a shortcut."""

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.norm = norm(new, f"{name}.norm", width, activate=False, axes=2)
        self.to_qkv = Pointwise(new, f"{name}.to_qkv", width, 3 * width, axes=2)
        self.proj = Pointwise(new, f"{name}.proj", width, width, axes=2)

    def __call__(self, clip: Clip, want: range) -> Clip:
        total, channels = clip.total, clip.channels
        padded, finished = norm_act_pad(clip, want.start, len(want), self.norm, keep=True)
        assert finished is not None
        frames = self.to_qkv(padded).flatten(2, 3).flatten(0, 1)
        rows = self.proj(torch.stack([self._attend(frame) for frame in frames])).view(padded.shape)
        return Clip(rows, want.start, total, channels, None, finished.rows, finished.start)

    @staticmethod
    def _attend(qkv: Tensor) -> Tensor:
        """(S, 3·C) of one frame → (S, C). Written out, since no fused kernel supports 384 channels; frame by frame,
        since the 4096 × 4096 weights of one frame of 512² take 67 MB in float32."""
        q, k, v = qkv.chunk(3, -1)
        weights: Tensor = (q.float() * q.shape[-1] ** -0.5) @ k.float().t()
        return weights.softmax(-1).to(v.dtype) @ v
