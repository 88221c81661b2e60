"""A rig: a portrait prepared for animation, which draws its frames."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.eye import EyeWarp
from livehead.engine.preview.rig.fit import FINE, Fitted
from livehead.engine.preview.rig.head import HeadWarp
from livehead.engine.preview.rig.mouth import MouthWarp
from livehead.engine.preview.rig.mouth_interior import MouthInterior
from livehead.engine.preview.rig.palette import sample

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


class Rig:
    """Holds what does not change from frame to frame: the texture, the still frame and the warps of moving parts."""

    def __init__(self, fitted: Fitted) -> None:
        size, face = fitted.size, fitted.face
        self._span = face.span
        self._texture = fitted.texture
        self._head = HeadWarp(face, size)
        self._mouth = MouthWarp(face, size)
        ticks = np.arange(size, dtype=np.float32)
        self.still = self._sample(np.stack(np.meshgrid(ticks, ticks), axis=-1))
        self._mouth_interior = MouthInterior(self._mouth, sample(self.still, face))
        self._eyes = [EyeWarp(eye, face.span, self.still) for eye in face.eyes]

    def _sample(self, places: Array) -> Image:
        """Sample the texture at points ``(h, w, 2)`` in pixels of the square."""
        where = places * np.float32(FINE) + np.float32((FINE - 1) / 2)
        nothing = np.empty(0, np.float32)
        taken = cv2.remap(self._texture, where, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(taken, np.uint8)

    def draw(self, mouth: MouthShape, pose: Pose) -> Image:
        """Draw one frame, uint8 ``(size, size, 3)`` RGB."""
        left, top, right, bottom = self._head.box
        places = self._head.places(pose)

        def part(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
            return (
                slice(max(box[1], top) - top, min(box[3], bottom) - top),
                slice(max(box[0], left) - left, min(box[2], right) - left),
            )

        around_mouth = part(self._mouth.box)
        axes = []
        for eye in self._eyes:
            seen = places[part(eye.box)]
            axes.append(eye.axes(seen))
            eye.turn(seen, *axes[-1], (pose.gaze_x * self._span, pose.gaze_y * self._span))
        opening = self._mouth.warp(places[around_mouth], mouth)
        moved = self._sample(places)
        if opening is not None:
            self._mouth_interior.draw(moved[around_mouth][opening.rows, opening.columns], opening, mouth)
        for eye, own in zip(self._eyes, axes, strict=True):
            if pose.lids > 0.01:
                eye.close(moved[part(eye.box)], self._texture, FINE, own, pose.lids)
        frame = self.still.copy()
        frame[top:bottom, left:right] = moved
        return frame
