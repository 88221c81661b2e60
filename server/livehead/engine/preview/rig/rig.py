"""A rig: a portrait prepared for animation, which draws its frames."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.cut_out import CutOut
from livehead.engine.preview.rig.eye import EyeWarp
from livehead.engine.preview.rig.fit import FINE, Fitted
from livehead.engine.preview.rig.head import HeadWarp
from livehead.engine.preview.rig.mouth import DROP, MouthWarp
from livehead.engine.preview.rig.mouth_interior import MouthInterior
from livehead.engine.preview.rig.own_mouth import OwnMouth
from livehead.engine.preview.rig.palette import sample

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


class Rig:
    """Holds what does not change from frame to frame: the texture, the still frame and the warps of moving parts.

    Any thread may use it."""

    def __init__(self, fitted: Fitted) -> None:
        size, face = fitted.size, fitted.face
        self._span = face.span
        self._texture = fitted.texture
        self._head = HeadWarp(face, size)
        self._mouth = MouthWarp(face, size)
        self._size = size
        self.still = self.rest(self._texture)
        self._own_mouth = OwnMouth(self._mouth, self.still) if self._mouth.lips.gap else None
        palette = sample(self.still, face)
        own_teeth = face.mouth.teeth
        if self._own_mouth is not None and self._own_mouth.teeth is not None:
            palette, own_teeth = replace(palette, teeth=self._own_mouth.teeth), True
        self._mouth_interior = MouthInterior(self._mouth, palette, upper_teeth=not own_teeth)
        self._eyes = [EyeWarp(eye, face.span, self.still, face.glasses) for eye in face.eyes]
        self._lock = threading.Lock()  # of the next
        self._cut_out: CutOut | None = None

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom around all that ever moves, in pixels."""
        return self._head.box

    def cut_out(self) -> CutOut:
        """The person without the background. Made when it is first asked for, which takes half a second."""
        with self._lock:
            if self._cut_out is None:
                reach = self._head.reach()
                left, top, right, bottom = self._mouth.box
                reach[top:bottom, left:right] += DROP * self._span
                self._cut_out = CutOut(self._texture, reach)
            return self._cut_out

    def rest(self, texture: Image) -> Image:
        """The whole square from a texture, with nothing moved."""
        ticks = np.arange(self._size, dtype=np.float32)
        return _sample(texture, np.stack(np.meshgrid(ticks, ticks), axis=-1))

    def draw(self, mouth: MouthShape, pose: Pose) -> Image:
        """Draw one frame, uint8 ``(size, size, 3)`` RGB."""
        left, top, right, bottom = self._head.box
        frame = self.still.copy()
        frame[top:bottom, left:right] = self.move(mouth, pose)
        return frame

    def move(self, mouth: MouthShape, pose: Pose, texture: Image | None = None) -> Image:
        """Draw what is in :attr:`box`, from the portrait or another ``texture`` of the same size, whose first three
        channels are like the portrait's where the face is: uint8 ``(bottom - top, right - left, channels)``."""
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
        sampled = _sample(self._texture if texture is None else texture, places)
        moved = sampled[:, :, :3]
        if opening is not None:
            own = None
            if self._own_mouth is not None:
                where, shown = self._own_mouth.show(opening, mouth)
                own = _sample(self._texture, where), shown
            self._mouth_interior.draw(moved[around_mouth][opening.rows, opening.columns], opening, mouth, own)
        for eye, at in zip(self._eyes, axes, strict=True):
            if pose.lids > 0.01:
                eye.close(moved[part(eye.box)], self._texture, FINE, at, pose.lids)
        return sampled


def _sample(texture: Image, places: Array) -> Image:
    """Sample a texture at points ``(h, w, 2)`` in pixels of the square."""
    where = places * np.float32(FINE) + np.float32((FINE - 1) / 2)
    nothing = np.empty(0, np.float32)
    taken = cv2.remap(texture, where, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, np.uint8)
