"""What shows between open lips: darkness, teeth and tongue, in colours that suit the portrait."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.rig.head import Array, smooth
from livehead.engine.preview.rig.mouth import MouthWarp
from livehead.engine.preview.rig.mouth_opening import MouthOpening
from livehead.engine.preview.rig.palette import Palette

TEETH = (0.150, 0.125, 0.120, 0.105, 0.090, 0.075)
"""Widths of the upper teeth from the middle outwards, as shares of half the mouth's width: they look narrower towards
the sides because the row of teeth bends back."""

LOWER_TEETH = (0.095, 0.095, 0.100, 0.095, 0.085, 0.075)
BITE = 0.052
"""How far the upper teeth reach below the line between the lips, in eye spans."""

FINE = 4
"""The teeth are drawn this many times finer than the square's pixels."""


class MouthInterior:
    """The inside of a rig's mouth."""

    def __init__(self, mouth: MouthWarp, palette: Palette, upper_teeth: bool) -> None:
        self._mouth = mouth
        self._upper_teeth = upper_teeth
        self._palette = palette
        self._tall = 0.17 * mouth.span
        self._upper = _row(TEETH, mouth.half, self._tall, curve=0.30)
        self._lower = _row(LOWER_TEETH, mouth.half, 0.8 * self._tall, curve=0.16)

    def draw(
        self,
        frame: NDArray[np.uint8],
        opening: MouthOpening,
        shape: MouthShape,
        own: tuple[NDArray[np.uint8], Array] | None,
    ) -> None:
        """Paint what the opening shows into ``frame``, the RGB pixels that ``opening`` bounds. ``own`` is what the
        portrait itself shows there, and how much of it, 0..1."""
        lips = self._mouth.lips
        a, y = lips.below_nose(opening.a), opening.y
        span = self._mouth.span
        middle = float(lips.at(np.full(1, lips.middle, np.float32))[2][0])
        gap = opening.lower - opening.upper
        deep = (y - opening.upper) / np.maximum(gap, 1)
        dark = np.clip(1 - 0.75 * np.abs(a), 0.15, 1)[..., None]
        colour: Array = self._palette.dark * (0.55 + 0.75 * smooth(deep, 0.35, 1.0)[..., None]) * (0.5 + 0.5 * dark)
        # The tongue lies behind the lower teeth, higher for front vowels.
        top = middle + opening.drop * (0.66 - 0.42 * shape.tongue) + 0.015 * span
        dome = top + 0.16 * span * a**2
        tongue = smooth(y - dome, -0.02 * span, 0.04 * span) * smooth(np.abs(a), 0.85, 0.55)
        lit = 0.78 + 0.30 * smooth(y - dome, 0.0, 0.12 * span) - 0.16 * np.exp(-((a / 0.10) ** 2))
        colour = _over(colour, self._palette.tongue * lit[..., None], tongue)
        # The lower teeth move with the jaw alone, the upper ones with the skull alone, whatever the lips do. Rounded
        # lips stand away from the teeth and shade them.
        on_jaw = y - (middle + 0.88 * opening.drop - 0.018 * span)
        teeth_at = lips.below_nose(opening.unmoved)
        light = 1 - 0.8 * max(0.0, -shape.wide)
        colour = self._teeth(colour, self._lower, teeth_at, 0.8 * self._tall - on_jaw, 0.78 * light)
        if self._upper_teeth:
            below = y - (middle + BITE * span)
            colour *= (0.5 + 0.5 * smooth(below, -0.01 * span, 0.045 * span))[..., None]  # their shadow
            colour = self._teeth(colour, self._upper, teeth_at, self._tall + below, light)
        # The lips cast a shadow inwards; the corners are darkest.
        shade = 0.66 + 0.34 * smooth(y - opening.upper, -0.01 * span, 0.07 * span)
        shade *= 0.62 + 0.38 * smooth(opening.lower - y, -0.01 * span, 0.05 * span)
        shade *= 1 - 0.55 * smooth(np.abs(a), 0.35, 0.95)
        colour *= shade[..., None]
        if own is not None:
            colour = _over(colour, own[0], own[1])
        mixed = frame + (colour - frame) * opening.cover[..., None]
        np.copyto(frame, np.clip(mixed + 0.5, 0, 255).astype(np.uint8))

    def _teeth(self, colour: Array, row: Array, a: Array, depth: Array, light: float) -> Array:
        """Draw a row of teeth over ``colour``; ``depth`` is the distance below the gums in pixels."""
        x = (a + 1) * (self._mouth.half * FINE) - 0.5
        seen: Array = np.asarray(
            cv2.remap(row, x.astype(np.float32), (depth * FINE).astype(np.float32), cv2.INTER_LINEAR), np.float32
        )
        return _over(colour, self._palette.teeth * (light * seen[..., :1]), seen[..., 1])


def _over(under: Array, paint: Array | NDArray[np.uint8], cover: Array) -> Array:
    return np.asarray(under + (paint - under) * cover[..., None], np.float32)


def _row(widths: tuple[float, ...], half: float, tall: float, curve: float) -> Array:
    """Draw a row of upper teeth: float32 ``(h, w, 2)``, brightness and coverage 0..1. Row 0 is at the gums; the biting
    edge rises towards the sides by ``curve`` of the height."""
    width, height = max(8, int(2 * half * FINE)), max(8, int(tall * FINE))
    a = np.abs((np.arange(width) + 0.5) / width * 2 - 1)[None].astype(np.float32)
    y = ((np.arange(height) + 0.5) / height)[:, None].astype(np.float32)
    cover = np.zeros((height, width), np.float32)
    light = np.zeros((height, width), np.float32)
    start = 0.0
    edge = 1 - curve * (a / 0.68) ** 2
    for index, wide in enumerate(widths):
        at = (a - (start + wide / 2)) / (wide / 2)
        rounded = edge - 0.045 * at**4 - (0.035 if index == 1 else 0.0)
        here = np.abs(at) <= 1
        seam = 1 - 0.20 * smooth(np.abs(at), 0.72, 1.0) * (0.5 + 0.5 * y)
        body = (0.93 + 0.07 * smooth(y, 0.3, 0.8)) * seam * (1 - 0.75 * (a / 0.68) ** 2)
        cover = np.where(here, smooth(y - rounded, 0.03, -0.05), cover)
        light = np.where(here, body, light)
        start += wide
    cover *= smooth(a, start + 0.01, start - 0.03)
    return np.ascontiguousarray(np.stack([light, cover], axis=-1), np.float32)
