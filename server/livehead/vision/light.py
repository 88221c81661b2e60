"""How a face is lit, and how sharp it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.core.portrait_check import ReasonCode
from livehead.vision.face_mesh import FaceMesh

SIDE = 192
"""The face is scaled to this height: what counts is how sharp it is as a face, however many pixels it has."""

DARK = 95.0
"""Brightness, 0..255, that the brightest twentieth of a face reaches, whatever its skin: highlights on the darkest skin
in daylight are above 130."""

BURNT = 0.12
"""Share of a face that may be plain white."""

FLAT = 45.0
"""Difference between the darkest and the brightest twentieth of a face."""

SOFT = 0.14
"""Of a sharp picture a slight blur takes more than this share of the gradients; where there is little detail left it
takes less (the idea of Crete et al., 2007)."""


@dataclass(frozen=True, slots=True)
class Light:
    """``low`` and ``high`` are the brightness, 0..255, that a twentieth of the face is below and above; ``white`` is
    the share that is plain white; ``detail`` is the share of its gradients that a slight blur takes away."""

    low: float
    high: float
    white: float
    detail: float

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], mesh: FaceMesh) -> Self:
        """Of the face with this mesh in a picture, uint8 ``(H, W, 3)`` RGB."""
        height, width = rgb.shape[:2]
        left, top = np.clip(np.floor(mesh.oval.min(axis=0)), 0, (width - 2, height - 2)).astype(int)
        right, bottom = np.clip(np.ceil(mesh.oval.max(axis=0)), (left + 2, top + 2), (width, height)).astype(int)
        grey = cv2.cvtColor(np.ascontiguousarray(rgb[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
        way = cv2.INTER_AREA if grey.shape[0] > SIDE else cv2.INTER_LINEAR
        seen = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=way), np.float32)
        outline = (mesh.oval - (left, top)) * (SIDE / np.array([right - left, bottom - top]))
        inside = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
        skin = seen[inside > 0]
        low, high = np.percentile(skin, [5, 95])
        return cls(float(low), float(high), float(np.mean(skin > 250)), _detail(seen))

    def flaws(self) -> Iterator[tuple[ReasonCode, float]]:
        """What is wrong, and how much of a score each costs."""
        if self.high < DARK:
            yield "dark", 0.4
        if self.white > BURNT:
            yield "bright", 0.3
        if self.high - self.low < FLAT:
            yield "low-contrast", 0.3
        if self.detail < SOFT:
            yield "blurred", 0.4


def _detail(grey: NDArray[np.float32]) -> float:
    def gradients(picture: NDArray[np.float32]) -> float:
        return sum(float(np.abs(np.diff(picture, axis=axis)).mean()) for axis in (0, 1))

    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.5), np.float32)
    return 1 - gradients(blurred) / max(1e-6, gradients(grey))
