"""The visible mark: a small badge in the picture that says AI.

It is a drawing of lines and a rounded rectangle, and is sharp at every size. It is put into the lower right corner,
above the rows that a test pattern takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from livehead.core.frame import Frame
from livehead.core.test_pattern import NEUTRAL, ROWS

HEIGHT = 0.055
"""The badge's height, as a share of the picture's shorter side."""

SMALLEST = 18
"""Pixels: in anything lower nobody can read two letters. A picture that has no room for it is left as it is."""

MARGIN = 0.035
"""From the picture's edges, as a share of its shorter side."""

_WIDTH = 1.42
_LETTERS = (
    ((0.56, 0.27), (0.36, 0.73)),  # A
    ((0.56, 0.27), (0.76, 0.73)),
    ((0.435, 0.575), (0.685, 0.575)),
    ((1.03, 0.27), (1.03, 0.73)),  # I
)
"""Lines from point to point, x and y, in heights of the badge."""
_STROKE = 0.052
_RADIUS = 0.3
_WHITE, _INK, _OPAQUE = 235, 26, 235


@dataclass(frozen=True, slots=True, eq=False)
class _Badge:
    """A picture below it becomes ``picture * keep + add``. float32 ``(height, width)``, and ``keep`` for chroma at half
    the size."""

    keep: NDArray[np.float32]
    add: NDArray[np.float32]
    keep_chroma: NDArray[np.float32]


def draw(frame: Frame, *, halves: int = 1) -> Frame:
    """A copy of ``frame`` with the badge. With ``halves`` 2 the upper half of the frame is a picture and the lower half
    its alpha (a transparent look): the badge is in the picture, and opaque in the alpha."""
    width, height = frame.width, frame.height // halves
    place = _place(width, height)
    if place is None:
        return frame
    top, left, size = place
    badge = _badge(size)
    i420 = frame.i420.copy()
    _blend(i420[: frame.height], top, left, badge.keep, badge.add)
    chroma = i420[frame.height :].reshape(2, frame.height // 2, width // 2)
    for plane in chroma:
        _blend(plane, top // 2, left // 2, badge.keep_chroma, (1 - badge.keep_chroma) * NEUTRAL)
    if halves == 2:
        _blend(i420[: frame.height], height + top, left, badge.keep, (1 - badge.keep) * _OPAQUE)
    return Frame(i420)


def _place(width: int, height: int) -> tuple[int, int, int] | None:
    """Top, left and height of the badge, all even, or None where there is no room."""
    side = min(width, height)
    size = max(SMALLEST, _even(side * HEIGHT))
    margin = _even(side * MARGIN)
    top = height - size - max(margin, ROWS + 2)
    left = width - _even(size * _WIDTH) - margin
    return (top // 2 * 2, left // 2 * 2, size) if top > 0 and left > 0 else None


def _even(pixels: float) -> int:
    return round(pixels / 2) * 2


def _blend(plane: NDArray[np.uint8], top: int, left: int, keep: NDArray[np.float32], add: NDArray[np.float32]) -> None:
    below = plane[top : top + keep.shape[0], left : left + keep.shape[1]]
    below[:] = np.rint(below * keep + add)


@lru_cache(maxsize=16)
def _badge(size: int) -> _Badge:
    width = _even(size * _WIDTH)
    y, x = np.mgrid[0:size, 0:width].astype(np.float32) + 0.5
    x, y = x / size, y / size
    right, edge = width / size, 0.5 / size
    outside = _box(x, y, right)
    panel = _cover(outside + edge, size)
    rim = panel * _cover(np.abs(outside + edge + 0.02) - 0.025, size)
    letters = _cover(np.min([_line(x, y, *a, *b) for a, b in _LETTERS], axis=0) - _STROKE, size)
    keep, add = np.ones_like(x), np.zeros_like(x)
    for cover, luma in ((0.62 * panel, _INK), (0.45 * rim, _WHITE), (0.97 * letters, _WHITE)):
        keep, add = keep * (1 - cover), add * (1 - cover) + cover * luma
    chroma = keep.reshape(size // 2, 2, width // 2, 2).mean((1, 3))
    return _Badge(keep.astype(np.float32), add.astype(np.float32), chroma.astype(np.float32))


def _cover(distance: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """How much of a pixel a shape covers whose edge is ``distance`` away, inside negative."""
    cover: NDArray[np.float32] = np.clip(0.5 - distance * size, 0, 1)
    return cover


def _box(x: NDArray[np.float32], y: NDArray[np.float32], right: float) -> NDArray[np.float32]:
    """Distance to the rounded rectangle (0, 0) … (right, 1)."""
    dx = np.abs(x - right / 2) - right / 2 + _RADIUS
    dy = np.abs(y - 0.5) - 0.5 + _RADIUS
    inside = np.minimum(np.maximum(dx, dy), 0)
    distance: NDArray[np.float32] = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + inside - _RADIUS
    return distance


def _line(
    x: NDArray[np.float32], y: NDArray[np.float32], x0: float, y0: float, x1: float, y1: float
) -> NDArray[np.float32]:
    """Distance to a line."""
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
    along = np.clip(along, 0, 1)
    distance: NDArray[np.float32] = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
    return distance
