"""What the video autoencoders' networks are made of: layers that compute no more frames than are wanted.

Each layer says which of its input's frames some frames of its output depend on, and computes those alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv3d, pad

from livehead.engine.flashhead.vae.clip import Clip, Whole
from livehead.engine.flashhead.vae.norm_act_pad import Norm, feed

WIDER: Mapping[tuple[int, int], tuple[int, int]] = {(128, 48): (128, 64), (96, 3): (96, 64)}
"""Channels in and out → those that such a convolution gets on CUDA, where cuDNN is faster so: the rest is zeros.
It makes 64 channels in three quarters of the time that 48 take. Others are rounded up to multiples of 8, which its
tensor-core kernels want. tests/gpu/convolutions.py measures what is worth an entry."""

LARGEST = 2**31 - 1
"""Values of one stream that cuDNN can number. Larger clips are convolved in parts: those of 33 pictures above 800²."""


class New:
    """Makes empty tensors and remembers their published names."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.targets: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        tensor = torch.empty(shape, device=self.device, dtype=dtype or self.dtype)
        self.targets[name] = tensor
        return tensor


class Layer(Protocol):
    """A part of a network: which frames it needs for others, and how they are computed."""

    def total(self, frames: int) -> int:
        """How many frames it makes of so many."""

    def before(self, want: range, frames: int) -> range:
        """The frames of ``frames`` that these frames of its output depend on."""

    def __call__(self, clip: Clip, want: range) -> Clip:
        """At least the frames ``want`` of the output. Uses the clip up."""

    def prepare(self) -> None:
        """Lay the filled-in weights out for the device, once."""


def run(layers: Sequence[Layer], rows: Tensor, wanted: range | None) -> Clip:
    """All or the wanted frames of the last layer's output: first backwards, what depends on what, then forwards.

    ``rows`` (B, frames, H, W, C) are all frames of the first layer's input.
    """
    frames = rows.shape[1]
    totals = []
    for layer in layers:
        totals.append(frames)
        frames = layer.total(frames)
    wants = [range(frames) if wanted is None else wanted]
    for layer, total in zip(reversed(layers), reversed(totals), strict=True):
        wants.append(layer.before(wants[-1], total))
    clip = Clip(rows, 0, rows.shape[1], rows.shape[4])
    for layer, want in zip(layers, wants[-2::-1], strict=True):
        clip = layer(clip, want)
    return clip


class Conv:
    """A 3×3×3 convolution without its bias. In time its input is padded beforehand, in space it pads with zeros.

    Two frames come before the first where it is ``causal``, else one, and one after the last: copies of
    these if ``repeat``, else zeros.
    """

    def __init__(
        self, new: New, name: str, inputs: int, outputs: int, *, causal: bool, repeat: bool, stride: int = 1
    ) -> None:
        self.lead = 2 if causal else 1
        self.repeat = repeat
        self.stride = stride
        self.outputs = outputs
        self.weight = new(f"{name}.weight", outputs, inputs, 3, 3, 3)
        self.bias = new(f"{name}.bias", outputs, dtype=torch.float32)
        # On the CPU the plain layout is faster, and four times as exact.
        self.layout = torch.channels_last_3d if self.weight.is_cuda else torch.contiguous_format

    def prepare(self) -> None:
        if self.weight.is_cuda:
            outputs, inputs = self.weight.shape[:2]
            rounded = (inputs + -inputs % 8, outputs + -outputs % 8)
            self.widen(*WIDER.get((inputs, outputs), rounded))
        self.weight = self.weight.contiguous(memory_format=self.layout)

    def widen(self, inputs: int, outputs: int) -> None:
        """Append channels that are zero, so that there are so many."""
        had_outputs, had_inputs = self.weight.shape[:2]
        self.weight = pad(self.weight, (0, 0) * 3 + (0, inputs - had_inputs, 0, outputs - had_outputs))

    def before(self, want: range, total: int) -> range:
        """The frames of ``total`` that these frames of the output (stride 1) depend on."""
        return range(max(0, want.start - self.lead), min(total, want.stop + 2 - self.lead))

    def __call__(
        self, clip: Clip, want: range, norm: Norm | None = None, *, keep: bool = False
    ) -> tuple[Clip, Whole | None]:
        """Frames ``want`` of the output (stride 1); with ``keep`` also the finished input. Uses the clip up."""
        fed, whole = feed(
            clip,
            want.start - self.lead,
            len(want) + 2,
            norm,
            width=self.weight.shape[1],
            repeat=self.repeat,
            keep=keep,
        )
        rows = self._convolve(fed.movedim(-1, 1).contiguous(memory_format=self.layout))
        return Clip(rows.movedim(1, -1).contiguous(), want.start, clip.total, self.outputs, self.bias), whole

    def _convolve(self, inputs: Tensor) -> Tensor:
        count, height, width = inputs.shape[2:]
        most = LARGEST // (height * width * max(self.weight.shape[:2]))
        if count <= most or self.stride > 1:
            return conv3d(inputs, self.weight, None, self.stride, (0, 1, 1))
        parts = (inputs[:, :, first : first + most] for first in range(0, count - 2, most - 2))
        return torch.cat([conv3d(part, self.weight, None, 1, (0, 1, 1)) for part in parts], dim=2)


class Halving:
    """A layer that makes half the frames, rounded up, and computes all of them."""

    def total(self, frames: int) -> int:
        return (frames + 1) // 2

    def before(self, want: range, frames: int) -> range:
        return range(frames)


class Single:
    """One convolution, with a norm before it or none: the first layer and the last one."""

    def __init__(self, conv: Conv, norm: Norm | None = None) -> None:
        self.conv, self.norm = conv, norm

    def prepare(self) -> None:
        self.conv.prepare()

    def total(self, frames: int) -> int:
        return frames

    def before(self, want: range, frames: int) -> range:
        return self.conv.before(want, frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        return self.conv(clip, want, self.norm)[0]


class Resnet:
    """Twice norm, SiLU and convolution, beside a shortcut: nothing, or some function of the finished frames."""

    def __init__(
        self, convs: tuple[Conv, Conv], norms: tuple[Norm, Norm], shortcut: Callable[[Tensor], Tensor] | None
    ) -> None:
        self.first, self.second = convs
        self.norms = norms
        self.shortcut = shortcut

    def prepare(self) -> None:
        self.first.prepare()
        self.second.prepare()

    def total(self, frames: int) -> int:
        return frames

    def before(self, want: range, frames: int) -> range:
        return self.first.before(self.second.before(want, frames), frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        middle, whole = self.first(clip, self.second.before(want, clip.total), self.norms[0], keep=True)
        assert whole is not None
        result, _ = self.second(middle, want, self.norms[1])
        result.residual = whole.rows if self.shortcut is None else self.shortcut(whole.rows)
        result.residual_start = whole.start
        return result
