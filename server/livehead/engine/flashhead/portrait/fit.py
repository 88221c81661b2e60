"""Scaling and cropping a portrait to the size of the model's frames."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livehead.errors import PortraitError

Rgb = NDArray[np.uint8]


def fit(portrait: Rgb, height: int, width: int) -> Rgb:
    """Scale to cover ``height`` × ``width`` and crop the middle: uint8 (h, w, 3) → (height, width, 3).

    Raises PortraitError for anything but an 8-bit RGB image.
    """
    if portrait.dtype != np.uint8 or portrait.ndim != 3 or portrait.shape[2] != 3 or 0 in portrait.shape:
        raise PortraitError(f"A portrait is uint8 of shape (height, width, 3), not {portrait.dtype} {portrait.shape}.")
    h, w = portrait.shape[:2]
    scale = max(height / h, width / w)
    # The product's rounding noise is kept before the ceiling: the reference does, and its crops show it.
    tall, wide = ceil(scale * h), ceil(scale * w)
    # In two passes, whose order changes some pixels by one level. Pillow 13 resizes the columns of a tall image first,
    # as the reference run did, and older versions never do; so the order is fixed here.
    columns_first = tall < h and h - tall > 2 * (w - wide)
    between = (w, tall) if columns_first else (wide, h)
    resized = Image.fromarray(portrait).resize(between, Image.Resampling.BILINEAR)
    scaled = np.asarray(resized.resize((wide, tall), Image.Resampling.BILINEAR))
    top, left = int(round((tall - height) / 2)), int(round((wide - width) / 2))  # noqa: RUF046 - to even, as specified
    return scaled[top : top + height, left : left + width].copy()
