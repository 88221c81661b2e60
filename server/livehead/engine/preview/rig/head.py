"""Smooth movements of the whole head: displacement fields, computed once for each portrait."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.landmarks.face import Face
from livehead.engine.preview.rig.fit import FINE

Array = NDArray[np.floating[Any]]

STEP = 4
"""The fields are stored for every fourth pixel in each direction, and interpolated when used."""

SPARSE = 4
"""Of the stored points, every so many are looked at in each direction to see how far the head has moved."""
BAND = 16
"""Rows of stored points in each part that is drawn by itself."""

LARGEST = (0.085, 0.09, 0.042, 0.029, 0.012, 0.022, 0.055, 0.009)
"""How much of each unit field idle motion uses at most."""


def smooth(values: Array, low: float, high: float) -> Array:
    """Smoothstep: 0 below ``low``, 1 above ``high``, smooth between. It falls from 1 to 0 if ``low > high``."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


class HeadWarp:
    """Composes the displacement field of a frame from a few unit fields.

    In the face's own coordinates (origin between the eyes, in eye spans, v down the face) the head is an ellipsoid that
    rotates. All displacements fade to nothing outside of it.

    ``box`` is left, top, right and bottom around all that ever moves, in pixels of the square. ``parts`` are rectangles
    of it, rows and columns from its corner, that hold the same and less of what never does.
    """

    def __init__(self, face: Face, size: int) -> None:
        self.size = size
        across = np.array([np.cos(face.roll), np.sin(face.roll)], np.float32)
        down = np.array([-across[1], across[0]], np.float32)
        middle = (face.eyes[0].pupil + face.eyes[1].pupil) / 2
        small = size // STEP
        ticks = (np.arange(small, dtype=np.float32) + 0.5) * STEP - 0.5
        x, y = np.meshgrid(ticks - middle[0], ticks - middle[1])
        u = (x * across[0] + y * across[1]) / face.span
        v = (x * down[0] + y * down[1]) / face.span
        edge = np.sqrt((u / 1.55) ** 2 + ((v - 0.15) / 2.05) ** 2)
        head = smooth(edge, 1.62, 0.88)
        bulge = np.sqrt(np.clip(1 - (u / 1.5) ** 2 - ((v - 0.3) / 2.1) ** 2, 0, 1))
        nose = np.exp(-(((u - 0.6 * face.yaw) / 0.28) ** 2) - ((v - 0.62) / 0.34) ** 2)
        depth = (0.25 + 0.85 * bulge + 0.28 * nose) * head
        chest = smooth(v, 1.9, 3.0) * smooth(np.abs(u), 3.2, 1.4)
        brow_v = float(np.mean([(eye.brow - middle) @ down for eye in face.eyes])) / face.span
        brows = np.zeros_like(u)
        for eye in face.eyes:
            at = float((eye.brow - middle) @ across) / face.span
            brows += np.exp(-(((u - at) / 0.36) ** 2))
        brows *= np.exp(-(np.where(v > brow_v, (v - brow_v) / 0.15, (v - brow_v) / 0.34) ** 2))
        corners = np.zeros_like(u)
        for corner in face.mouth.corners:
            cu, cv = float((corner - middle) @ across) / face.span, float((corner - middle) @ down) / face.span
            corners += np.exp(-(((u - cu) / 0.24) ** 2) - ((v - cv) / 0.26) ** 2)
        none = np.zeros_like(u)
        local = (
            (depth, none),  # yaw
            (none, depth),  # pitch
            (-(v - 2.4) * head, u * head),  # roll about the root of the neck
            (head, none),  # sway
            (none, head),  # bob
            (none, -chest),  # breath
            (none, -brows),
            (none, -corners),  # smile
        )
        fields = np.stack(
            [np.stack([du * across[0] + dv * down[0], du * across[1] + dv * down[1]], axis=-1) for du, dv in local]
        )
        fields = np.asarray(fields * face.span, np.float32)
        moving = np.abs(fields).max(axis=(0, 3)) > 1e-3 * face.span
        self.box = _box(moving, size)
        self.parts = _parts(moving, self.box)
        self._samples = np.ascontiguousarray(fields[:, ::SPARSE, ::SPARSE]).reshape(len(local), -1)
        self._farthest = np.tensordot(np.array(LARGEST, np.float32), np.hypot(fields[..., 0], fields[..., 1]), axes=1)
        # For each point, and those around the box, between which the pixels at its edges lie.
        left, top, right, bottom = (edge // STEP for edge in self.box)
        rows, columns = slice(top, bottom + 2), slice(left, right + 2)
        around = np.pad(fields, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")[:, rows, columns]
        self._fields = np.ascontiguousarray(around).reshape(len(local), -1)
        ticks = (np.arange(-1, small + 1, dtype=np.float32) + 0.5) * STEP - 0.5
        self._unmoved = in_texture(np.stack(np.meshgrid(ticks[columns], ticks[rows]), axis=-1))

    def places(self, pose: Pose) -> Array:
        """The source point of each pixel of :attr:`box`, float32 ``(h, w, 2)`` in pixels of the texture."""
        shifts = (_amounts(pose) * np.float32(FINE) @ self._fields).reshape(self._unmoved.shape)
        coarse = self._unmoved - shifts
        size = (coarse.shape[1] * STEP, coarse.shape[0] * STEP)
        return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)[STEP:-STEP, STEP:-STEP]

    def distance(self, one: Pose, other: Pose) -> float:
        """How far apart the same point of the head lies in two poses at most, in pixels of the square."""
        x, y = ((_amounts(one) - _amounts(other)) @ self._samples).reshape(-1, 2).T
        return float(np.sqrt((x * x + y * y).max()))

    def reach(self) -> Array:
        """How far from each pixel its source point lies at most, in pixels: float32 ``(size, size)``."""
        reach = cv2.resize(self._farthest, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(reach, np.float32)


def in_texture(places: Array) -> Array:
    """Points ``(..., 2)`` in pixels of the square, in pixels of the texture, which is finer."""
    return np.asarray(places * np.float32(FINE) + np.float32((FINE - 1) / 2), np.float32)


def in_square(places: Array) -> Array:
    """The opposite of :func:`in_texture`."""
    return np.asarray((places - np.float32((FINE - 1) / 2)) * np.float32(1 / FINE), np.float32)


def _amounts(pose: Pose) -> Array:
    """How much of each unit field a pose has, float32 ``(8,)``."""
    return np.array(
        [
            pose.yaw * 0.9,
            pose.pitch * 0.9,
            pose.roll,
            pose.sway,
            pose.bob,
            0.022 * pose.breath,
            0.055 * pose.brows,
            0.035 * pose.smile,
        ],
        np.float32,
    )


def _box(moving: NDArray[np.bool_], size: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, in pixels, around all points that ever move."""
    columns, rows = np.nonzero(moving.any(axis=0))[0], np.nonzero(moving.any(axis=1))[0]
    limit = size // STEP
    left, right = max(0, int(columns[0]) - 1), min(limit, int(columns[-1]) + 2)
    top, bottom = max(0, int(rows[0]) - 1), min(limit, int(rows[-1]) + 2)
    return left * STEP, top * STEP, right * STEP, bottom * STEP


def _parts(moving: NDArray[np.bool_], box: tuple[int, int, int, int]) -> list[tuple[slice, slice]]:
    """The box in bands, each as wide as what moves in it, with a point more on each side."""
    left, top, right, bottom = (edge // STEP for edge in box)
    parts = []
    for row in range(top, bottom, BAND):
        until = min(row + BAND, bottom)
        columns = np.nonzero(moving[max(0, row - 1) : until + 1].any(axis=0))[0]
        if columns.size:
            start, stop = max(left, int(columns[0]) - 1), min(right, int(columns[-1]) + 2)
            rows = slice((row - top) * STEP, (until - top) * STEP)
            parts.append((rows, slice((start - left) * STEP, (stop - left) * STEP)))
    return parts
