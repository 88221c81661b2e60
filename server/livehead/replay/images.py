"""Pictures in a replay file: portraits, and what is put behind them. Lossless. Blocking."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livehead.errors import MediaError

MAX_PIXELS = 50_000_000
WEBP_SIDE = 16_383
"""The longest that WebP knows."""
THOROUGH_PIXELS = 1 << 20
"""Larger pictures are compressed in less time, and less well: a few per cent."""

Rgb = NDArray[np.uint8]


def encode_image(rgb: Rgb) -> bytes:
    """``rgb``: uint8 ``(H, W, 3)``. WebP, or PNG for what is too long for that."""
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(rgb), "RGB")
    if max(image.size) > WEBP_SIDE:
        image.save(out, "PNG")
    else:
        thorough = image.width * image.height <= THOROUGH_PIXELS
        image.save(out, "WEBP", lossless=True, exact=True, quality=40 if thorough else 0, method=4 if thorough else 0)
    return out.getvalue()


def decode_image(data: bytes) -> Rgb:
    """uint8 ``(H, W, 3)``. Size and format are checked before any pixel is decoded. Raises
    :class:`~livehead.errors.MediaError`."""
    try:
        with Image.open(io.BytesIO(data), formats=("WEBP", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise MediaError("one of its pictures is too large")
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise MediaError("one of its pictures cannot be decoded") from None
