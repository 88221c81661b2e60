"""Small pictures of all avatars."""

from __future__ import annotations

import asyncio

from livehead.avatars import Avatar, AvatarStore
from livehead.store.portraits.preparation import make_thumbnail, make_web_image


class Thumbnails:
    """Uploaded portraits have theirs on the disk; those of the built-in ones are made when they are first asked for,
    and kept."""

    def __init__(self, avatars: AvatarStore) -> None:
        self._avatars = avatars
        self._made: dict[str, bytes] = {}
        self._web_images: dict[str, bytes] = {}

    async def get(self, avatar: Avatar) -> bytes:
        """WebP of at most 8 kB. Raises NotFoundError where the avatar was deleted meanwhile."""
        stored = await asyncio.to_thread(avatar.read_thumbnail)
        if stored is not None:
            return stored
        if avatar.id not in self._made:
            pixels = await self._avatars.portrait(avatar.id)
            self._made[avatar.id] = await asyncio.to_thread(make_thumbnail, pixels)
        return self._made[avatar.id]

    async def web_image(self, avatar: Avatar) -> bytes:
        """A built-in avatar's image as WebP of its full size, for a page: about a tenth of the PNG. Kept."""
        if avatar.id not in self._web_images:
            pixels = await self._avatars.portrait(avatar.id)
            self._web_images[avatar.id] = await asyncio.to_thread(make_web_image, pixels)
        return self._web_images[avatar.id]
