"""The parts of the LTX autoencoder: tensors by their published names, and what is computed with them."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import layer_norm, linear

from livehead.engine.flashhead.vae.clip import Clip, Fold
from livehead.engine.flashhead.vae.layers import Conv, Halving, New, Resnet, Single
from livehead.engine.flashhead.vae.norm_act_pad import Norm

NORM = Norm(eps=1e-8)
"""Most of its norms have no weights."""


def conv(new: New, name: str, inputs: int, outputs: int, *, causal: bool, stride: int = 1) -> Conv:
    return Conv(new, f"{name}.conv", inputs, outputs, causal=causal, repeat=True, stride=stride)


def enter(new: New, name: str, inputs: int, outputs: int, *, causal: bool) -> Single:
    """The first layer."""
    return Single(conv(new, name, inputs, outputs, causal=causal))


def leave(new: New, name: str, inputs: int, outputs: int, *, causal: bool) -> Single:
    """The last layer."""
    return Single(conv(new, name, inputs, outputs, causal=causal), NORM)


def resnet(new: New, name: str, inputs: int, outputs: int, eps: float, *, causal: bool) -> Resnet:
    convs = (
        conv(new, f"{name}.conv1", inputs, outputs, causal=causal),
        conv(new, f"{name}.conv2", outputs, outputs, causal=causal),
    )
    return Resnet(convs, (NORM, NORM), None if inputs == outputs else Shortcut(new, name, inputs, outputs, eps))


class Shortcut:
    """LayerNorm and a 1×1×1 convolution."""

    def __init__(self, new: New, name: str, inputs: int, outputs: int, eps: float) -> None:
        self.norm, self.norm_bias = new(f"{name}.norm3.weight", inputs), new(f"{name}.norm3.bias", inputs)
        self.weight = new(f"{name}.conv_shortcut.conv.weight", outputs, inputs, 1, 1, 1)
        self.bias = new(f"{name}.conv_shortcut.conv.bias", outputs)
        self.eps = eps

    def __call__(self, frames: Tensor) -> Tensor:
        normed = layer_norm(frames, self.norm.shape, self.norm, self.norm_bias, self.eps)
        return linear(normed, self.weight.flatten(1), self.bias)


class Down(Halving):
    """Half the height and half the width too."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.conv = conv(new, name, width, width, causal=True, stride=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        result, _ = self.conv(clip, range(clip.total))
        result.total = self.total(clip.total)
        return result


class Up:
    """Twice the frames but one, twice the height, twice the width."""

    def __init__(self, new: New, name: str, width: int) -> None:
        self.conv = conv(new, name, width, 8 * width, causal=False)

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
        result, _ = self.conv(clip, self._folded(want))
        result.total = self.total(clip.total)
        result.channels //= 8
        result.fold = Fold(time=2, space=2)
        return result

    @staticmethod
    def _folded(want: range) -> range:
        return range((want.start + 1) // 2, want.stop // 2 + 1)
