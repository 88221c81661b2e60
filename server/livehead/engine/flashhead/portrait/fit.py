"""Fitting a portrait to the picture the model makes, and finding the face in it."""

from __future__ import annotations

from functools import cache
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livehead.errors import PortraitError

Rgb = NDArray[np.uint8]


def fit(portrait: Rgb, height: int, width: int) -> Rgb:
    """Scale to cover ``height`` × ``width`` and crop the middle: uint8 (h, w, 3) → (height, width, 3).

    Raises PortraitError for anything that is not an 8-bit RGB picture.
    """
    if portrait.dtype != np.uint8 or portrait.ndim != 3 or portrait.shape[2] != 3 or 0 in portrait.shape:
        raise PortraitError(f"A portrait is uint8 of shape (height, width, 3), not {portrait.dtype} {portrait.shape}.")
    h, w = portrait.shape[:2]
    scale = max(height / h, width / w)
    # The ceilings keep the rounding noise of the product: the reference does, and its crops show it.
    tall, wide = ceil(scale * h), ceil(scale * w)
    # In two passes, the order of which changes some pixels by one level. Pillow 13 takes the columns of a tall
    # picture first, as the reference run did, and older versions never do; so the order is said here.
    columns_first = tall < h and h - tall > 2 * (w - wide)
    between = (w, tall) if columns_first else (wide, h)
    picture = Image.fromarray(portrait).resize(between, Image.Resampling.BILINEAR)
    scaled = np.asarray(picture.resize((wide, tall), Image.Resampling.BILINEAR))
    top, left = int(round((tall - height) / 2)), int(round((wide - width) / 2))  # noqa: RUF046 - to even, as specified
    return scaled[top : top + height, left : left + width].copy()


def crop_face(portrait: Rgb, *, needed: bool = True) -> Rgb:
    """Cut the square round the largest face: side twice the face's width, 55 % of it above the middle.

    The square is clipped to the picture, so the crop may not be square. Raises PortraitError where no
    face is found, unless ``needed`` is false: then the whole picture comes back.
    """
    box = find_face(portrait)
    if box is None:
        if needed:
            raise PortraitError("No face was found in the picture. Use one that shows a face from the front, well lit.")
        return portrait
    left, top, right, bottom = face_square(box, portrait.shape[0], portrait.shape[1])
    return np.ascontiguousarray(portrait[top:bottom, left:right])


def face_square(box: tuple[int, int, int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """Face box (x, y, w, h) in a picture → (left, top, right, bottom) of its crop, clipped."""
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
