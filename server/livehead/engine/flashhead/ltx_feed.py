"""What happens between two convolutions of the LTX autoencoder, in one pass over memory.

A convolution here leaves its sums undone: bias and residual are added when the next one is fed. Feeding
also unfolds an upsampling, normalises, applies SiLU, and repeats frames at the ends of time, straight
into the tensor that the next convolution reads. On CUDA that is one Triton kernel; plain torch says the
same elsewhere. All tensors are channels last and contiguous: (B, frames, H, W, C).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from livehead.engine.flashhead.fused import available

ltx_kernels: ModuleType | None
try:
    from livehead.engine.flashhead import ltx_kernels
except ImportError:  # Triton comes with torch for CUDA on Linux only
    ltx_kernels = None

EPS = 1e-8
"""Of the RMS norms over channels, which have no weights."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Consecutive frames of a clip, and what has still to be added to them.

    ``rows`` begins with frame ``start`` of ``total``. ``bias`` is float32. ``residual`` begins with frame
    ``residual_start`` and reaches at least as far as ``rows``.

    A folded clip came from an upsampling: its channels are (2, 2, 2, C), to be spread over time, height
    and width, and the very first frame is dropped. Frame f is then half (f + 1) % 2 of row (f + 1) // 2,
    ``start`` counts rows, and ``total`` the frames after unfolding.
    """

    rows: Tensor
    start: int
    total: int
    bias: Tensor | None = None
    residual: Tensor | None = None
    residual_start: int = 0
    folded: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Batch, height, width and channels, unfolded."""
        batch, _, height, width, channels = self.rows.shape
        return (batch, 2 * height, 2 * width, channels // 8) if self.folded else (batch, height, width, channels)


@dataclass(frozen=True, slots=True)
class Whole:
    """A clip's frames with everything added, from frame ``start`` on."""

    rows: Tensor
    start: int


def feed(clip: Clip, first: int, count: int, *, activate: bool) -> tuple[Tensor, Whole]:
    """What a convolution over frames first … first + count − 1 reads, and the finished frames among them.

    Frames before the clip's first and after its last are copies of these. ``activate``: RMS norm over the
    channels, then SiLU; the finished frames are without.
    """
    if (fast := _kernels(clip.rows)) is None:
        return plain_feed(clip, first, count, activate=activate)
    batch, height, width, channels = clip.shape
    start, stop = max(first, 0), min(first + count, clip.total)
    fed = clip.rows.new_empty(batch, count, height, width, channels)
    if clip.bias is None and clip.residual is None and not clip.folded:
        fast.feed(clip, first, fed, None, 0, activate=activate, eps=EPS)
        return fed, Whole(clip.rows, clip.start)
    kept = clip.rows.new_empty(batch, stop - start, height, width, channels)
    fast.feed(clip, first, fed, kept, start, activate=activate, eps=EPS)
    return fed, Whole(kept, start)


def plain_feed(clip: Clip, first: int, count: int, *, activate: bool) -> tuple[Tensor, Whole]:
    """The same in plain torch."""
    start, stop = max(first, 0), min(first + count, clip.total)
    value = _finish(clip, start, stop)
    whole = Whole(value.to(clip.rows.dtype), start)
    if activate:
        value = silu(value * torch.rsqrt(value.square().mean(-1, keepdim=True) + EPS))
    order = torch.arange(first, first + count, device=value.device).clamp(0, clip.total - 1) - start
    return value.to(clip.rows.dtype)[:, order], whole


def _finish(clip: Clip, start: int, stop: int) -> Tensor:
    """Frames start … stop − 1 of a clip, float32, with everything added."""
    value = clip.rows.float()
    if clip.bias is not None:
        value = value + clip.bias
    offset = start - clip.start
    if clip.folded:
        # (B, n, H, W, 2, 2, 2, C) → (B, n, 2, H, 2, W, 2, C)
        value = value.unflatten(-1, (2, 2, 2, -1)).permute(0, 1, 4, 2, 5, 3, 6, 7)
        value = value.flatten(5, 6).flatten(3, 4).flatten(1, 2)
        offset = start + 1 - 2 * clip.start
    value = value[:, offset : offset + stop - start]
    if clip.residual is not None:
        offset = start - clip.residual_start
        value = value + clip.residual[:, offset : offset + stop - start].float()
    return value


def to_pictures(rows: Tensor, bias: Tensor, patch: int) -> Tensor:
    """The last convolution's (B, n, h, w, 3·patch² or more) → pictures, float32 (B, n, 3, h·patch, w·patch)."""
    if (fast := _kernels(rows)) is None:
        return plain_pictures(rows, bias, patch)
    pictures: Tensor = fast.to_pictures(rows, bias, patch)
    return pictures


def plain_pictures(rows: Tensor, bias: Tensor, patch: int) -> Tensor:
    """The same in plain torch."""
    value = (rows.float() + bias)[..., : 3 * patch**2].unflatten(-1, (3, patch, patch))  # colour, x, y in a patch
    pictures: Tensor = value.permute(0, 1, 4, 2, 6, 3, 5).flatten(5, 6).flatten(3, 4)
    return pictures


def to_patches(pictures: Tensor, patch: int, dtype: torch.dtype) -> Tensor:
    """Pictures (B, 3, n, H, W) → (B, n, H/patch, W/patch, 3·patch²)."""
    value = pictures.to(dtype).unflatten(4, (-1, patch)).unflatten(3, (-1, patch))
    patches: Tensor = value.permute(0, 2, 3, 5, 1, 6, 4).flatten(4, 6).contiguous()
    return patches


def _kernels(x: Tensor) -> Any:
    return ltx_kernels if available(x.device) else None
