"""How the Wan autoencoder makes pictures larger and smaller, and clips longer and shorter.

The reference goes through time in chunks, keeps frames for the next one, and leaves the first frame out of
what it does to time; over the whole clip that is the same as said here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d, pad

from livehead.engine.flashhead.vae.clip import Clip, Fold
from livehead.engine.flashhead.vae.layers import Halving, New
from livehead.engine.flashhead.vae.norm_act_pad import feed
from livehead.engine.flashhead.vae.wan.layers import Framewise


class Planar:
    """A 2-D convolution of every frame, without its bias."""

    def __init__(
        self,
        new: New,
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


class Temporal:
    """A 3×1×1 convolution without padding and without its bias."""

    def __init__(self, new: New, name: str, inputs: int, outputs: int, *, stride: int = 1) -> None:
        self.weight = new(f"{name}.weight", outputs, inputs, 3, 1, 1)
        self.bias = new(f"{name}.bias", outputs, dtype=torch.float32)
        self.stride = stride
        self.layout = torch.channels_last_3d if self.weight.is_cuda else torch.contiguous_format

    def prepare(self) -> None:
        self.weight = self.weight.contiguous(memory_format=self.layout)

    def __call__(self, frames: Tensor) -> Tensor:
        inputs = frames.movedim(-1, 1).contiguous(memory_format=self.layout)
        return conv3d(inputs, self.weight, None, (self.stride, 1, 1)).movedim(1, -1).contiguous()


class SpaceUp(Framewise):
    """Twice the height, twice the width, half the channels: nearest neighbours, then a 3×3 convolution.

    Each pixel of the output sees two of the small picture's pixels in each direction, and so is made by one
    of four 2×2 convolutions of that: four ninths of the work, and no large picture in between.
    """

    def __init__(self, new: New, name: str, width: int) -> None:
        self.outputs = width // 2
        self.dtype = new.dtype
        # float32 at first, so that sums of weights are rounded but once.
        self.conv = Planar(new, f"{name}.resample.1", width, self.outputs, padding=1, dtype=torch.float32)

    def prepare(self) -> None:
        # Line y of the output is half (y + 1) % 2 of line (y + 1) // 2 here, which sees lines (y + 1) // 2 − 1 and
        # (y + 1) // 2 of the small picture; columns likewise.
        parts = _halves(_halves(self.conv.weight, 2), 4).transpose(0, 1).flatten(0, 2)
        self.conv.weight = parts.to(self.dtype)
        self.conv.bias = self.conv.bias.repeat(4)
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        total = clip.total
        frames, _ = feed(clip, want.start, len(want))
        rows = self.conv(frames)
        return Clip(rows, want.start, total, self.outputs, self.conv.bias, fold=Fold(space=2, shift=1))


class SpaceDown(Framewise):
    """Half the height, half the width: a 3×3 convolution that begins at the first pixel and looks over the end."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.width = width
        # Two zeros on all sides are what cuDNN can do. What then begins before the first pixel is left out.
        self.conv = Planar(new, f"{name}.resample.1", width, width, stride=2, padding=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        total = clip.total
        frames, _ = feed(clip, want.start, len(want))
        height, width = frames.shape[2:4]
        rows = self.conv(frames)[:, :, 1 : height // 2 + 1, 1 : width // 2 + 1].contiguous()
        return Clip(rows, want.start, total, self.width, self.conv.bias)


class TimeUp:
    """Twice the frames but one. The others do not see the first frame: before the second come zeros to them."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.width = width
        self.conv = Temporal(new, f"{name}.time_conv", width, 2 * width)

    def prepare(self) -> None:
        self.conv.prepare()

    def total(self, frames: int) -> int:
        return 2 * frames - 1

    def before(self, want: range, frames: int) -> range:
        rows = self._folded(want)
        return range(0 if want.start == 0 else max(1, rows.start - 2), rows.stop)

    def __call__(self, clip: Clip, want: range) -> Clip:
        rows, need, total = self._folded(want), self.before(want, clip.total), self.total(clip.total)
        frames, _ = feed(clip, need.start, len(need))
        if not rows:
            return Clip(frames, 0, total, self.width)
        seen = max(1, rows.start - 2)
        zeros = seen + 2 - rows.start
        made = self.conv(pad(frames[:, seen - need.start :], (0, 0) * 3 + (zeros, 0)))
        first = frames[:, :1].contiguous() if want.start == 0 else None
        return Clip(made, rows.start, total, self.width, self.conv.bias, first, fold=Fold(time=2))

    @staticmethod
    def _folded(want: range) -> range:
        """The frames r that the convolution makes for these: frames 2r − 1 and 2r of the output are its halves."""
        return range(max(1, (want.start + 1) // 2), want.stop // 2 + 1)


class TimeDown(Halving):
    """The first frame is left as it is."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.width = width
        self.conv = Temporal(new, f"{name}.time_conv", width, width, stride=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        total = self.total(clip.total)
        frames, _ = feed(clip, 0, clip.total)
        if total == 1:
            return Clip(frames, 0, total, self.width)
        return Clip(self.conv(frames), 1, total, self.width, self.conv.bias, frames[:, :1].contiguous())


def _halves(weight: Tensor, axis: int) -> Tensor:
    """Three weights along an axis → (2, …) with two there: what the odd pixels of an upsampled picture see of the
    small one, and the even pixels. Sums, not products, so that none is rounded to TF32."""
    a, b, c = weight.unbind(axis)
    return torch.stack((torch.stack((a + b, c), axis), torch.stack((a, b + c), axis)))
