"""The gap between the lips in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livehead.engine.preview.rig.head import Array


@dataclass(frozen=True, slots=True, eq=False)
class MouthOpening:
    """The gap between the lips in one frame. All arrays are float32 ``(h, w)``, for the pixels in ``rows`` and
    ``columns`` of the mouth's box. ``a`` and ``y`` are the pixel's coordinates, ``a`` as in the portrait (a narrowed
    mouth narrows what is in it); ``upper`` and ``lower`` are the lips' inner edges there; ``cover`` is the open share
    of the pixel, 0..1; ``drop`` is how far the jaw is dropped, in pixels. ``unmoved`` is ``a`` in a mouth that is not
    narrowed; ``lowered`` is how far the lower lip has moved down."""

    a: Array
    y: Array
    upper: Array
    lower: Array
    cover: Array
    drop: float
    unmoved: Array
    lowered: Array
    rows: slice
    columns: slice


def open_between(
    edges: tuple[Array, ...], unmoved: Array, drop: float, within: tuple[slice, slice]
) -> MouthOpening | None:
    """The opening between the lips, given ``a``, ``y``, ``upper``, ``lower`` and ``lowered`` of pixels ``within`` the
    mouth's box, or None where they are closed."""
    a, y, upper, lower, lowered = edges
    height = lower - upper
    cover = np.clip(np.minimum(y - upper, lower - y) + 0.5, 0, 1) * np.clip(height / 2.0 - 0.25, 0, 1)
    rows, columns = np.nonzero(cover.any(axis=1))[0], np.nonzero(cover.any(axis=0))[0]
    if rows.size == 0:
        return None
    r, c = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    top, left = within[0].start, within[1].start
    rows_there, columns_there = slice(top + r.start, top + r.stop), slice(left + c.start, left + c.stop)
    return MouthOpening(
        a=a[r, c],
        y=y[r, c],
        upper=upper[r, c],
        lower=lower[r, c],
        cover=cover[r, c],
        drop=drop,
        unmoved=unmoved[r, c],
        lowered=lowered[r, c],
        rows=rows_there,
        columns=columns_there,
    )
