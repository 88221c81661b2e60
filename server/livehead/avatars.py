"""Avatars, which are portraits that can be chosen by an id.

A portrait is the image of a face. The built-in ones are drawn for Livehead (``art/``) and come with the package,
with an index, ``portraits/portraits.json``. Others are uploaded, and belong to their owner
(:mod:`livehead.store.portraits`).
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livehead.core.portrait_check import PortraitCheck
from livehead.errors import NotFoundError, PortraitError
from livehead.image_decoding import MAX_BYTES, decode_image

BUILTIN = Path(__file__).with_name("portraits")
"""The folder of the built-in portraits and their index."""

DEFAULT_ID = "default"
"""The avatar of a session that names none. It is always there."""

KEPT_BYTES = 64 * 1024 * 1024
"""Of decoded portraits that are kept: a session's first picture does not wait for the decoder then."""


@dataclass(frozen=True, slots=True)
class Avatar:
    """One of them. ``width`` and ``height`` are those of the image file, upright.

    ``version`` changes with the image. ``builtin`` ones are for everybody; others have the ``check`` that was made of
    them, and belong to an owner. The image file is at ``path``, or is what is ``held``, or is what ``load`` reads, of
    an owner's; ``load_thumbnail`` reads a small WebP of it, where there is one already. Both block, and give None where
    it was deleted meanwhile.
    """

    id: str
    name: str
    width: int
    height: int
    path: Path
    media_type: str
    builtin: bool
    version: str = ""
    check: PortraitCheck | None = None
    held: bytes | None = field(default=None, repr=False)
    load: Callable[[], bytes | None] | None = field(default=None, repr=False, compare=False)
    load_thumbnail: Callable[[], bytes | None] | None = field(default=None, repr=False, compare=False)

    def read(self) -> bytes:
        """The image file. Blocks. Raises NotFoundError where it was deleted meanwhile."""
        if self.held is not None:
            return self.held
        return self._there(_read(self.path) if self.load is None else self.load())

    def read_thumbnail(self) -> bytes | None:
        """Blocks. Raises NotFoundError where it was deleted meanwhile."""
        return None if self.load_thumbnail is None else self._there(self.load_thumbnail())

    def _there(self, data: bytes | None) -> bytes:
        if data is None:
            raise not_found(self.id)
        return data


class OwnPortraits(Protocol):
    """The portraits of owners. :meth:`list` and :meth:`find` touch no file, and know what was found last."""

    async def refresh(self, avatar_id: str | None = None) -> None:
        """Look what there is of one, or of all. Raises StoreError."""

    def list(self, owner: str) -> list[Avatar]:
        """The owner's, the oldest first."""

    def find(self, avatar_id: str, owner: str) -> Avatar | None:
        """None for one that is not there, or another owner's."""


class AvatarStore:
    """All avatars by id, in the order in which people should see them, ``default`` first.

    Making one reads the index: do it before the event loop runs, or in a thread. :meth:`list` and :meth:`get` touch
    no file; :meth:`image` and :meth:`portrait` read theirs in a thread. The portraits that were used last are kept
    decoded, :data:`KEPT_BYTES` of them.
    """

    def __init__(self, own: OwnPortraits | None = None, default: Avatar | None = None) -> None:
        """``own`` are the portraits that owners have uploaded; ``default`` is shown in place of the drawn one."""
        self._avatars = {avatar.id: avatar for avatar in builtin_avatars()}
        if default is not None:
            self._avatars[DEFAULT_ID] = default
        self._own = own
        self._decoded: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()

    def list(self, owner: str = "") -> list[Avatar]:
        """Those that the owner may show: everybody's, and its own. A picture that is the default one is there once."""
        shown = self._avatars[DEFAULT_ID].path
        everybodys = [each for each in self._avatars.values() if each.id == DEFAULT_ID or each.path != shown]
        return [*everybodys, *([] if self._own is None else self._own.list(owner))]

    def get(self, avatar_id: str, owner: str = "") -> Avatar:
        """Raises :class:`~livehead.errors.NotFoundError` for an id that is not there, or another owner's."""
        found = self.find_builtin(avatar_id)
        if found is None and self._own is not None:
            found = self._own.find(avatar_id, owner)
        if found is None:
            raise not_found(avatar_id)
        return found

    async def refresh(self, *avatar_ids: str) -> None:
        """Before :meth:`get`: another server may have uploaded or deleted them. Raises StoreError."""
        for avatar_id in avatar_ids:
            if self._own is not None and self.find_builtin(avatar_id) is None:
                await self._own.refresh(avatar_id)

    async def refresh_all(self) -> None:
        """The same before :meth:`list`."""
        if self._own is not None:
            await self._own.refresh()

    def find_builtin(self, avatar_id: str) -> Avatar | None:
        """One that is for everybody."""
        return self._avatars.get(avatar_id)

    async def image(self, avatar_id: str, owner: str = "") -> bytes:
        """The image file, to be sent as ``get(avatar_id, owner).media_type``."""
        return await asyncio.to_thread(self.get(avatar_id, owner).read)

    async def portrait(self, avatar_id: str, owner: str = "") -> NDArray[np.uint8]:
        """The image decoded, uint8 ``(H, W, 3)`` RGB, read-only."""
        await self.refresh(avatar_id)
        avatar = self.get(avatar_id, owner)
        decoded = self._decoded.get(avatar_id)
        if decoded is None:
            decoded = self._decoded[avatar_id] = await asyncio.to_thread(_decode, avatar)
            decoded.flags.writeable = False
        self._decoded.move_to_end(avatar_id)
        while sum(each.nbytes for each in self._decoded.values()) > KEPT_BYTES:
            self._decoded.popitem(last=False)
        return decoded

    def forget(self, avatar_id: str) -> None:
        """Let go of the pixels of one that was deleted."""
        self._decoded.pop(avatar_id, None)


def not_found(avatar_id: str) -> NotFoundError:
    """For an id that is not there, and for another owner's alike."""
    return NotFoundError(f"There is no avatar {avatar_id[:80]!r}. GET /v1/avatars lists them.")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _decode(avatar: Avatar) -> NDArray[np.uint8]:
    return decode_image(avatar.read(), avatar.name)


def builtin_avatars() -> list[Avatar]:
    """The avatars of the package's index. Reads the index and the header of every image."""
    found = []
    for entry in json.loads((BUILTIN / "portraits.json").read_text("utf-8")):
        path = BUILTIN / f"{entry['id']}.png"
        with Image.open(path) as image:
            width, height = image.size
        stat = path.stat()
        version = f"{stat.st_size:x}-{stat.st_mtime_ns:x}"
        found.append(
            Avatar(entry["id"], entry["name"], width, height, path, "image/png", builtin=True, version=version)
        )
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
    """Read and decode an image file: :func:`~livehead.image_decoding.decode_image` of its bytes. Blocks.

    Raises what that raises, and :class:`~livehead.errors.PortraitError` where there is no such file or it cannot be
    read.
    """
    return decode_image(read_image(path), str(path))


def read_image(path: Path) -> bytes:
    """An image file, at most one byte more than it may have. Blocks. Raises PortraitError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PortraitError(f"There is no image at {path}. Check the path.") from None
    except OSError as error:
        raise PortraitError(f"The image {path} cannot be read: {error.strerror}.") from None
