"""A face chip: the face aligned to a standard image, eyes level and 100 pixels apart. Landmarks are measured in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 320, 360
EYE_Y = 130.0
LEFT_X, RIGHT_X = 110.0, 210.0
EYE_SPAN = RIGHT_X - LEFT_X
CENTRE_X = (LEFT_X + RIGHT_X) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """``lab`` is float32 ``(HEIGHT, WIDTH, 3)`` in CIELAB, L in 0..100. ``rotation``, ``(2, 2)``, and ``origin``,
    ``(2,)``, map a point ``p`` of the chip to ``rotation @ p + origin`` in the portrait."""

    lab: Array
    rotation: Array
    origin: Array

    @property
    def scale(self) -> float:
        """Size of a chip pixel in pixels of the portrait."""
        return float(np.hypot(self.rotation[0, 0], self.rotation[1, 0]))

    def to_portrait(self, points: Array) -> Array:
        """Chip points ``(..., 2)`` in pixels of the portrait."""
        return np.asarray(points @ self.rotation.T + self.origin, np.float32)

    def from_portrait(self, points: Array) -> Array:
        """Points ``(..., 2)`` of the portrait in pixels of the chip."""
        return np.asarray((points - self.origin) @ np.linalg.inv(self.rotation).T, np.float32)

    def skin(self) -> Array:
        """The colour of the skin as L, a, b: the median of both cheeks."""
        left = self.lab[168:195, 92:122].reshape(-1, 3)
        right = self.lab[168:195, 198:228].reshape(-1, 3)
        return np.asarray(np.median(np.concatenate([left, right]), axis=0), np.float32)


def align(rgb: NDArray[np.uint8], eyes: Array) -> Chip:
    """Cut out the chip of the face in an RGB image, given its eyes ``(2, 2)``, the one on the image's left first."""
    along = (eyes[1] - eyes[0]) / EYE_SPAN
    rotation = np.array([[along[0], -along[1]], [along[1], along[0]]], np.float32)
    origin = eyes[0] - rotation @ np.array([LEFT_X, EYE_Y], np.float32)
    scale = float(np.hypot(*along))
    source = rgb
    if scale > 1.5:  # shrink first, so that the grain of a large photo does not alias
        source = np.asarray(cv2.resize(rgb, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA), np.uint8)
        grown = np.array([source.shape[1] / rgb.shape[1], source.shape[0] / rgb.shape[0]], np.float32)
    else:
        grown = np.array([1, 1], np.float32)
    matrix = np.concatenate([rotation, origin[:, None]], axis=1) * grown[:, None]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(source, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    lab = cv2.cvtColor(np.asarray(view, np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    return Chip(np.asarray(lab, np.float32), rotation, np.asarray(origin, np.float32))
