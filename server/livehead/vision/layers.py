"""A portrait taken apart: the person, the matte, and the background without the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision.fill import fill
from livehead.vision.matte import matte

Array = NDArray[np.floating[Any]]

BLUR = 1 / 28
"""How far a background is blurred: the standard deviation as a share of the picture's longer side."""

_COARSE, _FINE = 1 / 12, 1 / 160
"""Reaches of the two passes of the estimate of colours, as shares of the picture's longer side."""


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """All of one size. ``alpha`` is uint8 ``(h, w)``: how much of each pixel is the person. ``person`` is uint8
    ``(h, w, 3)`` RGB: the person's own colours, straight, without the old background that shines through at hair; where
    there is no person, a smooth continuation of them. ``background``, the same shape: what may be behind the person,
    blurred."""

    alpha: NDArray[np.uint8]
    person: NDArray[np.uint8]
    background: NDArray[np.uint8]


def split(rgb: NDArray[np.uint8]) -> Layers:
    """Take a portrait, uint8 ``(h, w, 3)`` RGB, apart. Blocks, for about half a second with 1024 × 1024 pixels."""
    alpha = matte(rgb)
    colours = rgb.astype(np.float32) / np.float32(255)
    person = fill(_person(colours, alpha), np.clip(3 * alpha, 0, 1))
    return Layers(_bytes(alpha), _bytes(person), _background(rgb, alpha))


def _person(colours: Array, alpha: Array) -> Array:
    """The person's colours where alpha is over 0: Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021."""
    side = max(alpha.shape)
    person = background = colours
    share = alpha[..., None]
    for reach in (_COARSE, _FINE):
        radius = 2 * max(1, round(reach * side)) + 1
        window = (radius, radius)
        weight = cv2.blur(alpha, window)[..., None]
        near = cv2.blur(person * share, window) / (weight + 1e-5)
        near = np.where(weight > 1e-3, near, person)
        behind = cv2.blur(background * (1 - share), window) / (1 - weight + 1e-5)
        person = np.clip(near + share * (colours - share * near - (1 - share) * behind), 0, 1)
        background = behind
    return np.asarray(person, np.float32)


def _background(rgb: NDArray[np.uint8], alpha: Array) -> NDArray[np.uint8]:
    """Computed at a quarter of the size: it is blurred anyway."""
    height, width = alpha.shape
    small = (max(2, width // 4), max(2, height // 4))
    colours = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    clear = cv2.resize((alpha <= 0.01).astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0.99
    seen = np.asarray(cv2.erode(clear.astype(np.uint8), np.ones((5, 5), np.uint8)), np.float32)
    if not seen.any():
        seen[:] = 1  # the person covers the whole picture
    blurred = cv2.GaussianBlur(fill(colours, seen), (0, 0), BLUR * max(small), borderType=cv2.BORDER_REPLICATE)
    return _bytes(np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC), np.float32))


def _bytes(values: Array) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values * 255 + 0.5, 0, 255), np.uint8)
