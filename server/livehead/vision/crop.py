"""Turned squares of a picture: what the models look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of a picture: its centre and side in pixels, turned by ``angle`` radians, clockwise as seen.
    ``mirrored`` swaps its left and right."""

    x: float
    y: float
    side: float
    angle: float = 0.0
    mirrored: bool = False

    def cut(self, rgb: NDArray[np.uint8], size: int, *, outside: int = cv2.BORDER_REPLICATE) -> NDArray[np.float32]:
        """The square scaled to ``size`` pixels, float32 ``(size, size, 3)`` in 0..1. ``outside`` says what is seen
        beyond the picture's edges, one of OpenCV's border types."""
        matrix = self._matrix(size)
        reach = self.side * 0.71 + 2  # half the diagonal
        left, top = (int(np.clip(v - reach, 0, n - 1)) for v, n in ((self.x, rgb.shape[1]), (self.y, rgb.shape[0])))
        right, bottom = (int(np.clip(v + reach, 1, n)) for v, n in ((self.x, rgb.shape[1]), (self.y, rgb.shape[0])))
        source = rgb[top : max(bottom, top + 1), left : max(right, left + 1)]
        matrix[:, 2] -= (left, top)
        if self.side > 1.5 * size:  # shrink first: the warp samples single points, and fine detail would alias
            whole = np.array(source.shape[1::-1])
            wanted = np.maximum(1, np.rint(whole * (size / self.side))).astype(int)
            source = np.asarray(cv2.resize(source, (int(wanted[0]), int(wanted[1])), interpolation=cv2.INTER_AREA))
            grown = wanted / whole
            matrix[:, 2] = (matrix[:, 2] + 0.5) * grown - 0.5
            matrix[:, :2] *= grown[:, None]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(np.ascontiguousarray(source), matrix, (size, size), flags=flags, borderMode=outside)
        return np.asarray(seen, np.float32) / np.float32(255)

    def to_picture(self, points: Array, size: int) -> NDArray[np.float32]:
        """Points ``(n, 2)`` or ``(n, 3)`` of the square scaled to ``size`` pixels, where a model counts from its left
        and top edge, in pixels of the picture, counted from the middle of the first. A third coordinate is scaled."""
        matrix = self._matrix(size).astype(np.float32)
        moved = np.array(points, np.float32)
        moved[:, :2] = (moved[:, :2] - np.float32(0.5)) @ matrix[:, :2].T + matrix[:, 2]
        moved[:, 2:] *= np.float32(self.side / size)
        return moved

    def _matrix(self, size: int) -> NDArray[np.float64]:
        """From pixels of the scaled square to pixels of the picture, ``(2, 3)``."""
        along = np.array([np.cos(self.angle), np.sin(self.angle)]) * (self.side / size)
        down = np.array([-along[1], along[0]])
        if self.mirrored:
            along = -along
        origin = np.array([self.x, self.y]) - (size - 1) / 2 * (along + down)
        return np.stack([along, down, origin], axis=1)
