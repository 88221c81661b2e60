"""The contour of the eyelids in a face chip: the corners of the eye and how far its lids arch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from livehead.engine.preview.landmarks.chip import Array, Chip

TRIES = 6000
"""Shapes tried for each eye; the best few are then refined."""

LOW = np.array([-31, 16, -2, -2, 5, 2], np.float32)
HIGH = np.array([-16, 31, 8, 8, 16, 10], np.float32)
"""Bounds of a shape: x of the left and the right corner, y of both, all from the pupil, and how far the upper lid rises
above and the lower lid hangs below the line between them. In chip pixels, for an iris of :data:`USUAL_IRIS`."""

USUAL_IRIS = 10.5
"""Radius of a typical iris, in chip pixels. Drawn ones may be much larger."""

ACROSS = np.linspace(-0.9, 0.9, 15, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class LidContour:
    """In chip pixels: ``corners`` is float32 ``(2, 2)``, left first; ``upper`` and ``lower`` are how far the lids arch
    from the straight line between the corners."""

    corners: Array
    upper: float
    lower: float

    def lid(self, arch: float) -> Array:
        """The edge of a lid, a parabola that is ``arch`` below the line in its middle: float32 ``(n, 2)``."""
        part = np.linspace(0, 1, 17, dtype=np.float32)[:, None]
        along = self.corners[1] - self.corners[0]
        down = np.array([-along[1], along[0]], np.float32) / np.hypot(*along)
        return np.asarray(self.corners[0] + part * along + 4 * part * (1 - part) * arch * down, np.float32)


def fit(chip: Chip, pupil: Array, radius: float) -> LidContour:
    """Fit the contour around an iris of this ``radius``: its upper edge is dark with lashes, there is skin outside and
    there are other colours inside."""
    light = np.asarray(cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.0), np.float32)
    slope = np.asarray(cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3)).astype(np.float32) / np.float32(8)
    rise: Array = slope / np.float32(max(1.0, float(np.percentile(np.abs(_around(slope, pupil)), 95))))
    x, y = int(pupil[0]), int(pupil[1])
    skin = np.median(chip.lab[y + 17 : y + 28, x - 14 : x + 15].reshape(-1, 3), axis=0)
    unlike = cv2.GaussianBlur(np.abs(chip.lab - skin) @ np.array([0.7, 1.0, 1.0]), (0, 0), 1.0)
    far = np.clip(unlike / max(6.0, float(np.percentile(_around(unlike, pupil), 90))), 0, 1.2)
    turn = np.asarray(cv2.Sobel(far, cv2.CV_64F, 0, 1, ksize=3)) / 2
    fields = (rise, far, turn)
    rng = np.random.default_rng(7)
    grown = max(1.0, radius / USUAL_IRIS)
    low, high = LOW * grown, HIGH * grown
    shapes = (low + (high - low) * rng.random((TRIES, 6))).astype(np.float32)
    best = shapes[np.argsort(_score(shapes, pupil, radius, fields))[-12:]]
    for spread in (1.6, 0.8, 0.4):
        near = best[:, None] + rng.normal(0, spread, (12, 40, 6))
        pool = np.concatenate([best, np.clip(near.reshape(-1, 6), low, high)]).astype(np.float32)
        best = pool[np.argsort(_score(pool, pupil, radius, fields))[-12:]]
    x0, x1, y0, y1, upper, lower = (float(v) for v in best[-1])
    return LidContour(pupil + np.array([[x0, y0], [x1, y1]], np.float32), upper, lower)


def _around(field: Array, pupil: Array) -> Array:
    x, y = int(pupil[0]), int(pupil[1])
    return field[y - 18 : y + 19, x - 32 : x + 33]


def _score(shapes: Array, pupil: Array, radius: float, fields: tuple[Array, Array, Array]) -> Array:
    rise, far, turn = fields
    x0, x1, y0, y1, upper, lower = (shapes[:, i, None] for i in range(6))
    part = (1 + ACROSS) / 2
    bow = 1 - ACROSS**2
    xs = pupil[0] + x0 + (x1 - x0) * part
    chord = pupil[1] + y0 + (y1 - y0) * part
    above, below = chord - upper * bow, chord + lower * bow

    def at(field: Array, ys: Array) -> Array:
        row = np.clip(np.rint(ys).astype(np.int64), 0, field.shape[0] - 1)
        column = np.clip(np.rint(xs).astype(np.int64), 0, field.shape[1] - 1)
        return np.asarray(field[row, column].mean(axis=1))

    edges = -0.6 * at(rise, above) + 0.6 * at(turn, above) - 1.0 * at(turn, below)
    inside = (at(far, above + 2) + at(far, (above + below) / 2) + at(far, below - 2)) / 3
    outside = 0.6 * at(far, below + 3) + 0.4 * at(far, above - 5)
    # In a face at rest the lower lid touches the iris and the upper one covers a little of it.
    middle = -shapes[:, 0] / (shapes[:, 1] - shapes[:, 0])
    there = shapes[:, 2] + (shapes[:, 3] - shapes[:, 2]) * middle
    height = 4 * middle * (1 - middle)
    sits = ((there + shapes[:, 5] * height - radius) / 3.5) ** 2
    hangs = ((there - shapes[:, 4] * height + 0.85 * radius) / 3.5) ** 2
    width = shapes[:, 1] - shapes[:, 0]
    off = (
        np.abs(shapes[:, 0] + shapes[:, 1]) / 24
        + np.abs(width - 4.5 * min(radius, 12) - 2.9 * max(0.0, radius - 12)) / 20
    )
    tilt = np.abs(shapes[:, 2] - shapes[:, 3]) / 20
    return np.asarray(edges + 0.8 * inside - 0.7 * outside - 0.35 * off - 0.35 * tilt - 0.16 * (sits + hangs))
