"""Faces of a picture: BlazeFace, MediaPipe's detector for faces near the camera (Bazarevsky et al., 2019)."""

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
"""A face in the whole picture is at least this likely one."""

LEAST_IN_TILE = 0.7
"""The same in a part of the picture: there are many of them, and each may be mistaken."""

SMALL = 0.22
"""Faces narrower than this share of the picture's shorter side are searched for in tiles, too."""

LONGEST = 1024
"""Pictures are scaled to at most this many pixels along the longer side before the search."""

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


def detect_faces(rgb: NDArray[np.uint8], most: int = 8) -> list[DetectedFace]:
    """The faces of a picture, uint8 ``(H, W, 3)`` RGB: at most ``most`` of them, the most prominent first, which is the
    largest that is likely a face.

    Heads may be tilted by about 45 degrees. Where no large face is found the picture is searched in overlapping tiles
    too, down to faces of about a twentieth of its shorter side.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    shape = (rgb.shape[0], rgb.shape[1])
    found = _distinct([face for crop in _whole(shape) for face in _search(rgb, crop, LEAST_SCORE)])
    if not any(face.width > SMALL * min(shape) for face in found):
        found = _distinct(found + [face for crop in _tiles(shape) for face in _search(rgb, crop, LEAST_IN_TILE)])
    found.sort(key=lambda face: -face.width * face.score)
    return [_scaled(face, 1 / scale) for face in found[:most]]


def _whole(shape: tuple[int, int]) -> Iterator[Crop]:
    """The picture, the picture with a margin (for a face that fills it), and the squares along a long one."""
    height, width = shape
    x, y = (width - 1) / 2, (height - 1) / 2
    yield Crop(x, y, max(shape))
    yield Crop(x, y, 1.6 * max(shape))
    if max(shape) > 1.4 * min(shape):
        yield from _squares(shape, min(shape))


def _tiles(shape: tuple[int, int]) -> Iterator[Crop]:
    for share in (0.5, 0.3):
        yield from _squares(shape, max(SIZE // 2, share * min(shape)))


def _squares(shape: tuple[int, int], side: float) -> Iterator[Crop]:
    """Squares that cover the picture and overlap by about 0.4 of their side."""
    height, width = shape
    for y in _middles(height, side):
        for x in _middles(width, side):
            yield Crop(x, y, side)


def _middles(length: int, side: float) -> Array:
    count = max(1, int(np.ceil((length - side) / (0.6 * side))) + 1)
    if count == 1:
        return np.array([(length - 1) / 2])
    return np.linspace(side / 2, length - side / 2, count) - 0.5


def _search(rgb: NDArray[np.uint8], crop: Crop, least: float) -> Iterator[DetectedFace]:
    boxes, scores = _NETWORK.run(crop.cut(rgb, SIZE, outside=cv2.BORDER_CONSTANT) * 2 - 1)
    sure = sigmoid(scores)
    likely = np.flatnonzero(sure > least)
    if likely.size == 0:
        return
    # A row is the middle and the size of a box, then six points, all but the size relative to the row's anchor.
    rows = boxes.reshape(-1, 8, 2)[likely]
    anchors = _ANCHORS[likely]
    rows[:, [0, 2, 3, 4, 5, 6, 7]] += anchors[:, None]
    for box, score in _merged(rows, sure[likely]):
        middle, half, points = box[0], box[1] * (crop.side / SIZE / 2), crop.to_picture(box[2:], SIZE)
        x, y = (float(v) for v in crop.to_picture(middle[None], SIZE)[0])
        reach = float(half.mean())
        yield DetectedFace((x - reach, y - reach, x + reach, y + reach), points[:2], points[2], points[3], score)


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
        overlaps = np.array([_overlap(_corners(rows[first]), _corners(rows[other])) for other in left])
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


def _distinct(faces: list[DetectedFace]) -> list[DetectedFace]:
    """Each face once, as the search saw it that was surest."""
    kept: list[DetectedFace] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) < SAME for other in kept):
            kept.append(face)
    return kept


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes, or the share of the smaller that lies in the larger, less a half, if that
    is more: part of a face is often taken for a face."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, across) * max(0.0, down)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    if min(areas) <= 0:
        return 0.0
    return max(both / (sum(areas) - both), both / min(areas) - 0.5)


def _scaled(face: DetectedFace, scale: float) -> DetectedFace:
    if scale == 1:
        return face

    def at(points: Array) -> NDArray[np.float32]:
        return np.asarray((points + 0.5) * scale - 0.5, np.float32)

    left, top, right, bottom = (float(v) for v in (np.array(face.box) + 0.5) * scale - 0.5)
    return DetectedFace((left, top, right, bottom), at(face.eyes), at(face.nose), at(face.mouth), face.score)
