"""The layers of the LTX autoencoder: their tensors by their published names, and what is computed with them."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import layer_norm, linear

from livehead.engine.flashhead.vae.clip import Clip, PixelShuffle
from livehead.engine.flashhead.vae.layers import Conv, ConvLayer, Parameters, ResnetBlock, TemporalHalving
from livehead.engine.flashhead.vae.norm_act_pad import Norm

NORM = Norm(eps=1e-8)
"""Most norms have no weights."""


def conv(new: Parameters, name: str, inputs: int, outputs: int, *, causal: bool, stride: int = 1) -> Conv:
    return Conv(new, f"{name}.conv", inputs, outputs, causal=causal, repeat=True, stride=stride)


def conv_in(new: Parameters, name: str, inputs: int, outputs: int, *, causal: bool) -> ConvLayer:
    """The first layer."""
    return ConvLayer(conv(new, name, inputs, outputs, causal=causal))


def conv_out(new: Parameters, name: str, inputs: int, outputs: int, *, causal: bool) -> ConvLayer:
    """The last layer."""
    return ConvLayer(conv(new, name, inputs, outputs, causal=causal), NORM)


def resnet(new: Parameters, name: str, inputs: int, outputs: int, eps: float, *, causal: bool) -> ResnetBlock:
    convs = (
        conv(new, f"{name}.conv1", inputs, outputs, causal=causal),
        conv(new, f"{name}.conv2", outputs, outputs, causal=causal),
    )
    return ResnetBlock(convs, (NORM, NORM), None if inputs == outputs else Shortcut(new, name, inputs, outputs, eps))


class Shortcut:
    """LayerNorm and a 1×1×1 convolution."""

    def __init__(self, new: Parameters, name: str, inputs: int, outputs: int, eps: float) -> None:
        self.norm, self.norm_bias = new(f"{name}.norm3.weight", inputs), new(f"{name}.norm3.bias", inputs)
        self.weight = new(f"{name}.conv_shortcut.conv.weight", outputs, inputs, 1, 1, 1)
        self.bias = new(f"{name}.conv_shortcut.conv.bias", outputs)
        self.eps = eps

    def __call__(self, frames: Tensor) -> Tensor:
        normed = layer_norm(frames, self.norm.shape, self.norm, self.norm_bias, self.eps)
        return linear(normed, self.weight.flatten(1), self.bias)


class Downsample(TemporalHalving):
    """Halves the number of frames, the height and the width."""

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.conv = conv(new, name, width, width, causal=True, stride=2)

    def prepare(self) -> None:
        self.conv.prepare()

    def __call__(self, clip: Clip, want: range) -> Clip:
        result, _ = self.conv(clip, range(clip.total))
        result.total = self.output_frames(clip.total)
        return result


class Upsample:
    """Doubles the height, the width, and the number of frames less one."""

    def __init__(self, new: Parameters, name: str, width: int) -> None:
        self.conv = conv(new, name, width, 8 * width, causal=False)

    def prepare(self) -> None:
        # From (C, 2, 2, 2) to (2, 2, 2, C): the pixel shuffle then reads whole rows of channels.
        self.conv.weight = self.conv.weight.unflatten(0, (-1, 8)).transpose(0, 1).flatten(0, 1)
        self.conv.bias = self.conv.bias.unflatten(0, (-1, 8)).transpose(0, 1).flatten()
        self.conv.prepare()

    def output_frames(self, frames: int) -> int:
        return 2 * frames - 1

    def receptive_range(self, want: range, frames: int) -> range:
        return self.conv.receptive_range(self._conv_frames(want), frames)

    def __call__(self, clip: Clip, want: range) -> Clip:
        result, _ = self.conv(clip, self._conv_frames(want))
        result.total = self.output_frames(clip.total)
        result.channels //= 8
        result.shuffle = PixelShuffle(time=2, space=2)
        return result

    @staticmethod
    def _conv_frames(want: range) -> range:
        """The frames that the convolution makes for these frames after the pixel shuffle."""
        return range((want.start + 1) // 2, want.stop // 2 + 1)
