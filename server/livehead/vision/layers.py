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
    """The person's colours where alpha is over 0: Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021. Its
    first pass only gives the second one colours to begin with, and is made at a quarter of the size."""
    height, width = alpha.shape
    small = (max(2, width // 4), max(2, height // 4))
    coarse: Array = np.asarray(cv2.resize(colours, small, interpolation=cv2.INTER_AREA), np.float32)
    share: Array = np.asarray(cv2.resize(alpha, small, interpolation=cv2.INTER_AREA), np.float32)
    person, background = _nearby(coarse, coarse, share, _COARSE)
    person = _solved(coarse, share[..., None], person, background)
    whole = np.where(alpha[..., None] == 1, colours, _enlarged(person, width, height))
    near, behind = _nearby(whole, _enlarged(background, width, height), alpha, _FINE)
    edge = np.nonzero((alpha > 0) & (alpha < 1))
    result = colours.copy()
    result[edge] = _solved(colours[edge], alpha[edge][:, None], near[edge], behind[edge])
    return result


def _nearby(person: Array, background: Array, alpha: Array, reach: float) -> tuple[Array, Array]:
    """The mean colours of the person and of the background round each pixel, float32 ``(h, w, 3)``."""
    side = 2 * max(1, round(reach * max(alpha.shape))) + 1
    share = alpha[..., None]
    weight = cv2.blur(alpha, (side, side))[..., None]
    near = cv2.blur(person * share, (side, side)) / (weight + 1e-5)
    behind = cv2.blur(background * (1 - share), (side, side)) / (1 - weight + 1e-5)
    return np.where(weight > 1e-3, near, person), np.asarray(behind, np.float32)


def _solved(colours: Array, share: Array, near: Array, behind: Array) -> Array:
    """The person's colours that are closest to those near them and give ``colours`` before the background."""
    return np.clip(near + share * (colours - share * near - (1 - share) * behind), 0, 1)


def _enlarged(image: Array, width: int, height: int) -> Array:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


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
