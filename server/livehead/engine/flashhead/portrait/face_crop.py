"""Finding the face in a portrait, and the crop around it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from livehead.engine.flashhead.portrait.fit import Rgb
from livehead.errors import PortraitError


def crop_face(portrait: Rgb, *, needed: bool = True) -> Rgb:
    """Crop the square around the largest face: its side is twice the face's width, 55 % of it above the centre.

    The square is clipped to the image, so the crop may not be square. If no face is found, raises PortraitError, or
    returns the whole image if a face is not ``needed``.
    """
    box = find_face(portrait)
    if box is None:
        if needed:
            raise PortraitError("No face was found. Use a portrait that shows a face from the front, well lit.")
        return portrait
    left, top, right, bottom = face_square(box, portrait.shape[0], portrait.shape[1])
    return np.ascontiguousarray(portrait[top:bottom, left:right])


def face_square(box: tuple[int, int, int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """Face box (x, y, w, h) in an image of this size → (left, top, right, bottom) of its crop, clipped."""
    x, y, w, h = box
    side = 2.0 * w
    centre_x, centre_y = x + w / 2, y + h / 2
    left, top = centre_x - side / 2, centre_y - 0.55 * side
    right, bottom = left + side, centre_y + 0.45 * side
    return max(0, round(left)), max(0, round(top)), min(width, round(right)), min(height, round(bottom))


def find_face(portrait: Rgb) -> tuple[int, int, int, int] | None:
    """The largest frontal face as (x, y, w, h), or None."""
    grey = cv2.equalizeHist(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY))
    smallest = max(24, min(grey.shape) // 10)
    boxes = _cascade().detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(smallest, smallest))
    if len(boxes) == 0:
        return None
    x, y, w, h = max((tuple(int(v) for v in box) for box in boxes), key=lambda box: box[2] * box[3])
    return x, y, w, h


@cache
def _cascade() -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
    return cv2.CascadeClassifier(str(path))
