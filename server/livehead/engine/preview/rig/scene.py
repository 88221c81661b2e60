"""What a stream shows: the rig's portrait as it is, or its person in front of a backdrop."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.base import Backdrop
from livehead.engine.look import draw_backdrop
from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.rig import Rig
from livehead.engine.preview.rig.turned_head import TurnedHead

Image = NDArray[np.uint8]

BAND = 32
"""Rows that are composed at once. Only what may show an edge in them is."""


class Scene(Protocol):
    """Draws frames in two steps: the head, which may stay for some of them, and the rest."""

    def turn(self, pose: Pose) -> TurnedHead:
        """The head in this pose, for :meth:`frame`."""
        ...

    def frame(self, head: TurnedHead, mouth: MouthShape, pose: Pose) -> Image:
        """One frame, uint8 ``(h, w, 3)`` RGB, with the head as it is, and eyes and mouth as in ``mouth`` and
        ``pose``."""
        ...


def scene_of(rig: Rig, backdrop: Backdrop | None) -> Scene:
    """The rig itself where its portrait keeps its background."""
    if backdrop is None:
        return rig
    return TransparentScene(rig) if backdrop.kind == "transparent" else OpaqueScene(rig, backdrop)


class OpaqueScene:
    """The person in front of a backdrop that does not move."""

    def __init__(self, rig: Rig, backdrop: Backdrop) -> None:
        cut = rig.cut_out()
        self._rig = rig
        self._texture = cut.texture
        person = self._person = rig.rest(cut.texture)
        behind = draw_backdrop(backdrop, cut.background)
        self._still = np.asarray(cv2.cvtColor(person, cv2.COLOR_RGBA2RGB), np.uint8)
        _blend(self._still, behind, person[:, :, 3])
        left, top, right, bottom = rig.box
        part = self._part = (slice(top, bottom), slice(left, right))
        self._behind = np.ascontiguousarray(behind[part])
        self._clear = np.ascontiguousarray(cut.clear[part]).astype(np.uint8)
        self._edges = _rectangles(cut.edge[part])

    def turn(self, pose: Pose) -> TurnedHead:
        """See :class:`Scene`."""
        return self._rig.turn(pose, self._texture, self._person)

    def frame(self, head: TurnedHead, mouth: MouthShape, pose: Pose) -> Image:
        """See :class:`Scene`."""
        moved = self._rig.move(head, mouth, pose, self._texture)
        shown = np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), np.uint8)
        alpha = moved[:, :, 3]
        cv2.copyTo(self._behind, self._clear, shown)
        for rows, columns in self._edges:
            _blend(shown[rows, columns], self._behind[rows, columns], alpha[rows, columns])
        frame = self._still.copy()
        frame[self._part] = shown
        return frame


class TransparentScene:
    """The person above its alpha: frames of twice the height."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._texture = rig.cut_out().texture
        person = self._person = rig.rest(self._texture)
        grey = np.repeat(person[:, :, 3:], 3, axis=2)
        self._still = np.concatenate([person[:, :, :3], grey])
        self._size = person.shape[0]

    def turn(self, pose: Pose) -> TurnedHead:
        """See :class:`Scene`."""
        return self._rig.turn(pose, self._texture, self._person)

    def frame(self, head: TurnedHead, mouth: MouthShape, pose: Pose) -> Image:
        """See :class:`Scene`."""
        left, top, right, bottom = self._rig.box
        moved = self._rig.move(head, mouth, pose, self._texture)
        frame = self._still.copy()
        frame[top:bottom, left:right] = moved[:, :, :3]
        below = frame[self._size :]
        below[top:bottom, left:right] = cv2.cvtColor(np.ascontiguousarray(moved[:, :, 3]), cv2.COLOR_GRAY2RGB)
        return frame


def _blend(person: Image, behind: Image, alpha: Image) -> None:
    """Put ``behind`` behind ``person``, in place."""
    weight = alpha * np.float32(1 / 255)
    person[:] = cv2.blendLinear(person, behind, weight, 1 - weight)


def _rectangles(wanted: NDArray[np.bool_]) -> list[tuple[slice, slice]]:
    """Rectangles of :data:`BAND` rows that hold all pixels that are set, and few others."""
    found = []
    for top in range(0, wanted.shape[0], BAND):
        columns = np.nonzero(wanted[top : top + BAND].any(axis=0))[0]
        for run in np.split(columns, np.nonzero(np.diff(columns) > BAND)[0] + 1):
            if run.size:
                found.append((slice(top, top + BAND), slice(int(run[0]), int(run[-1]) + 1)))
    return found
