"""Where there may be faces: BlazeFace, MediaPipe's detector for faces near the camera (Bazarevsky et al., 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision.crop import Array, Crop
from livehead.vision.network import Network, sigmoid

SIZE = 128
"""Side of what the network looks at, in pixels."""

LEAST_SCORE = 0.5
"""What is taken for a face is at least this likely one. One in three is none: :mod:`livehead.vision.faces` looks
again."""

SAME = 0.3
"""Boxes that overlap by more than this, as intersection over union, are of one face."""

_NETWORK = Network("face_detection_short_range.tflite")


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFace:
    """Where a face is, in pixels of the picture, and how likely it is one.

    ``box`` is left, top, right and bottom, from the brows to the chin; it may reach past the picture's edges. ``eyes``
    is float32 ``(2, 2)``, that on the picture's left first where the head is upright; ``nose`` and ``mouth`` are
    float32 ``(2,)``. ``score`` is 0..1.
    """

    box: tuple[float, float, float, float]
    eyes: NDArray[np.float32]
    nose: NDArray[np.float32]
    mouth: NDArray[np.float32]
    score: float

    @property
    def width(self) -> float:
        """Of the box, in pixels. The box is a square."""
        return self.box[2] - self.box[0]

    @property
    def roll(self) -> float:
        """Tilt of the eye line in radians, positive when the end on the picture's right is lower."""
        along = self.eyes[1] - self.eyes[0]
        return float(np.arctan2(along[1], along[0]))

    def scaled(self, scale: float) -> DetectedFace:
        """The same face in a picture that is ``scale`` times as large."""

        def at(points: Array) -> NDArray[np.float32]:
            return np.asarray((points + 0.5) * scale - 0.5, np.float32)

        left, top, right, bottom = ((value + 0.5) * scale - 0.5 for value in self.box)
        return DetectedFace((left, top, right, bottom), at(self.eyes), at(self.nose), at(self.mouth), self.score)


def search(rgb: NDArray[np.uint8], crop: Crop) -> list[DetectedFace]:
    """What looks like a face in a square of a picture, uint8 ``(H, W, 3)`` RGB. Faces wider than a tenth of the square
    are found, upright or tilted by up to about 40 degrees against it."""
    boxes, scores = _NETWORK.run(crop.cut(rgb, SIZE, outside=cv2.BORDER_CONSTANT) * 2 - 1)
    sure = sigmoid(scores)
    likely = np.flatnonzero(sure > LEAST_SCORE)
    # A row is the middle and the size of a box, then six points, all but the size relative to the row's anchor.
    rows = boxes.reshape(-1, 8, 2)[likely]
    anchors = _ANCHORS[likely]
    rows[:, [0, 2, 3, 4, 5, 6, 7]] += anchors[:, None]
    found = []
    for box, score in _merged(rows, sure[likely]):
        middle, half, points = box[0], box[1] * (crop.side / SIZE / 2), crop.to_picture(box[2:], SIZE)
        x, y = (float(v) for v in crop.to_picture(middle[None], SIZE)[0])
        reach = float(half.mean())
        around = (x - reach, y - reach, x + reach, y + reach)
        found.append(DetectedFace(around, points[:2], points[2], points[3], score))
    return found


def _anchors() -> NDArray[np.float32]:
    """The points ``(896, 2)`` that the network's rows are relative to: two at each cell of 8 pixels, then six at each
    of 16."""
    grids = []
    for step, repeats in ((8, 2), (16, 6)):
        ticks = (np.arange(SIZE // step, dtype=np.float32) + 0.5) * step
        cells = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(cells, repeats, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS = _anchors()


def _merged(rows: NDArray[np.float32], scores: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], float]]:
    """One row for each face: the mean of those that overlap, weighted by their scores."""
    left = np.argsort(-scores, kind="stable")
    while left.size:
        first = left[0]
        overlaps = np.array([overlap(_corners(rows[first]), _corners(rows[other])) for other in left])
        same = left[overlaps > SAME]
        if same.size == 0:  # a box without an area
            same = left[:1]
        weights = scores[same][:, None, None]
        yield (rows[same] * weights).sum(axis=0) / weights.sum(), float(scores[first])
        left = np.setdiff1d(left, same, assume_unique=True)
        left = left[np.argsort(-scores[left], kind="stable")]


def _corners(row: NDArray[np.float32]) -> tuple[float, float, float, float]:
    (x, y), (width, height) = row[0].tolist(), row[1].tolist()
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes, or the share of the smaller that lies in the larger, less a half, if that
    is more: part of a face is often taken for a face."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, across) * max(0.0, down)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    if min(areas) <= 0:
        return 0.0
    return max(both / (sum(areas) - both), both / min(areas) - 0.5)
