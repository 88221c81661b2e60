"""Looks for every generator: what one cannot do frame by frame is composed into its portrait."""

from __future__ import annotations

from typing import Any, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.core.look import LookKind
from livehead.engine.base import Backdrop, BackdropGenerator, Generator, GeneratorInfo
from livehead.vision.layers import split

COMPOSED: tuple[LookKind, ...] = ("keep", "colour", "blur", "picture")
"""What can be done to a portrait before a generator sees it."""

MAX_SIDE = 1536
"""A larger portrait is made this small before it is composed: no generator's frames are larger."""


def looks_of(info: GeneratorInfo) -> tuple[LookKind, ...]:
    """All kinds of background that a portrait can have with this generator."""
    return tuple(kind for kind in get_args(LookKind) if kind in info.looks or kind in COMPOSED)


def composes(info: GeneratorInfo, backdrop: Backdrop | None) -> bool:
    """Whether the portrait is to be composed because the generator does not do it."""
    return backdrop is not None and backdrop.kind not in info.looks


def open_stream(generator: Generator, portrait: NDArray[np.uint8], seed: int, backdrop: Backdrop | None = None) -> Any:
    """:meth:`Generator.open` with any backdrop of :func:`looks_of`; None keeps the portrait's own background. Raises
    PortraitError, and ValueError for a transparent one where the generator cannot do that."""
    if backdrop is None:
        return generator.open(portrait, seed)
    if composes(generator.info, backdrop):
        return generator.open(compose(portrait, backdrop), seed)
    return cast(BackdropGenerator, generator).open(portrait, seed, backdrop=backdrop)


def compose(portrait: NDArray[np.uint8], backdrop: Backdrop) -> NDArray[np.uint8]:
    """The portrait, uint8 ``(h, w, 3)`` RGB, on another background. Blocks, for half a second or so. Raises ValueError
    for a transparent one."""
    height, width = portrait.shape[:2]
    shrink = MAX_SIDE / max(height, width)
    if shrink < 1:
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
        portrait = np.asarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    layers = split(portrait)
    alpha = (layers.alpha.astype(np.float32) / np.float32(255))[..., None]
    behind = draw_backdrop(backdrop, layers.background).astype(np.float32)
    return np.asarray(behind + (layers.person - behind) * alpha + np.float32(0.5), np.uint8)


def draw_backdrop(backdrop: Backdrop, background: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The backdrop itself, as large as ``background``, the portrait's own, blurred: uint8 ``(h, w, 3)`` RGB. Raises
    ValueError for a transparent one."""
    height, width = background.shape[:2]
    match backdrop.kind:
        case "blur":
            return background
        case "colour" if backdrop.rgb is not None:
            return np.full((height, width, 3), backdrop.rgb, np.uint8)
        case "picture" if backdrop.picture is not None:
            return cover(backdrop.picture, width, height)
    raise ValueError(f"There is nothing to draw behind a portrait for {backdrop.kind}.")


def cover(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The largest middle part of ``picture`` that has this shape, scaled to it: ``object-fit: cover`` of CSS."""
    rows, columns = picture.shape[:2]
    scale = min(columns / width, rows / height)
    wide, high = min(columns, max(1, round(width * scale))), min(rows, max(1, round(height * scale)))
    left, top = (columns - wide) // 2, (rows - high) // 2
    part = picture[top : top + high, left : left + wide]
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=how), np.uint8)
