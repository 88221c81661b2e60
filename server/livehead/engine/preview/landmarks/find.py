"""Finding the face that a portrait shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks.face import Face
from livehead.engine.preview.landmarks.from_cascades import find_by_cascades
from livehead.engine.preview.landmarks.from_mesh import find_by_mesh
from livehead.errors import PortraitError

MIN_SIDE, MAX_SIDE = 64, 8000
"""Bounds of a portrait's width and height, in pixels."""

MIN_EYE_SPAN = 10.0
"""The least distance between the pupils, in pixels."""


def find_face(rgb: NDArray[np.uint8]) -> Face:
    """The most prominent face of a portrait, uint8 ``(H, W, 3)`` RGB: by its mesh, or by cascades where it has none.

    Raises :class:`PortraitError` if the portrait is too small or too large, or shows no face from the front.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise PortraitError("A portrait is an 8-bit RGB image.")
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
        raise PortraitError(
            f"The image is {width}×{height} pixels. Use one between {MIN_SIDE} and {MAX_SIDE} pixels a side."
        )
    face = find_by_mesh(rgb) or find_by_cascades(rgb)
    if face is None:
        raise PortraitError(
            "No face was found. Use an image of one face seen from the front, eyes and mouth uncovered, well lit."
        )
    if face.span < MIN_EYE_SPAN:
        raise PortraitError("The face is too small in this image. Use a closer or a larger one.")
    return face
