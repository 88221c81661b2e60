"""Cutting any frame to the square a generator shows, with the face well in frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.face import Face, find

LEAST_SHARE = 0.40
"""The face takes at least this share of the square's height, where the frame allows it."""

FACE_AT = 0.47
"""Where the face's middle comes to lie, as a share of the height."""

FINE = 2
"""The texture has this many pixels for each of the square's, so that small shifts do not blur."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """``texture`` is uint8 ``(FINE * size, FINE * size, 3)`` RGB; ``face`` is in pixels of the
    square of ``size``."""

    texture: NDArray[np.uint8]
    face: Face
    size: int


def fit(portrait: NDArray[np.uint8], size: int) -> Fitted:
    """Crop and scale a portrait, uint8 ``(H, W, 3)`` RGB, to a square. Raises
    :class:`~livehead.errors.PortraitError` where no face is found."""
    face = find(portrait)
    left, top, side = square(portrait.shape[1], portrait.shape[0], face)
    cut = portrait[top : top + side, left : left + side]
    fine = FINE * size
    how = cv2.INTER_AREA if side > fine else cv2.INTER_CUBIC
    drawn = cv2.resize(cut, (fine, fine), interpolation=how)
    # Sampling the texture averages its pixels; this much sharpening makes up for it.
    texture = np.asarray(cv2.addWeighted(drawn, 1.3, cv2.GaussianBlur(drawn, (0, 0), 1.2), -0.3, 0), np.uint8)
    scale = size / side
    return Fitted(texture, face.moved(scale, np.array([-left, -top], np.float32) * np.float32(scale)), size)


def square(width: int, height: int, face: Face) -> tuple[int, int, int]:
    """Left, top and side of the square to cut from a frame of this size."""
    x, y, _, half = face.outline
    side = int(min(width, height, max(MIN_CUT, 2 * half / LEAST_SHARE)))
    left = int(np.clip(round(x - side / 2), 0, width - side))
    top = int(np.clip(round(y - FACE_AT * side), 0, height - side))
    return left, top, side


MIN_CUT = 48
"""A square is never cut smaller than this many pixels."""
