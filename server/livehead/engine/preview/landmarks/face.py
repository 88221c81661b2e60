"""The landmarks of a portrait's face."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from livehead.engine.preview.landmarks.chip import Array


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """``upper_lid`` and ``lower_lid`` are the edges of the lids, float32 ``(n, 2)`` from the portrait's left to its
    right; they share their ends, the eye's corners. ``pupil`` and ``iris`` are the middle and the radius of the iris;
    ``brow`` is the middle of the eyebrow."""

    pupil: Array
    iris: float
    upper_lid: Array
    lower_lid: Array
    brow: Array

    @property
    def corners(self) -> Array:
        """The left and the right corner, ``(2, 2)``."""
        return self.upper_lid[[0, -1]]

    @property
    def upper(self) -> float:
        """How far the upper lid arches above the line between the corners."""
        return float(-self.arch(self.upper_lid)[1].min())

    @property
    def lower(self) -> float:
        """How far the lower lid arches below the line between the corners."""
        return float(self.arch(self.lower_lid)[1].max())

    def arch(self, lid: Array) -> tuple[Array, Array]:
        """A lid's points along the line between the corners, from its middle, and down from it."""
        along = self.corners[1] - self.corners[0]
        across = along / np.hypot(*along)
        from_middle = lid - self.corners.mean(axis=0)
        return from_middle @ across, from_middle @ np.array([-across[1], across[0]], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """``upper_edge`` and ``lower_edge`` are the inner edges of the lips, float32 ``(n, 2)``, from the left corner to
    the right; they are equal where the lips touch. ``upper`` and ``lower`` are the lips' thickness in the middle.
    ``middle`` is the point of the mouth below the nose: in a turned head it is not half way between the corners.
    ``sure`` is the confidence, 0..1. ``teeth`` says that the upper teeth show although the edges are equal: these run
    below the teeth."""

    upper_edge: Array
    lower_edge: Array
    upper: float
    lower: float
    middle: Array
    sure: float
    teeth: bool = False

    @property
    def line(self) -> Array:
        """The line half way between the lips, ``(n, 2)``."""
        return np.asarray((self.upper_edge + self.lower_edge) / 2, np.float32)

    @property
    def corners(self) -> Array:
        """The left and the right end of the lips, ``(2, 2)``."""
        return self.upper_edge[[0, -1]]

    @property
    def centre(self) -> Array:
        """The point half way between the corners, ``(2,)``."""
        return np.asarray(self.corners.mean(axis=0), np.float32)

    @property
    def gap(self) -> float:
        """How far the lips are apart at most, in pixels."""
        return float(np.hypot(*(self.lower_edge - self.upper_edge).T).max())


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face and its parts. Points are float32 ``(x, y)`` in pixels; left and right are those of the image. ``outline``
    is an ellipse around the face without the hair: centre x, centre y, half width and half height, rotated by
    :attr:`roll`. ``glasses`` says that it wears some."""

    eyes: tuple[Eye, Eye]
    mouth: Mouth
    chin: Array
    outline: tuple[float, float, float, float]
    glasses: bool = False

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
            Eye(at(eye.pupil), eye.iris * scale, at(eye.upper_lid), at(eye.lower_lid), at(eye.brow))
            for eye in self.eyes
        )
        mouth = replace(
            self.mouth,
            upper_edge=at(self.mouth.upper_edge),
            lower_edge=at(self.mouth.lower_edge),
            upper=self.mouth.upper * scale,
            lower=self.mouth.lower * scale,
            middle=at(self.mouth.middle),
        )
        x, y = (float(v) for v in at(np.array(self.outline[:2], np.float32)))
        return replace(
            self,
            eyes=(left, right),
            mouth=mouth,
            chin=at(self.chin),
            outline=(x, y, self.outline[2] * scale, self.outline[3] * scale),
        )
