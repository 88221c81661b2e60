"""The person of a rig without the background, to be drawn in front of something else."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision.layers import split

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


class CutOut:
    """``texture`` is the rig's, uint8 ``(n * size, n * size, 4)`` RGBA, straight: what moves the head moves its alpha.
    ``background`` is the portrait's own, blurred, uint8 ``(size, size, 3)`` RGB. ``edge`` and ``clear`` are bool
    ``(size, size)``: the pixels that may be partly the person in some frame, and those that never show any of it."""

    def __init__(self, texture: Image, reach: Array) -> None:
        """``texture``: uint8 ``(n * size, n * size, 3)`` RGB. ``reach``: how far from each pixel of a frame the point
        of the texture may lie that it shows, in pixels, float32 ``(size, size)``."""
        layers = split(texture)
        size = reach.shape[0]
        self.texture: Image = np.ascontiguousarray(np.dstack([layers.person, layers.alpha]))
        self.background = _scaled(layers.background, size)
        alpha = layers.alpha
        off = np.ceil(reach + 2)  # two more for the interpolation
        solid = _distance(alpha < 255, size) > off
        self.clear = _distance(alpha > 0, size) > off
        self.edge = ~(solid | self.clear)


def _distance(of: NDArray[np.bool_], size: int) -> Array:
    """How far each pixel is from the nearest one that is set, in pixels of ``(size, size)``."""
    reduced = cv2.resize(of.astype(np.uint8) * 255, (size, size), interpolation=cv2.INTER_AREA) > 0
    return np.asarray(cv2.distanceTransform((~reduced).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _scaled(image: Image, size: int) -> Image:
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
