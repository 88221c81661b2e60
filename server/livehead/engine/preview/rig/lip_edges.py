"""The inner edges of a portrait's lips, in the mouth's own coordinates."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.rig.head import Array

TABLE = 1025
"""Points at which an edge is stored."""

SOFT = 24
"""By how many of these points the edges are smoothed."""

MEET = 0.4
"""Where parted lips meet when they close, as a share of the gap from the upper one: the lower lip moves more."""


class LipEdges:
    """``upper`` and ``lower`` are y of the lips' edges from the left corner, where ``a`` is -1, to the right one, where
    it is 1: tables by :func:`table`. ``middle`` is ``a`` of the point below the nose."""

    def __init__(self, upper: Array, lower: Array, middle: float) -> None:
        self._upper, self._lower, self.middle = upper, lower, middle
        self.gap = float((lower - upper).max())
        """How far the lips are apart at most, in pixels; 0 where they are closed."""
        self.top, self.bottom = float(upper.min()), float(lower.max())

    def opened(self, factor: float) -> LipEdges:
        """The same edges with the lower one ``factor`` times as far from the upper one."""
        return LipEdges(self._upper, self._upper + np.float32(factor) * (self._lower - self._upper), self.middle)

    def at(self, a: Array) -> tuple[Array, Array, Array]:
        """y of the upper edge, of the lower edge and of the line at which they meet when they close, at ``a``; level
        beyond the corners."""
        index = places_in_table(a)
        upper = self._upper[index]
        if self.gap == 0:
            return upper, upper, upper
        lower = self._lower[index]
        return upper, lower, upper + np.float32(MEET) * (lower - upper)

    def between(self, places: Array, shares: Array) -> Array:
        """A table of y like those of the edges: at ``places``, a rising row of ``a``, the given shares of the gap down
        from the upper edge."""
        shares = np.interp(np.linspace(-1, 1, TABLE), places, shares)
        return np.asarray(self._upper + shares * (self._lower - self._upper), np.float32)

    def below_nose(self, a: Array) -> Array:
        """``a`` moved so that it is 0 below the nose, and -1 and 1 at the corners as before."""
        return a - self.middle * (1 - np.minimum(a * a, 1)) if self.middle else a


def places_in_table(a: Array) -> NDArray[np.int32]:
    """The index of ``a`` in an edge's table; beyond the corners, theirs."""
    return np.asarray(np.clip((a + 1) * ((TABLE - 1) / 2) + 0.5, 0, TABLE - 1), np.int32)


def table(a: Array, y: Array) -> Array:
    """An edge, given at some points from corner to corner, at evenly spaced ones: float32, smooth."""
    rows = np.interp(np.linspace(-1, 1, TABLE), a, y).astype(np.float32)
    ringed = np.pad(rows, SOFT * 3, mode="reflect", reflect_type="odd")
    return np.asarray(cv2.GaussianBlur(ringed[None], (0, 0), SOFT)[0, SOFT * 3 : -SOFT * 3], np.float32)
