"""Image files for tests: a face, and everything that is none."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from livehead.avatars import BUILTIN


@cache
def face(side: int = 512, name: str = "daniel") -> Image.Image:
    """A built-in portrait."""
    with Image.open(BUILTIN / f"{name}.png") as image:
        return image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def face_file(kind: str = "JPEG", side: int = 512) -> bytes:
    return encoded(face(side), kind)


def wall(side: int = 400) -> Image.Image:
    """Nobody: a smooth ramp from dark to light."""
    ramp = np.linspace(40, 220, side).astype(np.uint8)
    return Image.fromarray(np.repeat(np.tile(ramp, (side, 1))[..., None], 3, axis=2))


def chunk(kind: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A small PNG that claims a size, with a few zeros for pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


def webp_bomb(side: int = 16_383) -> bytes:
    """A lossless WebP whose head claims its largest size (RFC 9649 section 3.4)."""
    bits = struct.pack("<I", (side - 1) | (side - 1) << 14)
    body = b"VP8L" + struct.pack("<I", 20) + b"\x2f" + bits + bytes(15)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def animation(kind: str) -> bytes:
    frames = [face(256), wall(256)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def sixteen_bits() -> bytes:
    """A face as a PNG of 16 bits a channel, which Pillow does not write."""
    pixels = np.asarray(face(256)).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", 256, 256, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def archive() -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as zipped:
        zipped.writestr("page.html", "<script>alert(1)</script>")
    return file.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.domain)</script>"


def polyglots() -> dict[str, bytes]:
    """A face that is a page, or an archive, too."""
    png = face_file("PNG", 256)
    text = chunk(b"tEXt", b"Comment\0" + HTML)
    return {
        "png and zip": png + archive(),
        "png and html": png[:33] + text + png[33:] + HTML,
        "jpeg and html": encoded(face(256), "JPEG", comment=HTML) + HTML,
    }


def turned(orientation: int, side: int = 256) -> bytes:
    """A face as a camera held another way writes it, upright by its EXIF orientation (1 to 8)."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = face(side)
    if orientation in undo:
        image = image.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera"
    return encoded(image, "JPEG", exif=exif, quality=95)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data)) as image:
        return np.array(image.convert("RGB"))
