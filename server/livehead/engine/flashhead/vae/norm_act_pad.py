"""What happens between two convolutions of a video autoencoder, fused into one pass over memory.

A convolution here leaves bias and residual to be added when the next one reads its output. That same pass does the
pixel shuffle of an upsampling, normalises, applies SiLU and pads in time, straight into the tensor that the next
convolution reads. On CUDA it is one Triton kernel; elsewhere it is plain torch. All tensors are channels last and
contiguous: (B, frames, H, W, C).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad, silu

from livehead.engine.flashhead.kernels import dispatch
from livehead.engine.flashhead.vae.clip import NO_SHUFFLE, Clip, FinishedFrames


@dataclass(frozen=True, slots=True)
class Norm:
    """RMS norm over the channels, x · rsqrt(max(mean of x² + eps, least)) · gamma in float32, then SiLU if
    ``activate`` is set.

    ``gamma`` is float32 (C,), or None for ones.
    """

    eps: float = 0.0
    least: float = 0.0
    gamma: Tensor | None = None
    activate: bool = True


def norm_act_pad(
    clip: Clip,
    first: int,
    count: int,
    norm: Norm | None = None,
    *,
    width: int | None = None,
    repeat: bool = False,
    keep: bool = False,
) -> tuple[Tensor, FinishedFrames | None]:
    """The input of a convolution over frames first … first + count − 1, and with ``keep`` the finished frames of it.

    Frames before the clip's first and after its last are copies of these with ``repeat``, else zeros. Channels up to
    ``width`` are padded with zeros. The finished frames are those before the norm. The clip is consumed: its tensors
    are released.
    """
    width = width or clip.channels
    if (kernels := dispatch.triton_kernels(clip.rows.device)) is None:
        padded, finished = plain_norm_act_pad(clip, first, count, norm, width=width, repeat=repeat, keep=keep)
    else:
        batch, height, columns, channels = clip.shape
        start, stop = max(first, 0), min(first + count, clip.total)
        padded = clip.rows.new_empty(batch, count, height, columns, width)
        finished = None
        if keep:
            rows = None if repeat else _rows_to_overwrite(clip, range(start, stop))
            shape = (batch, stop - start, height, columns, channels)
            finished = FinishedFrames(clip.rows.new_empty(shape) if rows is None else rows, start)
        kernels.norm_act_pad.norm_act_pad(clip, first, padded, finished, norm, repeat=repeat)
    clip.release()
    return padded, finished


def _rows_to_overwrite(clip: Clip, frames: range) -> Tensor | None:
    """The clip's own rows of these frames, if the finished ones can take their place: value by value in the same
    place. Where frames are repeated one is read twice, and must not change in between. In Wan's largest layer that is a
    quarter of the memory."""
    first = frames.start - clip.start
    covers = first >= 0 and frames.stop <= clip.start + clip.rows.shape[1]
    whole = len(frames) == clip.rows.shape[1]
    if clip.shuffle != NO_SHUFFLE or clip.rows.shape[4] != clip.channels or not covers:
        return None
    return clip.rows[:, first : first + len(frames)] if whole or clip.rows.shape[0] == 1 else None


def plain_norm_act_pad(
    clip: Clip, first: int, count: int, norm: Norm | None, *, width: int, repeat: bool, keep: bool
) -> tuple[Tensor, FinishedFrames | None]:
    """The same in plain torch, without consuming the clip."""
    start, stop = max(first, 0), min(first + count, clip.total)
    value = finish(clip, range(start, stop))
    finished = FinishedFrames(value.to(clip.rows.dtype), start) if keep else None
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
        return value[:, order], finished
    return _span(value, start, first, first + count), finished


def finish(clip: Clip, frames: range | None = None) -> Tensor:
    """Some frames of a clip, or all that its rows hold, shuffled and with bias and residual added: float32.

    Raises ValueError for frames that the clip does not have.
    """
    shuffle, begin = clip.shuffle, clip.start
    value = clip.rows[..., : shuffle.parts * clip.channels].float()
    if clip.bias is not None:
        value = value + clip.bias
    if shuffle != NO_SHUFFLE:
        # (B, n, H, W, t, y, x, C) → (B, n, t, H, y, W, x, C)
        parts = (shuffle.time, shuffle.space, shuffle.space, clip.channels)
        value = value.unflatten(-1, parts).permute(0, 1, 4, 2, 5, 3, 6, 7)
        value = value.flatten(5, 6).flatten(3, 4).flatten(1, 2)
        if shuffle.shift:
            value = value[:, :, 1:-1, 1:-1]
        if shuffle.time == 2:
            begin = 2 * clip.start - 1
    present = range(begin, begin + value.shape[1])
    frames = present if frames is None else frames
    if frames.stop > present.stop or (frames.start < begin and clip.residual is None):
        raise ValueError(f"frames {frames} of a clip that has only {present}")
    value = _span(value, begin, frames.start, frames.stop)
    if clip.residual is not None:
        value = value + _span(clip.residual.float(), clip.residual_start, frames.start, frames.stop)
    return value


def _span(value: Tensor, begin: int, start: int, stop: int) -> Tensor:
    """Frames start … stop − 1 of some that begin with frame ``begin``, with zeros for those that are missing."""
    value = value[:, max(start - begin, 0) : max(stop - begin, 0)]
    front = min(max(begin - start, 0), stop - start)
    back = stop - start - front - value.shape[1]
    return pad(value, (0, 0) * 3 + (front, back)) if front or back else value


def unpatchify(clip: Clip, patch: int, limit: float | None = None) -> Tensor:
    """The last convolution's (B, n, h, w, 3·patch² or more) → RGB, float32 (B, n, 3, h·patch, w·patch).

    Values are clamped to ±limit if it is given.
    """
    assert clip.bias is not None
    if (kernels := dispatch.triton_kernels(clip.rows.device)) is None:
        return plain_unpatchify(clip.rows, clip.bias, patch, limit)
    frames: Tensor = kernels.unpatchify.unpatchify(clip.rows, clip.bias, patch, limit)
    return frames


def plain_unpatchify(rows: Tensor, bias: Tensor, patch: int, limit: float | None) -> Tensor:
    """The same in plain torch."""
    value = (rows[..., : 3 * patch**2].float() + bias).unflatten(-1, (3, patch, patch))  # colour, x, y in a patch
    frames: Tensor = value.permute(0, 1, 4, 2, 6, 3, 5).flatten(5, 6).flatten(3, 4)
    return frames if limit is None else frames.clamp(-limit, limit)


def patchify(frames: Tensor, patch: int, dtype: torch.dtype) -> Tensor:
    """RGB (B, 3, n, H, W) → (B, n, H/patch, W/patch, 3·patch²)."""
    value = frames.to(dtype).unflatten(4, (-1, patch)).unflatten(3, (-1, patch))
    patches: Tensor = value.permute(0, 2, 3, 5, 1, 6, 4).flatten(4, 6).contiguous()
    return patches
