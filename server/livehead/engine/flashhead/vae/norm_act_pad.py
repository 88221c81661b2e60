"""What happens between two convolutions of a video autoencoder, in one pass over memory.

A convolution here leaves its sums undone: bias and residual are added when the next one is fed. Feeding
also unfolds an upsampling, normalises, applies SiLU, and puts frames at the ends of time, straight
into the tensor that the next convolution reads. On CUDA that is one Triton kernel; plain torch says the
same elsewhere. All tensors are channels last and contiguous: (B, frames, H, W, C).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, silu

from livehead.engine.flashhead.dit.fused_ops import available
from livehead.engine.flashhead.vae.clip import PLAIN, Clip, Whole

feed_kernels: ModuleType | None
try:
    from livehead.engine.flashhead.kernels import norm_act_pad as feed_kernels
except ImportError:  # Triton comes with torch for CUDA on Linux only
    feed_kernels = None


@dataclass(frozen=True, slots=True)
class Norm:
    """RMS norm over the channels, x · rsqrt(max(mean of x² + eps, least)) · gamma in float32, and whether SiLU follows.

    ``gamma`` is float32 (C,), or None for ones.
    """

    eps: float = 0.0
    least: float = 0.0
    gamma: Tensor | None = None
    activate: bool = True


def feed(
    clip: Clip,
    first: int,
    count: int,
    norm: Norm | None = None,
    *,
    width: int | None = None,
    repeat: bool = False,
    keep: bool = False,
) -> tuple[Tensor, Whole | None]:
    """What a convolution over frames first … first + count − 1 reads, and the finished frames among them if ``keep``.

    Frames before the clip's first and after its last are copies of these if ``repeat``, else zeros. Channels up
    to ``width`` are zeros too. The finished frames are without the norm. The clip is used up: its tensors are
    let go.
    """
    width = width or clip.channels
    if (fast := _kernels(clip.rows)) is None:
        fed, whole = plain_feed(clip, first, count, norm, width=width, repeat=repeat, keep=keep)
    else:
        batch, height, columns, channels = clip.shape
        start, stop = max(first, 0), min(first + count, clip.total)
        fed = clip.rows.new_empty(batch, count, height, columns, width)
        whole = Whole(clip.rows.new_empty(batch, stop - start, height, columns, channels), start) if keep else None
        fast.feed(clip, first, fed, whole, norm, repeat=repeat)
    clip.release()
    return fed, whole


def plain_feed(
    clip: Clip, first: int, count: int, norm: Norm | None, *, width: int, repeat: bool, keep: bool
) -> tuple[Tensor, Whole | None]:
    """The same in plain torch, without using the clip up."""
    start, stop = max(first, 0), min(first + count, clip.total)
    value = finished(clip, range(start, stop))
    whole = Whole(value.to(clip.rows.dtype), start) if keep else None
    if norm is not None:
        mean = value.square().mean(-1, keepdim=True)
        value = value * torch.rsqrt((mean + norm.eps).clamp_min(norm.least))
        if norm.gamma is not None:
            value = value * norm.gamma
        if norm.activate:
            value = silu(value)
    value = value.to(clip.rows.dtype)
    if width > clip.channels:
        value = pad(value, (0, width - clip.channels))
    if repeat:
        order = torch.arange(first, first + count, device=value.device).clamp(0, clip.total - 1) - start
        return value[:, order], whole
    return _span(value, start, first, first + count), whole


def finished(clip: Clip, frames: range | None = None) -> Tensor:
    """Some frames of a clip, or all those that its rows hold, with everything added: float32."""
    fold, begin = clip.fold, clip.start
    value = clip.rows[..., : fold.parts * clip.channels].float()
    if clip.bias is not None:
        value = value + clip.bias
    if fold != PLAIN:
        # (B, n, H, W, t, y, x, C) → (B, n, t, H, y, W, x, C)
        value = value.unflatten(-1, (fold.time, fold.space, fold.space, clip.channels)).permute(0, 1, 4, 2, 5, 3, 6, 7)
        value = value.flatten(5, 6).flatten(3, 4).flatten(1, 2)
        if fold.shift:
            value = value[:, :, 1:-1, 1:-1]
        if fold.time == 2:
            begin = 2 * clip.start - 1
    there = range(begin, begin + value.shape[1])
    frames = there if frames is None else frames
    if frames.stop > there.stop or (frames.start < begin and clip.residual is None):
        raise ValueError(f"frames {frames} of a clip that has only {there}")
    value = _span(value, begin, frames.start, frames.stop)
    if clip.residual is not None:
        value = value + _span(clip.residual.float(), clip.residual_start, frames.start, frames.stop)
    return value


def _span(value: Tensor, begin: int, start: int, stop: int) -> Tensor:
    """Frames start … stop − 1 of some that begin with frame ``begin``, and zeros where there are none."""
    value = value[:, max(start - begin, 0) : max(stop - begin, 0)]
    front = min(max(begin - start, 0), stop - start)
    back = stop - start - front - value.shape[1]
    return pad(value, (0, 0) * 3 + (front, back)) if front or back else value


def to_pictures(clip: Clip, patch: int, limit: float | None = None) -> Tensor:
    """The last convolution's (B, n, h, w, 3·patch² or more) → pictures, float32 (B, n, 3, h·patch, w·patch).

    Values are kept within ±limit.
    """
    assert clip.bias is not None
    if (fast := _kernels(clip.rows)) is None:
        return plain_pictures(clip.rows, clip.bias, patch, limit)
    pictures: Tensor = fast.to_pictures(clip.rows, clip.bias, patch, limit)
    return pictures


def plain_pictures(rows: Tensor, bias: Tensor, patch: int, limit: float | None) -> Tensor:
    """The same in plain torch."""
    value = (rows[..., : 3 * patch**2].float() + bias).unflatten(-1, (3, patch, patch))  # colour, x, y in a patch
    pictures: Tensor = value.permute(0, 1, 4, 2, 6, 3, 5).flatten(5, 6).flatten(3, 4)
    return pictures if limit is None else pictures.clamp(-limit, limit)


def to_patches(pictures: Tensor, patch: int, dtype: torch.dtype) -> Tensor:
    """Pictures (B, 3, n, H, W) → (B, n, H/patch, W/patch, 3·patch²)."""
    value = pictures.to(dtype).unflatten(4, (-1, patch)).unflatten(3, (-1, patch))
    patches: Tensor = value.permute(0, 2, 3, 5, 1, 6, 4).flatten(4, 6).contiguous()
    return patches


def _kernels(x: Tensor) -> Any:
    return feed_kernels if available(x.device) else None
