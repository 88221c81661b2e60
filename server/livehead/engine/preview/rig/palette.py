"""Colours for what a portrait does not show, derived from its own colours and light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks.face import Face

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """RGB colours, float32 ``(3,)`` in 0..255."""

    teeth: Array
    tongue: Array
    dark: Array


def sample(frame: NDArray[np.uint8], face: Face) -> Palette:
    """Derive the colours from the skin beside the nose and the whites of the eyes of ``frame``, uint8
    ``(size, size, 3)`` RGB."""
    lab: Array = np.asarray(cv2.cvtColor(frame.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)
    spots = [eye.pupil + 0.5 * (face.mouth.centre - (face.eyes[0].pupil + face.eyes[1].pupil) / 2) for eye in face.eyes]
    skin = np.median(np.concatenate([patch(lab, spot, 0.12 * face.span) for spot in spots]), axis=0)
    whites = np.concatenate([patch(lab, eye.corners.mean(axis=0), 0.14 * face.span) for eye in face.eyes])
    white = float(np.percentile(whites[:, 0], 92))
    chroma = float(np.hypot(skin[1], skin[2]))
    colour = min(1.0, chroma / 14)  # a grey portrait gets grey teeth and a grey tongue
    light = float(np.clip(0.5 * white + 0.5 * (skin[0] + 16), skin[0] + 8, 92))
    bright = float(np.clip(light / 85, 0.25, 1.05))
    teeth = (light, 0.12 * float(skin[1]), 0.38 * float(skin[2]) + 2.0 * colour)
    tongue = (56 * bright, 30 * colour * bright, 15 * colour * bright)
    dark = (15 * bright, 17 * colour * bright, 9 * colour * bright)
    return Palette(*(_rgb(lab_colour) for lab_colour in (teeth, tongue, dark)))


def patch(frame: NDArray[Any], spot: Array, reach: float) -> NDArray[Any]:
    """The pixels ``(n, 3)`` of the square around a spot; the square is moved to lie inside the frame."""
    size = frame.shape[0]
    x, y, r = int(spot[0]), int(spot[1]), max(2, int(reach))
    x, y = min(max(x, r), size - r - 1), min(max(y, r), size - r - 1)
    return frame[y - r : y + r + 1, x - r : x + r + 1].reshape(-1, 3)


def _rgb(lab: tuple[float, float, float]) -> Array:
    rgb = cv2.cvtColor(np.array([[lab]], np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb[0, 0], 0, 1) * 255, np.float32)
