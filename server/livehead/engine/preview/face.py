"""Where a portrait's face and its parts are, in pixels of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview import eyelids, lips, pupils
from livehead.engine.preview.chip import EYE_SPAN, EYE_Y, LEFT_X, RIGHT_X, Array, Chip, lay
from livehead.engine.preview.detect import detect
from livehead.errors import PortraitError

MIN_SIDE, MAX_SIDE = 64, 8000
"""Sides of a usable frame, in pixels."""

MIN_EYE_SPAN = 10.0
"""Least distance between the eyes, in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """``corners`` is float32 ``(2, 2)``, left of the frame first; ``upper`` and ``lower`` are how
    far the lids arch from the line between them, along :attr:`Face.down`; ``brow`` is the middle
    of the eyebrow; ``iris`` is the iris's radius."""

    pupil: Array
    iris: float
    corners: Array
    upper: float
    lower: float
    brow: Array


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """``line`` is float32 ``(n, 2)``: the line between the lips from corner to corner; ``upper``
    and ``lower`` are the lips' thickness at the middle; ``sure`` is 0..1: how plainly it was seen;
    ``teeth`` tells that the upper teeth show (the line then runs below them)."""

    line: Array
    upper: float
    lower: float
    sure: float
    teeth: bool = False

    @property
    def corners(self) -> Array:
        """``(2, 2)``: the left and the right end of the lip line."""
        return np.stack([self.line[0], self.line[-1]])

    @property
    def centre(self) -> Array:
        """``(2,)``: half way between the corners."""
        return np.asarray(self.corners.mean(axis=0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face and its parts. Points are float32 ``(x, y)`` in pixels; left and right are the
    frame's. ``outline`` is an ellipse round the face without the hair: centre x, y, half width,
    half height; its axes are turned by :attr:`roll`."""

    eyes: tuple[Eye, Eye]
    mouth: Mouth
    chin: Array
    outline: tuple[float, float, float, float]

    @property
    def span(self) -> float:
        """Distance between the pupils."""
        return float(np.hypot(*(self.eyes[1].pupil - self.eyes[0].pupil)))

    @property
    def roll(self) -> float:
        """Tilt of the eye line in radians, positive when the right end is lower."""
        along = self.eyes[1].pupil - self.eyes[0].pupil
        return float(np.arctan2(along[1], along[0]))

    @property
    def yaw(self) -> float:
        """How far the mouth lies right of the middle between the eyes, in eye spans: about the
        sine of the head's turn."""
        middle = (self.eyes[0].pupil + self.eyes[1].pupil) / 2
        off = self.mouth.centre - middle
        return float(off @ np.array([np.cos(self.roll), np.sin(self.roll)], np.float32)) / self.span

    def moved(self, scale: float, offset: Array) -> Face:
        """The same face in a frame scaled by ``scale`` and then shifted by ``offset``."""

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
    """Find the most prominent face of a frame, uint8 ``(H, W, 3)`` RGB.

    Raises :class:`PortraitError` when the frame is no usable size or shows no face from the front.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise PortraitError("A portrait is an 8-bit RGB frame.")
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
        raise PortraitError(
            f"The frame is {width}×{height} pixels. Use one between {MIN_SIDE} and {MAX_SIDE} pixels a side."
        )
    rough = detect(rgb)
    if rough is None:
        raise PortraitError(
            "No face was found. Use a frame of one face seen from the front, eyes and mouth uncovered, well lit."
        )
    chip = lay(rgb, rough.eyes)
    chip = lay(rgb, chip.to_frame(pupils.refine(chip)))
    if chip.scale * EYE_SPAN < MIN_EYE_SPAN:
        raise PortraitError("The face is too small in this frame. Use a closer or a larger frame.")
    seen = pupils.refine(chip)
    chip = lay(rgb, chip.to_frame(pupils.irises(chip, seen)[0]))
    seen, iris = pupils.irises(chip, np.array([[LEFT_X, EYE_Y], [RIGHT_X, EYE_Y]], np.float32))
    mouth = lips.trace(chip)
    left, right = (_eye(chip, pupil, iris) for pupil in seen)
    middle = (mouth.line[0] + mouth.line[-1]) / 2
    eyes = seen.mean(axis=0)
    # The chin is below the mouth by some two thirds of what the mouth is below the eyes, and keeps
    # only part of the mouth's offset where the head is turned.
    chin = np.array([middle[0] + 0.1 * (middle[0] - eyes[0]), middle[1] + 0.68 * (middle[1] - eyes[1])], np.float32)
    brow_y = (left[1] + right[1]) / 2 - 0.45 * EYE_SPAN
    centre = np.array([(eyes[0] + middle[0]) / 2, (brow_y + chin[1]) / 2], np.float32)
    x, y = (float(v) for v in chip.to_frame(centre))
    return Face(
        (left[0], right[0]),
        Mouth(chip.to_frame(mouth.line), mouth.upper * chip.scale, mouth.lower * chip.scale, mouth.sure, mouth.teeth),
        chip.to_frame(chin),
        (x, y, 1.02 * EYE_SPAN * chip.scale, float(chin[1] - brow_y) / 2 * chip.scale),
    )


def _eye(chip: Chip, pupil: Array, radius: float) -> tuple[Eye, float]:
    opening = eyelids.fit(chip, pupil, radius)
    brow = _brow(chip, pupil, opening.upper)
    eye = Eye(
        chip.to_frame(pupil),
        radius * chip.scale,
        chip.to_frame(opening.corners),
        opening.upper * chip.scale,
        opening.lower * chip.scale,
        chip.to_frame(np.array([pupil[0], brow], np.float32)),
    )
    return eye, brow


def _brow(chip: Chip, pupil: Array, lid: float) -> float:
    """The row of the eyebrow: the darkest band above the eye, or the usual place."""
    x, y = int(pupil[0]), int(pupil[1])
    light = cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.5)[max(0, y - 62) : y, x - 16 : x + 17]
    valley = np.asarray(cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((27, 1), np.uint8)) - light, np.float32)
    rows = np.arange(y - valley.shape[0], y, dtype=np.float32)
    usual = y - 40.0
    profile = valley.mean(axis=1) * np.exp(-(((rows - usual) / 13) ** 2)) * (rows < y - lid - 11)
    peaks = np.nonzero((profile[1:-1] >= profile[:-2]) & (profile[1:-1] > profile[2:]))[0] + 1
    strong = [int(peak) for peak in peaks if profile[peak] > max(2.0, 0.4 * float(profile.max()))]
    return float(rows[strong[-1]]) if strong else usual  # the lowest: above it may come a fringe of hair
