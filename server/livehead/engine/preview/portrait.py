"""One portrait made ready to move, and the drawing of one frame of it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.articulation import Mouthing
from livehead.engine.preview.eyes import Lids
from livehead.engine.preview.fit import FINE, Fitted
from livehead.engine.preview.inside import Inside
from livehead.engine.preview.life import Pose
from livehead.engine.preview.mouth import Lips
from livehead.engine.preview.palette import sample
from livehead.engine.preview.rig import Rig

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


class Portrait:
    """Holds what never changes: the texture, the still frame, and the moving parts' fields."""

    def __init__(self, fitted: Fitted) -> None:
        size, face = fitted.size, fitted.face
        self._span = face.span
        self._texture = fitted.texture
        self._rig = Rig(face, size)
        self._lips = Lips(face, size)
        ticks = np.arange(size, dtype=np.float32)
        self.still = self._take(np.stack(np.meshgrid(ticks, ticks), axis=-1))
        self._inside = Inside(self._lips, sample(self.still, face))
        self._eyes = [Lids(eye, face.span, self.still) for eye in face.eyes]

    def _take(self, places: Array) -> Image:
        """Sample the texture at places ``(h, w, 2)`` given in pixels of the square."""
        where = places * np.float32(FINE) + np.float32((FINE - 1) / 2)
        nothing = np.empty(0, np.float32)
        taken = cv2.remap(self._texture, where, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(taken, np.uint8)

    def draw(self, mouth: Mouthing, pose: Pose) -> Image:
        """One frame, uint8 ``(size, size, 3)`` RGB."""
        left, top, right, bottom = self._rig.box
        places = self._rig.places(pose)

        def part(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
            return (
                slice(max(box[1], top) - top, min(box[3], bottom) - top),
                slice(max(box[0], left) - left, min(box[2], right) - left),
            )

        around_mouth = part(self._lips.box)
        axes = []
        for lids in self._eyes:
            seen = places[part(lids.box)]
            axes.append(lids.axes(seen))
            lids.look(seen, *axes[-1], (pose.gaze_x * self._span, pose.gaze_y * self._span))
        opening = self._lips.bend(places[around_mouth], mouth)
        moved = self._take(places)
        if opening is not None:
            self._inside.draw(moved[around_mouth][opening.rows, opening.columns], opening, mouth)
        for lids, own in zip(self._eyes, axes, strict=True):
            if pose.lids > 0.01:
                lids.close(moved[part(lids.box)], self._texture, FINE, own, pose.lids)
        frame = self.still.copy()
        frame[top:bottom, left:right] = moved
        return frame
