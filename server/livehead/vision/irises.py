"""The irises of a face and the contours of its eyes: MediaPipe Iris (Ablavatski et al., 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.vision.crop import Array, Crop
from livehead.vision.face_mesh import FaceMesh, openness
from livehead.vision.network import Network

SIZE = 64
"""Side of what the network looks at, in pixels."""

MARGIN = 2.3
"""The square that is looked at, relative to the distance of the eye's corners."""

UPPER_LID = (0, 9, 10, 11, 12, 13, 14, 15, 8)
LOWER_LID = (0, 1, 2, 3, 4, 5, 6, 7, 8)
BROW = ((64, 65, 66, 67, 68), (50, 51, 52, 53, 69))
"""Which of the 71 points of the eye's contours, from its outer to its inner end: the edge of the upper and of the lower
lid, and the upper and lower edge of the brow."""

_NETWORK = Network("iris_landmark.tflite")


@dataclass(frozen=True, slots=True, eq=False)
class EyeContour:
    """One eye, float32 points ``(x, y)`` in pixels of the picture; contours run from the picture's left to its right.

    ``iris`` is the middle of the iris ``(2,)`` and ``radius`` the iris's. ``upper`` and ``lower`` are the edges of the
    lids, ``(9, 2)``, which share their ends, the eye's corners; ``brow`` is the middle line of the eyebrow ``(5, 2)``.
    """

    iris: NDArray[np.float32]
    radius: float
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    brow: NDArray[np.float32]

    @property
    def corners(self) -> NDArray[np.float32]:
        """The left and the right corner, ``(2, 2)``."""
        return self.upper[[0, -1]]

    @property
    def openness(self) -> float:
        """How far the eye is open: height over width, about 0.3 in a face at rest, under 0.12 when shut."""
        return openness(self.upper, self.lower)


def find_irises(rgb: NDArray[np.uint8], mesh: FaceMesh) -> tuple[EyeContour, EyeContour]:
    """The eye on the left and that on the right of a picture, uint8 ``(H, W, 3)`` RGB, for the mesh of its face."""
    (left, _), (right, _) = mesh.lids
    return _look(rgb, left[0], left[-1], mirrored=False), _look(rgb, right[0], right[-1], mirrored=True)


def _look(rgb: NDArray[np.uint8], start: Array, end: Array, *, mirrored: bool) -> EyeContour:
    x, y = (start + end) / 2
    along = end - start
    side, angle = MARGIN * float(np.hypot(*along)), float(np.arctan2(along[1], along[0]))
    crop = Crop(float(x), float(y), side, angle, mirrored)
    contours, iris = (
        crop.to_picture(output.reshape(-1, 3)[:, :2], SIZE) for output in _NETWORK.run(crop.cut(rgb, SIZE))
    )
    order = slice(None, None, -1) if mirrored else slice(None)
    upper, lower = contours[list(UPPER_LID)][order], contours[list(LOWER_LID)][order]
    brow = np.asarray((contours[list(BROW[0])] + contours[list(BROW[1])]) / 2, np.float32)
    radius = float((np.hypot(*(iris[1] - iris[3])) + np.hypot(*(iris[2] - iris[4]))) / 4)
    return EyeContour(iris[0], radius, upper, lower, brow[order])
