"""The parts of the LTX autoencoder: tensors by their published names, and what is computed with them.

Each part says which of its input's frames some frames of its output depend on, and computes those alone.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv3d, layer_norm, linear, pad

from livehead.engine.flashhead.ltx_feed import Clip, feed


class New:
    """Makes empty tensors and remembers their published names."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.targets: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        tensor = torch.empty(shape, device=self.device, dtype=dtype or self.dtype)
        self.targets[name] = tensor
        return tensor


class Conv:
    """A 3×3×3 convolution without its bias. In time it wants its input padded, in space it pads with zeros.

    ``lead`` frames come before the first: two where it is causal, one where it looks both ways.
    """

    def __init__(self, new: New, name: str, inputs: int, outputs: int, *, causal: bool, stride: int = 1) -> None:
        self.lead = 2 if causal else 1
        self.stride = stride
        self.weight = new(f"{name}.conv.weight", outputs, inputs, 3, 3, 3)
        self.bias = new(f"{name}.conv.bias", outputs, dtype=torch.float32)
        # On the CPU the plain layout is faster, and four times as exact.
        self.layout = torch.channels_last_3d if self.weight.is_cuda else torch.contiguous_format

    def prepare(self) -> None:
        self.weight = self.weight.contiguous(memory_format=self.layout)

    def widen(self, outputs: int) -> None:
        """Append output channels that are zero."""
        extra = outputs - self.weight.shape[0]
        self.weight = pad(self.weight, (0, 0) * 4 + (0, extra))
        self.bias = pad(self.bias, (0, extra))

    def before(self, want: range, total: int) -> range:
        """The frames of ``total`` that these frames of the output (stride 1) depend on."""
        return range(max(0, want.start - self.lead), min(total, want.stop + 2 - self.lead))

    def feed(self, clip: Clip, want: range, *, activate: bool) -> tuple[Tensor, Tensor, int]:
        """Frames ``want`` of the output (stride 1); then the finished input, and its first frame."""
        fed, whole = feed(clip, want.start - self.lead, len(want) + 2, activate=activate)
        inputs = fed.movedim(-1, 1).contiguous(memory_format=self.layout)
        rows = conv3d(inputs, self.weight, None, self.stride, (0, 1, 1))
        return rows.movedim(1, -1).contiguous(), whole.rows, whole.start


class Layer(Protocol):
    """A part of the network: which frames it needs for others, and how they are computed."""

    def total(self, frames: int) -> int:
        """How many frames it makes of so many."""

    def before(self, want: range, frames: int) -> range:
        """The frames of ``frames`` that these frames of its output depend on."""

    def __call__(self, clip: Clip, want: range) -> Clip:
        """At least the frames ``want`` of the output."""

    def prepare(self) -> None: ...


class Enter:
    """A convolution alone: the first one."""

    def __init__(self, new: New, name: str, inputs: int, outputs: int, *, causal: bool) -> None:
        self.conv = Conv(new, name, inputs, outputs, causal=causal)

    def prepare(self) -> None:
        self.conv.prepare()

    def total(self, frames: int) -> int:
        return frames

    def before(self, want: range, frames: int) -> range:
        return self.conv.before(want, frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        rows, _, _ = self.conv.feed(clip, want, activate=False)
        return Clip(rows, want.start, clip.total, self.conv.bias)


class Leave(Enter):
    """Norm, SiLU and a convolution: the last one. It may make more channels than are asked for, zeros."""

    def prepare(self) -> None:
        if self.conv.weight.is_cuda:
            # cuDNN's tensor-core kernels want multiples of 8, and make 64 channels in three quarters of the
            # time that 48 take.
            outputs = self.conv.weight.shape[0]
            self.conv.widen(max(64, outputs + -outputs % 8))
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        rows, _, _ = self.conv.feed(clip, want, activate=True)
        return Clip(rows, want.start, clip.total, self.conv.bias)


class Resnet:
    """Twice norm, SiLU, convolution, beside a shortcut."""

    def __init__(self, new: New, name: str, inputs: int, outputs: int, eps: float, *, causal: bool) -> None:
        self.first = Conv(new, f"{name}.conv1", inputs, outputs, causal=causal)
        self.second = Conv(new, f"{name}.conv2", outputs, outputs, causal=causal)
        self.eps = eps
        self.shortcut: tuple[Tensor, ...] | None = None
        if inputs != outputs:
            self.shortcut = (
                new(f"{name}.norm3.weight", inputs),
                new(f"{name}.norm3.bias", inputs),
                new(f"{name}.conv_shortcut.conv.weight", outputs, inputs, 1, 1, 1),
                new(f"{name}.conv_shortcut.conv.bias", outputs),
            )

    def prepare(self) -> None:
        self.first.prepare()
        self.second.prepare()

    def total(self, frames: int) -> int:
        return frames

    def before(self, want: range, frames: int) -> range:
        return self.first.before(self.second.before(want, frames), frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        middle = self.second.before(want, clip.total)
        rows, residual, start = self.first.feed(clip, middle, activate=True)
        rows, _, _ = self.second.feed(Clip(rows, middle.start, clip.total, self.first.bias), want, activate=True)
        if self.shortcut is not None:
            norm, norm_bias, weight, bias = self.shortcut
            normed = layer_norm(residual, norm.shape, norm, norm_bias, self.eps)
            residual = linear(normed, weight.flatten(1), bias)
        return Clip(rows, want.start, clip.total, self.second.bias, residual, start)


class Down:
    """Half the frames (rounded up), half the height, half the width. Computes all frames."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.conv = Conv(new, name, width, width, causal=True, stride=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def total(self, frames: int) -> int:
        return (frames + 1) // 2

    def before(self, want: range, frames: int) -> range:
        return range(frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        rows, _, _ = self.conv.feed(clip, range(clip.total), activate=False)
        return Clip(rows, 0, self.total(clip.total), self.conv.bias)


class Up:
    """Twice the frames but one, twice the height, twice the width."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.conv = Conv(new, name, width, 8 * width, causal=False)

    def prepare(self) -> None:
        # From (C, 2, 2, 2) to (2, 2, 2, C): whoever unfolds it then reads whole rows of channels.
        self.conv.weight = self.conv.weight.unflatten(0, (-1, 8)).transpose(0, 1).flatten(0, 1)
        self.conv.bias = self.conv.bias.unflatten(0, (-1, 8)).transpose(0, 1).flatten()
        self.conv.prepare()

    def total(self, frames: int) -> int:
        return 2 * frames - 1

    def before(self, want: range, frames: int) -> range:
        return self.conv.before(self._folded(want), frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        folded = self._folded(want)
        rows, _, _ = self.conv.feed(clip, folded, activate=False)
        return Clip(rows, folded.start, self.total(clip.total), self.conv.bias, folded=True)

    @staticmethod
    def _folded(want: range) -> range:
        return range((want.start + 1) // 2, want.stop // 2 + 1)
