"""Cropping a portrait to the square that is animated, with the face well in frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks.face import Face
from livehead.engine.preview.landmarks.find import find_face

LEAST_SHARE = 0.40
"""The face takes up at least this share of the square's height, if the portrait allows it."""

FACE_AT = 0.47
"""Where the middle of the face is placed, as a share of the height from the top."""

FINE = 2
"""The texture is this many times finer than the square, so that small shifts do not blur."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """``texture`` is uint8 ``(FINE * size, FINE * size, 3)`` RGB; ``face`` is in pixels of the square, whose side is
    ``size``."""

    texture: NDArray[np.uint8]
    face: Face
    size: int


def fit(portrait: NDArray[np.uint8], size: int) -> Fitted:
    """Crop and scale a portrait, uint8 ``(H, W, 3)`` RGB, to a square of ``size`` pixels. Raises
    :class:`~livehead.errors.PortraitError` if no face is found."""
    face = find_face(portrait)
    left, top, side = square(portrait.shape[1], portrait.shape[0], face)
    cut = portrait[top : top + side, left : left + side]
    fine = FINE * size
    how = cv2.INTER_AREA if side > fine else cv2.INTER_CUBIC
    drawn = cv2.resize(cut, (fine, fine), interpolation=how)
    # Sampling the texture averages its pixels; this much sharpening compensates for it.
    texture = np.asarray(cv2.addWeighted(drawn, 1.3, cv2.GaussianBlur(drawn, (0, 0), 1.2), -0.3, 0), np.uint8)
    scale = size / side
    return Fitted(texture, face.moved(scale, np.array([-left, -top], np.float32) * np.float32(scale)), size)


def square(width: int, height: int, face: Face) -> tuple[int, int, int]:
    """Left, top and side of the square to cut from a portrait of this size."""
    x, y, _, half = face.outline
    side = int(min(width, height, max(MIN_CUT, 2 * half / LEAST_SHARE)))
    left = int(np.clip(round(x - side / 2), 0, width - side))
    top = int(np.clip(round(y - FACE_AT * side), 0, height - side))
    return left, top, side


MIN_CUT = 48
"""The least side of the square that is cut, in pixels."""
