"""What a look puts behind a portrait."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livehead.avatars import AvatarStore
from livehead.core.look import Look
from livehead.engine.base import Backdrop

MAX_SIDE = 1536
"""A larger picture is made this small before it is handed to the engine: no frames are larger."""


async def find_backdrop(look: Look, avatars: AvatarStore, owner: str) -> Backdrop | None:
    """None where the portrait keeps its own background. Raises what :meth:`AvatarStore.portrait` raises."""
    match look.kind:
        case "keep":
            return None
        case "colour":
            return Backdrop("colour", rgb=look.rgb)
        case "picture":
            picture = await avatars.portrait(look.background, owner)
            return Backdrop("picture", picture=await asyncio.to_thread(_shrunk, picture))
        case kind:
            return Backdrop(kind)


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if max(picture.shape) <= MAX_SIDE:
        return picture
    image = Image.fromarray(picture)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return np.array(image)
