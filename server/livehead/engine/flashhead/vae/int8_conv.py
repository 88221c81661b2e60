"""Convolutions of 8-bit integers: their input is quantized in the pass between two convolutions that writes it anyway.

After SiLU all values lie between -0.28 and each channel's largest, so a channel has a step and a zero of its own: that
takes half the steps' length that a scale alone would need. The steps go into the weights, which have a scale for each
output channel. The largest values are seen once, when the weights are loaded, while a picture and noise are
decoded; what is larger later is cut off.

Codes are laid out for a kernel that reads a tap's input as the same tile, so many cells further on: every frame has one
more line and one more column than pixels, all zeros, which serve as the border of the frames on both sides.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv3d

from livehead.engine.flashhead.kernels import dispatch, hopper
from livehead.engine.flashhead.vae.clip import Clip, FinishedFrames
from livehead.engine.flashhead.vae.norm_act_pad import Norm, plain_norm_act_pad

LEAST_SILU = -0.278465
"""The least value of SiLU."""

MARGIN = 1.15
"""A channel's largest code stands for so much more than the largest value that was seen."""


class Code(NamedTuple):
    """A value times ``inverse`` plus ``zero`` is its code, -128 to 127: float32 (C,) each. ``zero`` is whole."""

    inverse: Tensor
    zero: Tensor

    @classmethod
    def of(cls, peaks: Tensor) -> Code:
        """A code for values from SiLU's least to ``peaks`` (C,), and a margin. Peaks that differ by rounding give the
        same code."""
        inverse = 255 / (MARGIN * torch.ceil(8 * peaks).clamp_min(1) / 8 - LEAST_SILU)
        return cls(inverse, torch.round(-128 - LEAST_SILU * inverse))


def norm_act_codes(
    clip: Clip, first: int, count: int, norm: Norm, code: Code, *, repeat: bool, keep: bool
) -> tuple[Tensor, FinishedFrames | None]:
    """As norm_act_pad.py's function, but int8 codes (B, W + 2 + count · (H + 1) · (W + 1), C). Consumes the clip."""
    batch, height, width, channels = clip.shape
    lead, line = width + 2, width + 1
    shape = (batch, lead + count * (height + 1) * line, channels)
    if (kernels := dispatch.triton_kernels(clip.rows.device)) is None:
        padded, finished = plain_norm_act_pad(clip, first, count, norm, width=channels, repeat=repeat, keep=keep)
        made = (padded.float() * code.inverse + code.zero + 0.5).floor().clamp(-128, 127)
        codes = code.zero.expand(shape).contiguous()
        codes[:, lead:].view(batch, count, height + 1, line, channels)[:, :, :height, :width] = made
        codes = codes.to(torch.int8)
    else:
        start, stop = max(first, 0), min(first + count, clip.total)
        codes = torch.empty(shape, dtype=torch.int8, device=clip.rows.device)
        rows = clip.rows.new_empty(batch, stop - start, height, width, channels) if keep else None
        finished = None if rows is None else FinishedFrames(rows, start)
        kernels.norm_act_pad.norm_act_codes(clip, first, count, codes, code, finished, norm, repeat=repeat)
    clip.release()
    return codes, finished


class Int8Conv:
    """A 3×3×3 convolution, stride 1, of codes. It pads in space with zeros."""

    def __init__(self, weight: Tensor, peaks: Tensor) -> None:
        """``weight`` (outputs, C, 3, 3, 3); ``peaks`` (C,), the largest values that were seen."""
        self.code = Code.of(peaks)
        steps = weight.float() / self.code.inverse[:, None, None, None]
        self.scale = steps.abs().amax((1, 2, 3, 4)).clamp_min(1e-12) / 127
        values = torch.round(steps / self.scale[:, None, None, None, None])
        self.shift = -self.scale * (values.sum((2, 3, 4)) @ self.code.zero)
        self.weight = values.permute(2, 3, 4, 0, 1).flatten(0, 3).contiguous().to(torch.int8)
        """(27 · outputs, C), by tap."""

    @staticmethod
    def fits(weight: Tensor) -> bool:
        """Whether such weights' numbers of channels are whole tiles, and their device has a kernel or is a CPU."""
        outputs, inputs = weight.shape[:2]
        whole = outputs % 128 == 0 and inputs % 128 == 0
        return whole and (not weight.is_cuda or hopper.int8_kernels(weight.device) is not None)

    def __call__(self, codes: Tensor, frames: int, height: int, width: int, dtype: torch.dtype) -> Tensor:
        """Codes of frames + 2 frames → (B, frames, H, W, outputs) in ``dtype``, without the bias."""
        outputs = self.scale.numel()
        if (kernels := hopper.int8_kernels(codes.device)) is not None:
            out = torch.empty(codes.shape[0], frames, height, width, outputs, dtype=dtype, device=codes.device)
            kernels.conv(codes, self.weight, self.scale, self.shift, out)
            return out
        cells = codes[:, width + 2 :].unflatten(1, (frames + 2, height + 1, width + 1))[:, :, :height, :width]
        values = (cells.float() - self.code.zero).movedim(-1, 1)
        weight = self.weight.float().view(3, 3, 3, outputs, -1).permute(3, 4, 0, 1, 2)
        made = conv3d(values, weight, None, 1, (0, 1, 1)).movedim(1, -1)
        return (made * self.scale).to(dtype).contiguous()
