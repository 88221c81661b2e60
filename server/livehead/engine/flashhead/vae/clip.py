"""Frames between two convolutions of a video autoencoder, and what is still to be done to them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class PixelShuffle:
    """What an upsampling convolution leaves to be shuffled: its output channels are (time, space, space, C).

    If ``time`` is 2, frame f is half (f + 1) % 2 of row (f + 1) // 2, and the first half of row 0 is dropped. If
    ``space`` is 2, line y is half (y + shift) % 2 of line (y + shift) // 2, and columns likewise: with a shift of 1
    the rows have one line and one column more than half.
    """

    time: int = 1
    space: int = 1
    shift: int = 0

    @property
    def parts(self) -> int:
        return self.time * self.space**2


NO_SHUFFLE = PixelShuffle()


@dataclass(slots=True)
class Clip:
    """Consecutive frames of a clip, channels last and contiguous, and what is still to be added to them.

    ``rows`` (B, n, H, W, ``channels`` or more) starts with frame ``start`` of ``total``; channels above ``channels``
    are ignored. ``bias`` is float32. ``residual`` (B, m, H, W, ``channels``) starts with frame ``residual_start``. A
    frame that only one of the two has is made of that one.

    With a ``shuffle``, ``rows``, ``start`` and ``bias`` are those before it; everything else is after it.
    """

    rows: Tensor
    start: int
    total: int
    channels: int
    bias: Tensor | None = None
    residual: Tensor | None = None
    residual_start: int = 0
    shuffle: PixelShuffle = NO_SHUFFLE

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Batch, height, width and channels, after the shuffle."""
        batch, _, height, width, _ = self.rows.shape
        space, shift = self.shuffle.space, self.shuffle.shift
        return batch, space * (height - shift), space * (width - shift), self.channels

    def release(self) -> None:
        """Let go of the tensors: their gigabytes are needed again before the caller drops the clip."""
        del self.rows
        self.residual = None


@dataclass(frozen=True, slots=True)
class FinishedFrames:
    """A clip's frames with bias and residual added, from frame ``start`` on."""

    rows: Tensor
    start: int
