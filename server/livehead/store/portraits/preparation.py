"""From an uploaded file to a portrait: decoded, checked, cropped and encoded anew."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livehead.core.portrait_check import Crop, PortraitCheck
from livehead.errors import PortraitError
from livehead.image_decoding import MIN_SIDE, decode_image
from livehead.vision.portrait_check import check_portrait

SIDE = 1024
"""Width and height of a portrait in pixels, at most: the largest that an engine shows."""

THUMBNAIL = 160
"""Width and height of a thumbnail in pixels: twice what lists show, for dense screens."""

MAX_THUMBNAIL = 8000
"""Bytes of a thumbnail."""

ROUNDING = 2
"""Pixels by which a crop may pass the picture's edge: it was chosen on a scaled picture."""

_LOSSLESS_EFFORT = 1
"""Of 0 to 6: half the time of 4, for files a hundredth larger."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is told of a picture before it is kept. ``width`` and ``height`` are the upright picture's in pixels;
    ``crop`` is the square that would be taken, None where there is no face."""

    width: int
    height: int
    crop: Crop | None
    check: PortraitCheck


@dataclass(frozen=True, slots=True)
class PreparedPortrait:
    """``image`` is lossless WebP of ``side`` by ``side`` pixels, ``thumbnail`` is WebP; ``digest`` is the SHA-256 of
    the pixels, in hexadecimal."""

    side: int
    crop: Crop
    check: PortraitCheck
    digest: str
    image: bytes
    thumbnail: bytes


def inspect_image(data: bytes, crop: Crop | None = None) -> Inspection:
    """Decode and check. ``crop`` is a user's own, which is checked in place of the whole picture. Blocks.

    Raises what :func:`~livehead.image_decoding.decode_image` raises, and PortraitError for a crop outside.
    """
    return _inspect(decode_image(data), crop)


def prepare_portrait(data: bytes, crop: Crop | None = None) -> PreparedPortrait:
    """Make a portrait of an image file. Blocks. Raises the same, and PortraitError with the problem ``no-face``."""
    picture = decode_image(data)
    inspection = _inspect(picture, crop)
    square = inspection.crop
    if square is None or any(reason.code == "no-face" for reason in inspection.check.reasons):
        where = "in this picture" if crop is None else "in this part of the picture"
        raise PortraitError(
            f"There is no face {where}. Use one that shows a single face from the front, large and well lit.",
            problem="no-face",
        )
    pixels = _scale(_cut(picture, square), SIDE)
    return PreparedPortrait(
        side=len(pixels),
        crop=square,
        check=inspection.check,
        digest=hashlib.sha256(pixels.tobytes()).hexdigest(),
        image=encode_lossless(pixels),
        thumbnail=make_thumbnail(pixels),
    )


def encode_lossless(pixels: NDArray[np.uint8]) -> bytes:
    """uint8 ``(H, W, 3)`` as lossless WebP."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=20, method=_LOSSLESS_EFFORT)
    return file.getvalue()


def make_thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """A small WebP of a square picture, uint8 ``(H, W, 3)``, of :data:`MAX_THUMBNAIL` bytes at most. Blocks."""
    small = Image.fromarray(_scale(pixels, THUMBNAIL))
    quality = 85
    while True:
        file = BytesIO()
        small.save(file, "WEBP", quality=quality, method=4)
        if file.tell() <= MAX_THUMBNAIL or quality <= 10:
            return file.getvalue()
        quality -= 15


def make_web_image(pixels: NDArray[np.uint8]) -> bytes:
    """A WebP of a picture, uint8 ``(H, W, 3)``, that looks the same and is sent fast. Blocks."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=88, method=4)
    return file.getvalue()


def _inspect(picture: NDArray[np.uint8], crop: Crop | None) -> Inspection:
    height, width = picture.shape[:2]
    if crop is None:
        check = check_portrait(picture)
        return Inspection(width, height, None if check.crop is None else _enlarge(check.crop, width, height), check)
    square = _fit(crop, width, height)
    return Inspection(width, height, square, check_portrait(np.ascontiguousarray(_cut(picture, square))))


def _fit(crop: Crop, width: int, height: int) -> Crop:
    side = min(crop.side, width, height)
    x, y = (min(max(at, 0), most - side) for at, most in ((crop.x, width), (crop.y, height)))
    if side < MIN_SIDE or max(abs(crop.side - side), abs(crop.x - x), abs(crop.y - y)) > ROUNDING:
        raise PortraitError(
            f"The crop of {crop.side} pixels at {crop.x}, {crop.y} does not lie in the picture, which is {width} by "
            f"{height}, or is smaller than {MIN_SIDE}.",
            problem="crop",
        )
    return Crop(x, y, side)


def _enlarge(crop: Crop, width: int, height: int) -> Crop:
    """The square, at least as large as a portrait must be, about the same middle."""
    side = min(max(crop.side, MIN_SIDE), width, height)
    grow = (side - crop.side) // 2
    return Crop(min(max(crop.x - grow, 0), width - side), min(max(crop.y - grow, 0), height - side), side)


def _cut(picture: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
    return picture[crop.y : crop.y + crop.side, crop.x : crop.x + crop.side]


def _scale(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """The picture, at most so wide."""
    pixels = np.ascontiguousarray(pixels)
    if pixels.shape[1] <= most:
        return pixels
    height = max(1, round(pixels.shape[0] * most / pixels.shape[1]))
    return np.asarray(Image.fromarray(pixels).resize((most, height), Image.Resampling.LANCZOS))
