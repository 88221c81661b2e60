"""Resampling in the Wan autoencoder, in space and in time.

The reference computes a clip in chunks, caches frames for the next chunk, and leaves the first frame out of temporal
resampling; over the whole clip that is the same as what is computed here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d, pad

from livehead.engine.flashhead.vae.clip import Clip, PixelShuffle
from livehead.engine.flashhead.vae.layers import Parameters, TemporalHalving
from livehead.engine.flashhead.vae.norm_act_pad import norm_act_pad
from livehead.engine.flashhead.vae.wan.layers import Framewise


class SpatialConv:
    """A 2-D convolution of every frame that leaves its bias to be added."""

    def __init__(
        self,
        new: Parameters,
        name: str,
        inputs: int,
        outputs: int,
        *,
        stride: int = 1,
        padding: int,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.weight = new(f"{name}.weight", outputs, inputs, 3, 3, dtype=dtype)
        self.bias = new(f"{name}.bias", outputs, dtype=torch.float32)
        self.stride, self.padding = stride, padding
        self.layout = torch.channels_last if self.weight.is_cuda else torch.contiguous_format

    def prepare(self) -> None:
        self.weight = self.weight.contiguous(memory_format=self.layout)

    def __call__(self, frames: Tensor) -> Tensor:
        inputs = frames.flatten(0, 1).movedim(-1, 1).contiguous(memory_format=self.layout)
        rows = conv2d(inputs, self.weight, None, self.stride, self.padding).movedim(1, -1).contiguous()
        result: Tensor = rows.unflatten(0, frames.shape[:2])
        return result


class TemporalConv:
    """A 3×1×1 convolution without padding that leaves its bias to be added."""

    def __init__(self, new: Parameters, name: str, inputs: int, outputs: int, *, stride: int = 1) -> None:
        self.weight = new(f"{name}.weight", outputs, inputs, 3, 1, 1)
        self.bias = new(f"{name}.bias", outputs, dtype=torch.float32)
        self.stride = stride
        self.layout = torch.channels_last_3d if self.weight.is_cuda else torch.contiguous_format

    def prepare(self) -> None:
        self.weight = self.weight.contiguous(memory_format=self.layout)

    def __call__(self, frames: Tensor) -> Tensor:
        inputs = frames.movedim(-1, 1).contiguous(memory_format=self.layout)
        return conv3d(inputs, self.weight, None, (self.stride, 1, 1)).movedim(1, -1).contiguous()


class SpatialUpsample(Framewise):
    """Doubles the height and the width and halves the channels: nearest neighbours, then a 3×3 convolution.

    Each output pixel depends on two input pixels in each direction, so it is made by one of four 2×2 convolutions of
    the small frame: four ninths of the work, and no large frame in between.
    """

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.outputs = width // 2
        self.dtype = new.dtype
        # float32 at first, so that sums of weights are rounded only once.
        self.conv = SpatialConv(new, f"{name}.resample.1", width, self.outputs, padding=1, dtype=torch.float32)

    def prepare(self) -> None:
        # Output line y is half (y + 1) % 2 of the convolution's line (y + 1) // 2, which depends on lines
        # (y + 1) // 2 − 1 and (y + 1) // 2 of the small frame; columns likewise.
        parts = _halves(_halves(self.conv.weight, 2), 4).transpose(0, 1).flatten(0, 2)
        self.conv.weight = parts.to(self.dtype)
        self.conv.bias = self.conv.bias.repeat(4)
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        total = clip.total
        frames, _ = norm_act_pad(clip, want.start, len(want))
        rows = self.conv(frames)
        return Clip(rows, want.start, total, self.outputs, self.conv.bias, shuffle=PixelShuffle(space=2, shift=1))


class SpatialDownsample(Framewise):
    """Halves the height and the width: a 3×3 convolution that starts at the first pixel and is padded at the end."""

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.width = width
        # cuDNN can only pad all sides alike: with two zeros. Outputs that start before the first pixel are left out.
        self.conv = SpatialConv(new, f"{name}.resample.1", width, width, stride=2, padding=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        total = clip.total
        frames, _ = norm_act_pad(clip, want.start, len(want))
        height, width = frames.shape[2:4]
        rows = self.conv(frames)[:, :, 1 : height // 2 + 1, 1 : width // 2 + 1].contiguous()
        return Clip(rows, want.start, total, self.width, self.conv.bias)


class TemporalUpsample:
    """Doubles the number of frames less one. The first frame passes unchanged, and is zeros to the others."""

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.width = width
        self.conv = TemporalConv(new, f"{name}.time_conv", width, 2 * width)

    def prepare(self) -> None:
        self.conv.prepare()

    def output_frames(self, frames: int) -> int:
        return 2 * frames - 1

    def receptive_range(self, want: range, frames: int) -> range:
        rows = self._conv_frames(want)
        return range(0 if want.start == 0 else max(1, rows.start - 2), rows.stop)

    def __call__(self, clip: Clip, want: range) -> Clip:
        rows, need, total = (
            self._conv_frames(want),
            self.receptive_range(want, clip.total),
            self.output_frames(clip.total),
        )
        frames, _ = norm_act_pad(clip, need.start, len(need))
        if not rows:
            return Clip(frames, 0, total, self.width)
        seen = max(1, rows.start - 2)
        zeros = seen + 2 - rows.start
        made = self.conv(pad(frames[:, seen - need.start :], (0, 0) * 3 + (zeros, 0)))
        first = frames[:, :1].contiguous() if want.start == 0 else None
        return Clip(made, rows.start, total, self.width, self.conv.bias, first, shuffle=PixelShuffle(time=2))

    @staticmethod
    def _conv_frames(want: range) -> range:
        """The frames r that the convolution makes for these: output frames 2r − 1 and 2r are its halves."""
        return range(max(1, (want.start + 1) // 2), want.stop // 2 + 1)


class TemporalDownsample(TemporalHalving):
    """Halves the number of frames; the first one passes unchanged."""

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.width = width
        self.conv = TemporalConv(new, f"{name}.time_conv", width, width, stride=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        total = self.output_frames(clip.total)
        frames, _ = norm_act_pad(clip, 0, clip.total)
        if total == 1:
            return Clip(frames, 0, total, self.width)
        return Clip(self.conv(frames), 1, total, self.width, self.conv.bias, frames[:, :1].contiguous())


def _halves(weight: Tensor, axis: int) -> Tensor:
    """Three weights along an axis → (2, …) with two along it: those of the odd and of the even pixels of an upsampled
    frame on the small one. Written as sums, since a matmul could round to TF32."""
    a, b, c = weight.unbind(axis)
    return torch.stack((torch.stack((a + b, c), axis), torch.stack((a, b + c), axis)))
