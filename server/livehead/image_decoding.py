"""Image files, decoded: what a picture must be, and its pixels, whatever camera or program wrote it.

Only still pictures of three formats are taken, found by their first bytes; size is checked before any pixel is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from livehead.errors import PortraitError, TooLargeError, UnsupportedTypeError

MAX_BYTES = 10 * 1024 * 1024
"""Largest image file that is read."""

MAX_PIXELS = 40_000_000
"""Most pixels that are decoded: a phone's largest ordinary photo, and far under a decompression bomb."""

MIN_SIDE = 128
"""Shortest side in pixels. In a smaller image no face is large enough to be animated."""

WANTED = "PNG, JPEG or WebP image"

_BACKDROP = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """``name`` is Pillow's."""

    name: str
    media_type: str


def find_format(data: bytes) -> ImageFormat | None:
    """The format by the file's first bytes, whatever its name says; None for one that is not decoded. Few are, so that
    few decoders can be attacked."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat("PNG", "image/png")
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat("JPEG", "image/jpeg")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat("WEBP", "image/webp")
    return None


def check_file(data: bytes, name: str = "The image") -> ImageFormat:
    """What can be told of a file without a decoder. Raises TooLargeError, and UnsupportedTypeError for another format;
    ``name`` is what messages call the file."""
    if len(data) > MAX_BYTES:
        raise TooLargeError(f"{name} is over {MAX_BYTES >> 20} MB. Save it smaller, 1024 pixels are plenty.")
    found = find_format(data)
    if found is None:
        raise UnsupportedTypeError(f"{name} is no {WANTED}. Save it as one of them.")
    return found


def decode_image(data: bytes, name: str = "The image") -> NDArray[np.uint8]:
    """The picture as uint8 ``(H, W, 3)`` in sRGB, upright (EXIF orientation), without anything else that the file held;
    what is transparent is grey. Blocks, and takes up to 16 bytes a pixel.

    Raises TooLargeError, UnsupportedTypeError and PortraitError, with the problem ``animation`` for one that moves.
    """
    found = check_file(data, name)
    try:
        with Image.open(BytesIO(data), formats=(found.name,)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_many_pixels(name)
            if min(width, height) < MIN_SIDE:
                raise PortraitError(
                    f"{name} is {width} by {height} pixels; at least {MIN_SIDE} by {MIN_SIDE} are needed."
                )
            if found.name != "JPEG" and getattr(image, "n_frames", 1) > 1:  # a phone's JPEG may hold a preview
                raise PortraitError(f"{name} is an animation. Save one picture of it.", problem="animation")
            return np.array(_to_rgb(ImageOps.exif_transpose(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(name) from None
    except (PortraitError, TooLargeError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise whatever a broken file leads them to
        raise PortraitError(f"{name} is broken, or cut short. Save it anew as a {WANTED}.") from error


def _too_many_pixels(name: str) -> TooLargeError:
    return TooLargeError(
        f"{name} has over {MAX_PIXELS // 10**6} million pixels. Save it smaller, 1024 by 1024 is plenty."
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow would clip them to white
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        backdrop = Image.new("RGBA", image.size, (*_BACKDROP, 255))
        image = Image.alpha_composite(backdrop, image).convert("RGB")
    if profile:
        image = _to_srgb(image if image.mode in ("L", "CMYK") else image.convert("RGB"), profile)
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours as the file's ICC profile means them. One that cannot be used is left out, as browsers do."""
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if converted is None else converted
