"""Avatars, which are portraits that can be chosen by an id, and the decoding of portraits.

A portrait is the image of a face. The built-in ones are drawn for Livehead (``art/``) and come with the package,
with an index, ``portraits/portraits.json``.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from livehead.errors import NotFoundError, PortraitError, TooLargeError

BUILTIN = Path(__file__).with_name("portraits")
"""The folder of the built-in portraits and their index."""

DEFAULT_ID = "default"
"""The avatar of a session that names none. It is always there."""

MAX_BYTES = 20 * 1024 * 1024
"""Largest image file that is read."""

MAX_PIXELS = 50_000_000
"""Most pixels that are decoded: a phone's largest ordinary photo, and far under a decompression bomb."""

MIN_SIDE = 128
"""Shortest side in pixels. In a smaller image no face is large enough to be animated."""

KEPT_BYTES = 64 * 1024 * 1024
"""Of decoded portraits that are kept: a session's first picture does not wait for the decoder then."""

FORMATS = ("PNG", "JPEG", "WEBP")
"""Image formats that are decoded. Few, so that few decoders can be attacked."""

_BACKDROP = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Avatar:
    """One of them. ``width`` and ``height`` are those of the image file, upright."""

    id: str
    name: str
    width: int
    height: int
    path: Path
    media_type: str
    builtin: bool


class AvatarStore:
    """All avatars by id, in the order in which people should see them, ``default`` first.

    Making one reads the index: do it before the event loop runs, or in a thread. :meth:`list` and :meth:`get` touch
    no file; :meth:`image` and :meth:`portrait` read theirs in a thread. The portraits that were used last are kept
    decoded, :data:`KEPT_BYTES` of them.
    """

    def __init__(self) -> None:
        self._avatars = {avatar.id: avatar for avatar in builtin_avatars()}
        self._decoded: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()

    def list(self, owner: str = "") -> list[Avatar]:
        """Those that the owner may show: everybody's and its own."""
        return list(self._avatars.values())

    def get(self, avatar_id: str, owner: str = "") -> Avatar:
        """Raises :class:`~livehead.errors.NotFoundError` for an id that is not there, or another owner's."""
        try:
            return self._avatars[avatar_id]
        except KeyError:
            raise NotFoundError(f"There is no avatar {avatar_id[:80]!r}. GET /v1/avatars lists them.") from None

    async def image(self, avatar_id: str, owner: str = "") -> bytes:
        """The image file, to be sent as ``get(avatar_id, owner).media_type``."""
        return await asyncio.to_thread(self.get(avatar_id, owner).path.read_bytes)

    async def portrait(self, avatar_id: str, owner: str = "") -> NDArray[np.uint8]:
        """The image decoded, uint8 ``(H, W, 3)`` RGB, read-only."""
        path = self.get(avatar_id, owner).path
        decoded = self._decoded.get(avatar_id)
        if decoded is None:
            decoded = self._decoded[avatar_id] = await asyncio.to_thread(load_portrait, path)
            decoded.flags.writeable = False
        self._decoded.move_to_end(avatar_id)
        while sum(each.nbytes for each in self._decoded.values()) > KEPT_BYTES:
            self._decoded.popitem(last=False)
        return decoded


def builtin_avatars() -> list[Avatar]:
    """The avatars of the package's index. Reads the index and the header of every image."""
    found = []
    for entry in json.loads((BUILTIN / "portraits.json").read_text("utf-8")):
        path = BUILTIN / f"{entry['id']}.png"
        with Image.open(path) as image:
            width, height = image.size
        found.append(Avatar(entry["id"], entry["name"], width, height, path, "image/png", builtin=True))
    return found


def find_portrait(name: str) -> Path:
    """The image file that ``name`` means: a path, or the id of a built-in avatar where no file has that name.

    Raises :class:`~livehead.errors.PortraitError` where it is neither.
    """
    path = Path(name)
    if path.exists():
        return path
    builtin = {avatar.id: avatar.path for avatar in builtin_avatars()}
    if name in builtin:
        return builtin[name]
    raise PortraitError(f"There is no image at {name}. Check the path, or name a built-in one: {', '.join(builtin)}.")


def load_portrait(path: Path) -> NDArray[np.uint8]:
    """Read and decode an image file: :func:`decode_portrait` of its bytes. Blocks.

    Raises :class:`~livehead.errors.PortraitError` where there is no such file or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PortraitError(f"There is no image at {path}. Check the path.") from None
    except OSError as error:
        raise PortraitError(f"The image {path} cannot be read: {error.strerror}.") from None
    return decode_portrait(data, name=str(path))


def decode_portrait(data: bytes, *, name: str = "the image") -> NDArray[np.uint8]:
    """Decode an image to uint8 ``(H, W, 3)`` RGB, upright (EXIF), on grey where it is transparent. Blocks.

    ``name`` is what messages call it. Size and format are checked before any pixel is decoded. Raises
    :class:`~livehead.errors.TooLargeError` and :class:`~livehead.errors.PortraitError`.
    """
    if len(data) > MAX_BYTES:
        raise TooLargeError(f"{name} is over {MAX_BYTES >> 20} MB. Save it smaller, 1024 pixels are plenty.")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_many_pixels(name)
            if min(width, height) < MIN_SIDE:
                raise PortraitError(
                    f"{name} is {width} by {height} pixels; at least {MIN_SIDE} by {MIN_SIDE} are needed."
                )
            return np.array(_flatten(ImageOps.exif_transpose(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(name) from None
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow's decoders raise for broken files
        wanted = "PNG, JPEG or WebP image"
        raise PortraitError(f"{name} is not a {wanted}, or it is broken. Give a {wanted}.") from error


def _too_many_pixels(name: str) -> TooLargeError:
    return TooLargeError(
        f"{name} has over {MAX_PIXELS // 10**6} million pixels. Save it smaller, 1024 by 1024 is plenty."
    )


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow would clip them to white
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    backdrop = Image.new("RGBA", image.size, (*_BACKDROP, 255))
    return Image.alpha_composite(backdrop, image.convert("RGBA")).convert("RGB")
