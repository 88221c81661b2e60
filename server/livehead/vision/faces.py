"""The faces of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision import face_mesh as mesh
from livehead.vision.crop import Array, Crop
from livehead.vision.detector import LEAST_SCORE, SAME, DetectedFace, overlap, search

__all__ = ["DetectedFace", "detect_faces"]

LONGEST = 1024
"""Pictures are scaled to at most this many pixels along the longer side before the search."""

SMALL = 0.15
"""Where no face is wider than this share of the picture's shorter side, parts of the picture are searched too."""

PART = 0.5
"""The side of these parts, as a share of the picture's shorter side."""

SURE_IN_PART, SURE_OF_PART = 0.65, 0.9
"""How likely a face in a part must be, for the detector and for the mesh's network: there are many parts, and what is
small and blurred looks like anything."""

LEAST_WIDTH = 20.0
"""In pixels of the picture that is searched: what is narrower is left out."""

LEAST_SQUARE = 64.0
"""The least side of a square that is searched, in pixels: of a long, thin picture there would be hundreds."""

TILTS = (0.8, -0.8, 1.6, -1.6)
"""Angles in radians at which a picture is searched where it shows no upright face."""

Shape = tuple[int, int]


def detect_faces(rgb: NDArray[np.uint8], most: int = 8) -> list[DetectedFace]:
    """The faces of a picture, uint8 ``(H, W, 3)`` RGB: at most ``most`` of them, the most prominent first, by their
    width and how likely they are faces.

    The whole picture is searched first; where that shows no large face, so are parts of it, down to faces of about a
    twentieth of its shorter side, and where there is none at all, the picture is turned up to 90 degrees. The detector
    is easily mistaken: what it finds counts where the mesh's network takes it for a face too.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    shape: Shape = (rgb.shape[0], rgb.shape[1])
    found = _new(rgb, _whole(shape))
    if not any(face.width > SMALL * min(shape) for face in found):
        found = _new(rgb, _squares(shape, PART * min(shape)), found, (SURE_IN_PART, SURE_OF_PART))
    if not found:
        found = _new(rgb, _tilted(shape))
    found.sort(key=lambda face: -face.width * face.score)
    return [face.scaled(1 / scale) for face in found[:most]]


def _whole(shape: Shape) -> Iterator[Crop]:
    """The picture, the picture with a margin (for a face that fills it), and squares along a long one."""
    height, width = shape
    x, y = (width - 1) / 2, (height - 1) / 2
    yield Crop(x, y, max(shape))
    yield Crop(x, y, 1.6 * max(shape))
    if max(shape) > 1.4 * min(shape):
        yield from _squares(shape, min(shape))


def _tilted(shape: Shape) -> Iterator[Crop]:
    height, width = shape
    for angle in TILTS:
        yield Crop((width - 1) / 2, (height - 1) / 2, 1.2 * max(shape), angle)


def _squares(shape: Shape, side: float) -> Iterator[Crop]:
    """Squares that cover the picture and overlap by at least 0.4 of their side."""
    height, width = shape
    side = max(LEAST_SQUARE, side)
    for y in _middles(height, side):
        for x in _middles(width, side):
            yield Crop(float(x), float(y), side)


def _middles(length: int, side: float) -> Array:
    count = max(1, int(np.ceil((length - side) / (0.6 * side))) + 1)
    if count == 1:
        return np.array([(length - 1) / 2])
    return np.linspace(side / 2, length - side / 2, count) - 0.5


def _new(
    rgb: NDArray[np.uint8],
    crops: Iterable[Crop],
    known: Iterable[DetectedFace] = (),
    least: tuple[float, float] = (LEAST_SCORE, mesh.LEAST_SCORE),
) -> list[DetectedFace]:
    """The known faces, and what else the crops show: each face once, as the detector was surest of it. ``least`` is how
    likely it must be one, for the detector and for the mesh's network."""
    found = list(known)
    seen = [face for crop in crops for face in search(rgb, crop)]
    for face in sorted(seen, key=lambda face: -face.score):
        if face.score < least[0] or face.width < LEAST_WIDTH:
            continue
        if all(overlap(face.box, other.box) < SAME for other in found) and mesh.likelihood(rgb, face) >= least[1]:
            found.append(face)
    return found
