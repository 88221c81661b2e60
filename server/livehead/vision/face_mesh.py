"""The mesh of a face: MediaPipe's Face Mesh (Kartynnik et al., 2019), 468 points in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livehead.vision import mesh_points as at
from livehead.vision.crop import Crop
from livehead.vision.detector import DetectedFace
from livehead.vision.network import Network, sigmoid

POINTS = 468
SIZE = 192
"""Side of what the network looks at, in pixels."""

MARGIN = 1.5
"""The square that is looked at, relative to the box around the face."""

LEAST_SCORE = 0.5
"""What the network takes for a face is at least this likely one."""

LEVEL = 0.10
"""In radians: by how much the line from forehead to chin of a face that looks straight ahead leans."""

_NETWORK = Network("face_landmark.tflite")


@dataclass(frozen=True, slots=True, eq=False)
class FaceMesh:
    """``points`` is float32 ``(468, 3)``: x and y in pixels of the picture, and the depth in about the same unit,
    smaller towards the camera. ``score`` is how likely this is a face, 0..1. Left and right are those of the picture;
    contours run from left to right."""

    points: NDArray[np.float32]
    score: float

    def of(self, *indices: int) -> NDArray[np.float32]:
        """Some of the points in the picture, ``(n, 2)``."""
        return self.points[list(indices), :2]

    @property
    def oval(self) -> NDArray[np.float32]:
        """The outline of the face without the hair, ``(36, 2)``, clockwise from the middle of the forehead."""
        return self.of(*at.OVAL)

    @property
    def chin(self) -> NDArray[np.float32]:
        """The lowest point of the chin, ``(2,)``."""
        return self.points[at.CHIN, :2]

    @property
    def nose(self) -> NDArray[np.float32]:
        """The tip of the nose, ``(2,)``."""
        return self.points[at.NOSE, :2]

    @property
    def outer_lips(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The upper edge of the upper lip and the lower edge of the lower lip, each ``(11, 2)``, corner to corner."""
        return self.of(*at.OUTER_UPPER_LIP), self.of(*at.OUTER_LOWER_LIP)

    @property
    def inner_lips(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The edges of the opening between the lips, upper and lower, each ``(11, 2)``."""
        return self.of(*at.INNER_UPPER_LIP), self.of(*at.INNER_LOWER_LIP)

    @property
    def lids(self) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
        """Of the left and the right eye: the edges of the upper and the lower lid, each ``(9, 2)``."""
        return (
            (self.of(*at.LEFT_UPPER_LID), self.of(*at.LEFT_LOWER_LID)),
            (self.of(*at.RIGHT_UPPER_LID), self.of(*at.RIGHT_LOWER_LID)),
        )

    @property
    def brows(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The left and the right eyebrow: its middle line, ``(5, 2)``."""
        left, right = (
            np.asarray((self.of(*upper) + self.of(*lower)) / 2, np.float32)
            for upper, lower in (at.LEFT_BROW, at.RIGHT_BROW)
        )
        return left, right

    @property
    def eyes(self) -> NDArray[np.float32]:
        """The middles of both eyes ``(2, 2)``, half way between their corners."""
        return np.stack([upper[[0, -1]].mean(axis=0) for upper, _ in self.lids])

    @property
    def eye_openness(self) -> tuple[float, float]:
        """How far the left and the right eye are open: height over width, about 0.3 in a face at rest, under 0.12 when
        shut."""
        left, right = (openness(*lids) for lids in self.lids)
        return left, right

    @property
    def mouth_openness(self) -> float:
        """How far the lips are apart: the gap in their middle, over the distance of the corners."""
        return openness(*self.inner_lips)

    @property
    def roll(self) -> float:
        """Tilt of the head in radians, positive when the end of the eye line on the picture's right is lower."""
        across = self._across()
        return float(np.arctan2(across[1], across[0]))

    @property
    def yaw(self) -> float:
        """How far the head is turned, in radians, positive towards the picture's right."""
        across = self._across()
        return float(np.arctan2(across[2], np.hypot(across[0], across[1])))

    @property
    def pitch(self) -> float:
        """How far the head is bent, in radians, positive when it looks down."""
        down = self.points[at.CHIN] - self.points[at.FOREHEAD]
        return float(np.arctan2(down[2], np.hypot(down[0], down[1]))) - LEVEL

    def _across(self) -> NDArray[np.float32]:
        """From the left to the right of the head, ``(3,)``."""
        pairs = np.array(at.PAIRS)
        return np.asarray((self.points[pairs[:, 1]] - self.points[pairs[:, 0]]).mean(axis=0), np.float32)


def openness(upper: NDArray[np.float32], lower: NDArray[np.float32]) -> float:
    """The mean gap in the middle third between two contours ``(n, 2)``, over the distance of their ends."""
    third = slice(len(upper) // 3, len(upper) - len(upper) // 3)
    gap = np.hypot(*(lower[third] - upper[third]).mean(axis=0))
    along = upper[-1] - upper[0]
    return float(gap / max(1e-6, float(np.hypot(*along))))


def find_mesh(rgb: NDArray[np.uint8], face: DetectedFace) -> FaceMesh | None:
    """The mesh of a detected face of a picture, uint8 ``(H, W, 3)`` RGB, or None where it turns out to be none.

    The face is looked at twice: where it was detected, and again where the first look found its points.
    """
    first = _look(rgb, _where(face))
    if first.score < LEAST_SCORE:
        return None
    second = _look(rgb, _around(first))
    return second if second.score >= LEAST_SCORE else None


def likelihood(rgb: NDArray[np.uint8], face: DetectedFace) -> float:
    """How likely what was detected is a face, at the first look, 0..1."""
    return _look(rgb, _where(face)).score


def _where(face: DetectedFace) -> Crop:
    left, top, right, bottom = face.box
    return Crop((left + right) / 2, (top + bottom) / 2, MARGIN * face.width, face.roll)


def _around(mesh: FaceMesh) -> Crop:
    outer = mesh.of(at.LEFT_UPPER_LID[0], at.RIGHT_UPPER_LID[-1])
    along = outer[1] - outer[0]
    angle = float(np.arctan2(along[1], along[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = mesh.points[:, :2] @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    x, y = turn.T @ ((low + high) / 2)
    return Crop(float(x), float(y), MARGIN * float((high - low).max()), angle)


def _look(rgb: NDArray[np.uint8], crop: Crop) -> FaceMesh:
    points, flag = _NETWORK.run(crop.cut(rgb, SIZE))
    return FaceMesh(crop.to_picture(points.reshape(POINTS, 3), SIZE), float(sigmoid(flag)[0]))
