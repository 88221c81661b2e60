"""The audio encoder's first convolution as one Triton kernel; audio/wav2vec2.py defines what it computes."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor, empty

_FRAMES = 16
_CHANNELS = 256
"""The output of one program. The kernel is limited by writing it."""


@triton.jit
def _first_conv(
    samples, weight, offset, out, count, frames, channels,
    TAPS: tl.constexpr, STEP: tl.constexpr, FRAMES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(2).to(tl.int64)
    frame = tl.program_id(0) * FRAMES + tl.arange(0, FRAMES)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    there, some = frame < frames, channel < channels
    value = tl.zeros((FRAMES, CHANNELS), tl.float32)
    value += tl.load(offset + batch * channels + channel, some, 0.0)[None, :]
    for tap in tl.static_range(TAPS):
        sample = tl.load(samples + batch * count + frame * STEP + tap, there, 0.0)
        value += sample[:, None] * tl.load(weight + (batch * channels + channel) * TAPS + tap, some, 0.0)[None, :]
    value = 0.5 * value * (1.0 + tl.erf(value * 0.7071067811865476))
    place = (batch * frames + frame)[:, None] * channels + channel[None, :]
    tl.store(out + place, value, there[:, None] & some[None, :])


def first_conv(samples: Tensor, weight: Tensor, offset: Tensor, step: int) -> Tensor:
    """GELU of a convolution over (B, N), each stream with its own filters.

    ``weight`` (B, channels, taps) and ``offset`` (B, channels) → (B, frames, channels), float32.
    """
    samples, weight, offset = samples.contiguous(), weight.contiguous(), offset.contiguous()
    batch, channels, taps = weight.shape
    frames = (samples.shape[1] - taps) // step + 1
    out = empty((batch, frames, channels), device=samples.device)
    _first_conv[(triton.cdiv(frames, _FRAMES), triton.cdiv(channels, _CHANNELS), batch)](
        samples, weight, offset, out, samples.shape[1], frames, channels,
        TAPS=taps, STEP=step, FRAMES=_FRAMES, CHANNELS=_CHANNELS,
    )  # fmt: skip
    return out
