"""Frames between two convolutions of a video autoencoder, with what is still undone to them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Fold:
    """What an upsampling leaves to be unfolded: the channels of its rows are (time, space, space, C).

    Where ``time`` is 2, frame f is half (f + 1) % 2 of row (f + 1) // 2: the first half of row 0 is
    dropped. Where ``space`` is 2, line y is half (y + shift) % 2 of line (y + shift) // 2, and columns
    likewise: with a shift of 1 the rows have one line and one column more than half.
    """

    time: int = 1
    space: int = 1
    shift: int = 0

    @property
    def parts(self) -> int:
        return self.time * self.space**2


PLAIN = Fold()


@dataclass(slots=True)
class Clip:
    """Consecutive frames of a clip, channels last and contiguous, and what has still to be added to them.

    ``rows`` (B, n, H, W, ``channels`` or more) begins with frame ``start`` of ``total``; what it has above
    ``channels`` is nothing. ``bias`` is float32. ``residual`` (B, m, H, W, ``channels``) begins with frame
    ``residual_start``. A frame that only one of the two reaches is made of that one.

    Where ``fold`` says so, ``rows``, ``start`` and ``bias`` are those before the unfolding; the rest is after it.
    """

    rows: Tensor
    start: int
    total: int
    channels: int
    bias: Tensor | None = None
    residual: Tensor | None = None
    residual_start: int = 0
    fold: Fold = PLAIN

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Batch, height, width and channels, unfolded."""
        batch, _, height, width, _ = self.rows.shape
        space, shift = self.fold.space, self.fold.shift
        return batch, space * (height - shift), space * (width - shift), self.channels

    def release(self) -> None:
        """Let the tensors go: their gigabytes are wanted again before the caller forgets the clip."""
        del self.rows
        self.residual = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A clip's frames with everything added, from frame ``start`` on."""

    rows: Tensor
    start: int
