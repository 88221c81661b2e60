"""Hands of a picture: MediaPipe's palm detector (Zhang et al., 2020)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision.crop import Crop
from livehead.vision.network import Network

SIZE = 192
"""Side of what the network looks at, in pixels."""

LEAST_SCORE = 0.6
"""A palm is at least this likely one."""

_NETWORK = Network("palm_detection_lite.tflite")


def detect_palms(rgb: NDArray[np.uint8], around: Crop) -> list[tuple[float, float, float, float]]:
    """The palms within a square of a picture, uint8 ``(H, W, 3)`` RGB: their boxes, left, top, right and bottom in
    pixels of the picture, the surest first. The same palm may be there more than once."""
    boxes, scores = _NETWORK.run(around.cut(rgb, SIZE, outside=cv2.BORDER_CONSTANT))
    sure = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
    likely = np.flatnonzero(sure > LEAST_SCORE)
    likely = likely[np.argsort(-sure[likely], kind="stable")]
    rows = boxes.reshape(-1, 9, 2)[likely]  # the middle, relative to the row's anchor; the size; seven points
    middles = around.to_picture(rows[:, 0] + _ANCHORS[likely], SIZE)
    halves = rows[:, 1] * (around.side / SIZE / 2)
    return [
        (float(x - w), float(y - h), float(x + w), float(y + h)) for (x, y), (w, h) in zip(middles, halves, strict=True)
    ]


def _anchors() -> NDArray[np.float32]:
    """The points ``(2016, 2)`` that the network's rows are relative to: two at each cell of 8 pixels, then six at each
    of 16."""
    grids = []
    for step, repeats in ((8, 2), (16, 6)):
        ticks = (np.arange(SIZE // step, dtype=np.float32) + 0.5) * step
        cells = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(cells, repeats, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS = _anchors()
