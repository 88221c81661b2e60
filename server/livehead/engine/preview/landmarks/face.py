"""The landmarks of a portrait's face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks import eyelids, lips, pupils
from livehead.engine.preview.landmarks.chip import EYE_SPAN, EYE_Y, LEFT_X, RIGHT_X, Array, Chip, align
from livehead.engine.preview.landmarks.detector import detect
from livehead.errors import PortraitError

MIN_SIDE, MAX_SIDE = 64, 8000
"""Bounds of a portrait's width and height, in pixels."""

MIN_EYE_SPAN = 10.0
"""The least distance between the pupils, in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """``corners`` is float32 ``(2, 2)``, the one on the portrait's left first; ``upper`` and ``lower`` are how far the
    lids arch from the line between them; ``brow`` is the middle of the eyebrow; ``iris`` is the iris's radius."""

    pupil: Array
    iris: float
    corners: Array
    upper: float
    lower: float
    brow: Array


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """``line`` is float32 ``(n, 2)``: the line between the lips from corner to corner; ``upper`` and ``lower`` are the
    lips' thickness in the middle; ``sure`` is the confidence, 0..1; ``teeth`` says that the upper teeth show, and the
    line runs below them."""

    line: Array
    upper: float
    lower: float
    sure: float
    teeth: bool = False

    @property
    def corners(self) -> Array:
        """The left and the right end of the lip line, ``(2, 2)``."""
        return np.stack([self.line[0], self.line[-1]])

    @property
    def centre(self) -> Array:
        """The point half way between the corners, ``(2,)``."""
        return np.asarray(self.corners.mean(axis=0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face and its parts. Points are float32 ``(x, y)`` in pixels; left and right are those of the image. ``outline``
    is an ellipse around the face without the hair: centre x, centre y, half width and half height, rotated by
    :attr:`roll`."""

    eyes: tuple[Eye, Eye]
    mouth: Mouth
    chin: Array
    outline: tuple[float, float, float, float]

    @property
    def span(self) -> float:
        """The distance between the pupils in pixels: the unit of most measures of a face, called eye span."""
        return float(np.hypot(*(self.eyes[1].pupil - self.eyes[0].pupil)))

    @property
    def roll(self) -> float:
        """Tilt of the eye line in radians, positive when the right end is lower."""
        along = self.eyes[1].pupil - self.eyes[0].pupil
        return float(np.arctan2(along[1], along[0]))

    @property
    def yaw(self) -> float:
        """How far right of the middle between the eyes the mouth lies, in eye spans: about the sine of the angle by
        which the head is turned."""
        middle = (self.eyes[0].pupil + self.eyes[1].pupil) / 2
        off = self.mouth.centre - middle
        return float(off @ np.array([np.cos(self.roll), np.sin(self.roll)], np.float32)) / self.span

    def moved(self, scale: float, offset: Array) -> Face:
        """The same face in an image that is scaled by ``scale`` and then shifted by ``offset`` pixels."""

        def at(points: Array) -> Array:
            return np.asarray((points + 0.5) * scale - 0.5 + offset, np.float32)

        left, right = (
            Eye(at(eye.pupil), eye.iris * scale, at(eye.corners), eye.upper * scale, eye.lower * scale, at(eye.brow))
            for eye in self.eyes
        )
        mouth = Mouth(
            at(self.mouth.line), self.mouth.upper * scale, self.mouth.lower * scale, self.mouth.sure, self.mouth.teeth
        )
        x, y = (float(v) for v in at(np.array(self.outline[:2], np.float32)))
        return Face((left, right), mouth, at(self.chin), (x, y, self.outline[2] * scale, self.outline[3] * scale))


def find(rgb: NDArray[np.uint8]) -> Face:
    """Find the most prominent face of a portrait, uint8 ``(H, W, 3)`` RGB.

    Raises :class:`PortraitError` if the portrait is too small or too large, or shows no face from the front.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise PortraitError("A portrait is an 8-bit RGB image.")
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
        raise PortraitError(
            f"The image is {width}×{height} pixels. Use one between {MIN_SIDE} and {MAX_SIDE} pixels a side."
        )
    detection = detect(rgb)
    if detection is None:
        raise PortraitError(
            "No face was found. Use an image of one face seen from the front, eyes and mouth uncovered, well lit."
        )
    chip = align(rgb, detection.eyes)
    chip = align(rgb, chip.to_portrait(pupils.refine(chip)))
    if chip.scale * EYE_SPAN < MIN_EYE_SPAN:
        raise PortraitError("The face is too small in this image. Use a closer or a larger one.")
    seen = pupils.refine(chip)
    chip = align(rgb, chip.to_portrait(pupils.irises(chip, seen)[0]))
    seen, iris = pupils.irises(chip, np.array([[LEFT_X, EYE_Y], [RIGHT_X, EYE_Y]], np.float32))
    mouth = lips.trace(chip)
    left, right = (_eye(chip, pupil, iris) for pupil in seen)
    middle = (mouth.line[0] + mouth.line[-1]) / 2
    eyes = seen.mean(axis=0)
    # The chin is below the mouth by about two thirds of the distance from eyes to mouth, and has only part of the
    # mouth's offset when the head is turned.
    chin = np.array([middle[0] + 0.1 * (middle[0] - eyes[0]), middle[1] + 0.68 * (middle[1] - eyes[1])], np.float32)
    brow_y = (left[1] + right[1]) / 2 - 0.45 * EYE_SPAN
    centre = np.array([(eyes[0] + middle[0]) / 2, (brow_y + chin[1]) / 2], np.float32)
    x, y = (float(v) for v in chip.to_portrait(centre))
    return Face(
        (left[0], right[0]),
        Mouth(
            chip.to_portrait(mouth.line), mouth.upper * chip.scale, mouth.lower * chip.scale, mouth.sure, mouth.teeth
        ),
        chip.to_portrait(chin),
        (x, y, 1.02 * EYE_SPAN * chip.scale, float(chin[1] - brow_y) / 2 * chip.scale),
    )


def _eye(chip: Chip, pupil: Array, radius: float) -> tuple[Eye, float]:
    contour = eyelids.fit(chip, pupil, radius)
    brow = _brow(chip, pupil, contour.upper)
    eye = Eye(
        chip.to_portrait(pupil),
        radius * chip.scale,
        chip.to_portrait(contour.corners),
        contour.upper * chip.scale,
        contour.lower * chip.scale,
        chip.to_portrait(np.array([pupil[0], brow], np.float32)),
    )
    return eye, brow


def _brow(chip: Chip, pupil: Array, lid: float) -> float:
    """The row of the eyebrow: the darkest band above the eye, or the usual place if there is none."""
    x, y = int(pupil[0]), int(pupil[1])
    light = cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.5)[max(0, y - 62) : y, x - 16 : x + 17]
    valley = np.asarray(cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((27, 1), np.uint8)) - light, np.float32)
    rows = np.arange(y - valley.shape[0], y, dtype=np.float32)
    usual = y - 40.0
    profile = valley.mean(axis=1) * np.exp(-(((rows - usual) / 13) ** 2)) * (rows < y - lid - 11)
    peaks = np.nonzero((profile[1:-1] >= profile[:-2]) & (profile[1:-1] > profile[2:]))[0] + 1
    strong = [int(peak) for peak in peaks if profile[peak] > max(2.0, 0.4 * float(profile.max()))]
    return float(rows[strong[-1]]) if strong else usual  # the lowest: above it there may be a fringe of hair
