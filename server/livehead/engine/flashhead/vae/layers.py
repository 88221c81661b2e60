"""The layers of the video autoencoders. They compute no more frames than are needed.

Each layer states its receptive range in time, the frames of its input that some frames of its output depend on, and
computes only those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv3d, pad

from livehead.engine.flashhead.vae.clip import Clip, FinishedFrames
from livehead.engine.flashhead.vae.int8_conv import Int8Conv, norm_act_codes
from livehead.engine.flashhead.vae.norm_act_pad import Norm, norm_act_pad

WIDER: Mapping[tuple[int, int], tuple[int, int]] = {(128, 48): (128, 64), (96, 3): (96, 64)}
"""Channels in and out → those that such a convolution is padded to on CUDA, with zeros, where that is faster in cuDNN:
64 output channels take three quarters of the time of 48. Other numbers are rounded up to multiples of 8, which the
tensor-core kernels need. tests/gpu/convolutions.py measures what is worth an entry."""

LARGEST = 2**31 - 1
"""Values of one stream that cuDNN can index. Larger clips are convolved in parts: 33 frames above 800²."""


class Parameters:
    """Allocates tensors, and remembers them by their published names."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.targets: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        tensor = torch.empty(shape, device=self.device, dtype=dtype or self.dtype)
        self.targets[name] = tensor
        return tensor


class Layer(Protocol):
    """A part of a network: its receptive range in time, and how its frames are computed."""

    def output_frames(self, frames: int) -> int:
        """How many frames it makes of ``frames``."""

    def receptive_range(self, want: range, frames: int) -> range:
        """The input frames, of ``frames`` in all, that the output frames ``want`` depend on."""

    def __call__(self, clip: Clip, want: range) -> Clip:
        """At least the output frames ``want``. Consumes the clip."""

    def prepare(self) -> None:
        """Lay out the weights for the device, once they are filled in."""


def run(layers: Sequence[Layer], rows: Tensor, wanted: range | None) -> Clip:
    """All or the wanted frames of the last layer's output.

    Receptive ranges are found from the last layer back, then frames are computed from the first layer on. ``rows``
    (B, frames, H, W, C) are all frames of the first layer's input.
    """
    frames = rows.shape[1]
    totals = []
    for layer in layers:
        totals.append(frames)
        frames = layer.output_frames(frames)
    wants = [range(frames) if wanted is None else wanted]
    for layer, total in zip(reversed(layers), reversed(totals), strict=True):
        wants.append(layer.receptive_range(wants[-1], total))
    clip = Clip(rows, 0, rows.shape[1], rows.shape[4])
    for layer, want in zip(layers, wants[-2::-1], strict=True):
        clip = layer(clip, want)
    return clip


class Conv:
    """A 3×3×3 convolution that leaves its bias to be added. It pads in space with zeros; its input is padded in time.

    If it is ``causal``, two frames are put before the first, else one before the first and one after the last: copies
    of these with ``repeat``, else zeros.
    """

    def __init__(
        self, new: Parameters, name: str, inputs: int, outputs: int, *, causal: bool, repeat: bool, stride: int = 1
    ) -> None:
        self.pad_before = 2 if causal else 1
        self.repeat = repeat
        self.stride = stride
        self.outputs = outputs
        self.weight = new(f"{name}.weight", outputs, inputs, 3, 3, 3)
        self.bias = new(f"{name}.bias", outputs, dtype=torch.float32)
        self.peaks: Tensor | None = None
        """While it is watched: the largest value of each input channel so far, float32."""
        self.int8: Int8Conv | None = None
        # On the CPU the contiguous layout is faster, and four times as exact.
        self.layout = torch.channels_last_3d if self.weight.is_cuda else torch.contiguous_format

    def prepare(self) -> None:
        if self.weight.is_cuda:
            outputs, inputs = self.weight.shape[:2]
            rounded = (inputs + -inputs % 8, outputs + -outputs % 8)
            self.widen(*WIDER.get((inputs, outputs), rounded))
        self.weight = self.weight.contiguous(memory_format=self.layout)

    def widen(self, inputs: int, outputs: int) -> None:
        """Append channels of zeros up to these numbers."""
        had_outputs, had_inputs = self.weight.shape[:2]
        self.weight = pad(self.weight, (0, 0) * 3 + (0, inputs - had_inputs, 0, outputs - had_outputs))

    def watch(self) -> None:
        """Remember the largest values of the input from now on."""
        self.peaks = torch.zeros(self.weight.shape[1], device=self.weight.device)

    def quantize(self) -> None:
        """Convolve in 8-bit integers from now on. The input that was seen since :meth:`watch` sets its range."""
        assert self.peaks is not None
        self.int8 = Int8Conv(self.weight, self.peaks)
        self.peaks, self.weight = None, self.weight.new_empty(0)

    def receptive_range(self, want: range, total: int) -> range:
        """The input frames, of ``total``, that these output frames (stride 1) depend on."""
        return range(max(0, want.start - self.pad_before), min(total, want.stop + 2 - self.pad_before))

    def __call__(
        self, clip: Clip, want: range, norm: Norm | None = None, *, keep: bool = False
    ) -> tuple[Clip, FinishedFrames | None]:
        """The output frames ``want`` (stride 1), and with ``keep`` the finished input. Consumes the clip."""
        first, dtype = want.start - self.pad_before, clip.rows.dtype
        if self.int8 is not None:
            assert norm is not None
            size = clip.shape[1:3]
            codes, finished = norm_act_codes(
                clip, first, len(want) + 2, norm, self.int8.code, repeat=self.repeat, keep=keep
            )
            rows = self.int8(codes, len(want), *size, dtype)
            return Clip(rows, want.start, clip.total, self.outputs, self.bias), finished
        padded, finished = norm_act_pad(
            clip,
            first,
            len(want) + 2,
            norm,
            width=self.weight.shape[1],
            repeat=self.repeat,
            keep=keep,
        )
        if self.peaks is not None:
            self.peaks = torch.maximum(self.peaks, padded.flatten(0, -2).amax(0).float())
        rows = self._convolve(padded.movedim(-1, 1).contiguous(memory_format=self.layout))
        return Clip(rows.movedim(1, -1).contiguous(), want.start, clip.total, self.outputs, self.bias), finished

    def _convolve(self, inputs: Tensor) -> Tensor:
        count, height, width = inputs.shape[2:]
        most = LARGEST // (height * width * max(self.weight.shape[:2]))
        if count <= most or self.stride > 1:
            return conv3d(inputs, self.weight, None, self.stride, (0, 1, 1))
        parts = (inputs[:, :, first : first + most] for first in range(0, count - 2, most - 2))
        return torch.cat([conv3d(part, self.weight, None, 1, (0, 1, 1)) for part in parts], dim=2)


class TemporalHalving:
    """A layer that halves the number of frames, rounded up, and computes all of them."""

    def output_frames(self, frames: int) -> int:
        return (frames + 1) // 2

    def receptive_range(self, want: range, frames: int) -> range:
        return range(frames)


class ConvLayer:
    """One convolution, with a norm before it or none: a network's first and its last layer."""

    def __init__(self, conv: Conv, norm: Norm | None = None) -> None:
        self.conv, self.norm = conv, norm

    def prepare(self) -> None:
        self.conv.prepare()

    def output_frames(self, frames: int) -> int:
        return frames

    def receptive_range(self, want: range, frames: int) -> range:
        return self.conv.receptive_range(want, frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        return self.conv(clip, want, self.norm)[0]


class ResnetBlock:
    """Norm, SiLU and convolution, twice, beside a shortcut: the finished frames, or some function of them."""

    def __init__(
        self, convs: tuple[Conv, Conv], norms: tuple[Norm, Norm], shortcut: Callable[[Tensor], Tensor] | None
    ) -> None:
        self.first, self.second = convs
        self.norms = norms
        self.shortcut = shortcut

    def prepare(self) -> None:
        self.first.prepare()
        self.second.prepare()

    def output_frames(self, frames: int) -> int:
        return frames

    def receptive_range(self, want: range, frames: int) -> range:
        return self.first.receptive_range(self.second.receptive_range(want, frames), frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        middle, finished = self.first(clip, self.second.receptive_range(want, clip.total), self.norms[0], keep=True)
        assert finished is not None
        result, _ = self.second(middle, want, self.norms[1])
        result.residual = finished.rows if self.shortcut is None else self.shortcut(finished.rows)
        result.residual_start = finished.start
        return result
