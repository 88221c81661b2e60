"""The landmarks of a face that has a mesh."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks import pupils
from livehead.engine.preview.landmarks.chip import EYE_SPAN, EYE_Y, LEFT_X, RIGHT_X, Array, Chip, align
from livehead.engine.preview.landmarks.face import Eye, Face, Mouth
from livehead.engine.preview.landmarks.from_cascades import drawn_eye
from livehead.engine.preview.landmarks.glasses import wears_glasses
from livehead.vision.face_mesh import FaceMesh, find_mesh
from livehead.vision.faces import detect_faces
from livehead.vision.irises import find_irises

SHUT = 0.033
"""Lips whose edges are closer than this everywhere, in eye spans, touch: the mesh draws a line between them as a thin
gap."""

REACH = 4
"""How far from the middle of this gap the line between closed lips is looked for, in pixels of the chip."""

MOST_YAW = 0.65
"""A head that is turned further than this, in radians, is not seen from the front."""

DRAWN = 11.75
"""Radius in chip pixels of an iris that no person has (theirs have 9.4, give or take one): the eye is a drawing's."""

NEAR = 2.5
"""How far from the network's iris the circle of a drawn one may lie, in chip pixels."""

OUTER_HALF = 1.02
"""Half the width of a face, in eye spans, where the mesh says less, as for a turned head."""


def find_by_mesh(rgb: NDArray[np.uint8]) -> Face | None:
    """The most prominent face of a portrait, uint8 ``(H, W, 3)`` RGB, or None."""
    for detected in detect_faces(rgb):
        mesh = find_mesh(rgb, detected)
        if mesh is not None and abs(mesh.yaw) < MOST_YAW:
            return _face(rgb, mesh)
    return None


def _face(rgb: NDArray[np.uint8], mesh: FaceMesh) -> Face:
    eyes = find_irises(rgb, mesh)
    chip = align(rgb, np.stack([eye.iris for eye in eyes]))
    brows = [np.asarray(brow.mean(axis=0), np.float32) for brow in mesh.brows]
    left, right = _drawn_eyes(chip, brows) or (
        Eye(eye.iris, eye.radius, eye.upper, eye.lower, brow) for eye, brow in zip(eyes, brows, strict=True)
    )
    along = right.pupil - left.pupil
    span = float(np.hypot(*along))
    across = np.asarray(along / span, np.float32)
    down = np.array([-across[1], across[0]], np.float32)
    oval = mesh.oval
    low, high = (limit(oval @ np.stack([across, down], axis=1), axis=0) for limit in (np.min, np.max))
    x, y = (float(v) for v in ((low + high) / 2) @ np.stack([across, down]))
    outline = (x, y, max(OUTER_HALF * span, float(high[0] - low[0]) / 2), float(high[1] - low[1]) / 2)
    (left_lid, _), (right_lid, _) = mesh.lids
    between = chip.from_portrait((left_lid[-1] + right_lid[0]) / 2)
    return Face((left, right), _mouth(chip, mesh), mesh.chin, outline, wears_glasses(chip, float(between[0])))


def _drawn_eyes(chip: Chip, brows: list[Array]) -> tuple[Eye, Eye] | None:
    """The eyes of a drawing, which are larger than any that the network has seen: it finds where they are, but draws
    them too small. None where they are as large as a person's."""
    guesses = np.array([[LEFT_X, EYE_Y], [RIGHT_X, EYE_Y]], np.float32)
    seen, radius = pupils.irises(chip, guesses)
    if radius < DRAWN or float(np.hypot(*(seen - guesses).T).max()) > NEAR:
        return None
    left, right = (drawn_eye(chip, pupil, radius, brow) for pupil, brow in zip(seen, brows, strict=True))
    return left, right


def _mouth(chip: Chip, mesh: FaceMesh) -> Mouth:
    inner, outer = mesh.inner_lips, mesh.outer_lips
    # The lips part between the inner corners; the line between them goes on to the outer ones.
    ends = outer[0][[0, -1]]
    upper, lower = (np.concatenate([ends[:1], edge, ends[1:]]) for edge in inner)
    gap = float(np.hypot(*(lower - upper).T).max())
    thickness = [float(np.hypot(*(a[5] - b[5]))) for a, b in zip(outer, inner, strict=True)]
    if gap < SHUT * EYE_SPAN * chip.scale:
        upper = lower = _between(chip, (upper + lower) / 2)
        thickness = [thick + gap / 2 for thick in thickness]
    middle = (inner[0][5] + inner[1][5]) / 2
    return Mouth(upper, lower, thickness[0], thickness[1], np.asarray(middle, np.float32), mesh.score)


def _between(chip: Chip, line: Array) -> Array:
    """The line between closed lips: the darkest points within a few pixels of ``line``, ``(n, 2)``."""
    rough = chip.from_portrait(line)
    part = np.linspace(0, 1, 41)
    places = np.linspace(0, 1, len(rough))
    points = np.stack([np.interp(part, places, rough[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)
    along = points[-1] - points[0]
    down = np.array([-along[1], along[0]], np.float32) / np.float32(np.hypot(*along))
    offsets = np.linspace(-REACH, REACH, 4 * REACH + 1, dtype=np.float32)
    where = points[:, None] + offsets[:, None] * down
    light = np.asarray(cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.1), np.float32)
    seen = np.asarray(cv2.remap(light, where, np.empty(0, np.float32), cv2.INTER_LINEAR), np.float32)
    weight = np.exp(-(seen - seen.min(axis=1, keepdims=True)) / 2.5 - (offsets / (0.7 * REACH)) ** 2)
    shift = (weight * offsets).sum(axis=1) / weight.sum(axis=1)
    shift *= np.clip(np.minimum(part, 1 - part) / 0.12, 0, 1)  # the corners stay
    ringed = np.pad(shift.astype(np.float32), 8, mode="reflect", reflect_type="odd")
    shift = np.asarray(cv2.GaussianBlur(ringed[None], (0, 0), 1.5)[0, 8:-8], np.float32)
    return chip.to_portrait(points + shift[:, None] * down)
