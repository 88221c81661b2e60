"""A rig: a portrait prepared for animation, which draws its frames."""

from __future__ import annotations

import math
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
from livehead.engine.preview.rig.head import HeadWarp, in_square, in_texture
from livehead.engine.preview.rig.mouth import DROP, MouthWarp
from livehead.engine.preview.rig.mouth_interior import MouthInterior
from livehead.engine.preview.rig.own_mouth import OwnMouth
from livehead.engine.preview.rig.palette import sample
from livehead.engine.preview.rig.turned_head import TurnedHead

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
        return _sample(texture, in_texture(np.stack(np.meshgrid(ticks, ticks), axis=-1)))

    def draw(self, mouth: MouthShape, pose: Pose) -> Image:
        """Draw one frame from nothing, uint8 ``(size, size, 3)`` RGB."""
        return self.frame(self.turn(pose), mouth, pose)

    def distance(self, one: Pose, other: Pose) -> float:
        """How far apart the same point of the head lies in two poses at most, in pixels; eyes do not count."""
        return self._head.distance(one, other)

    def gaze_distance(self, one: Pose, other: Pose) -> float:
        """How far apart the pupils lie in two poses, as far as the eyes themselves have turned, in pixels."""
        return self._span * math.hypot(one.gaze_x - other.gaze_x, one.gaze_y - other.gaze_y)

    def rests(self, mouth: MouthShape) -> bool:
        """Whether this shape is the portrait's own mouth."""
        return self._mouth.rests(mouth)

    def turn(self, pose: Pose, texture: Image | None = None, still: Image | None = None) -> TurnedHead:
        """Turn the head: all of a frame but the eyes and the mouth. It is drawn from the portrait, or from another
        ``texture`` of the same size, of which ``still`` is :meth:`rest`."""
        texture, still = (self._texture, self.still) if texture is None or still is None else (texture, still)
        left, top, right, bottom = self._head.box
        places, pixels = self._head.places(pose), still[top:bottom, left:right].copy()
        for part in self._head.parts:
            _sample(texture, places[part], into=pixels[part])
        return TurnedHead(places, pixels)

    def frame(self, head: TurnedHead, mouth: MouthShape, pose: Pose) -> Image:
        """Draw one frame with a head that was turned before: uint8 ``(size, size, 3)`` RGB."""
        left, top, right, bottom = self._head.box
        moved = self.move(head, mouth, pose)
        if moved.shape == self.still.shape:
            return moved
        frame = self.still.copy()
        frame[top:bottom, left:right] = moved
        return frame

    def move(self, head: TurnedHead, mouth: MouthShape, pose: Pose, texture: Image | None = None) -> Image:
        """Draw what is in :attr:`box`: eyes and mouth as in ``mouth`` and ``pose``, and the head as it was turned, with
        the same ``texture``. Its first three channels are like the portrait's where the face is. uint8
        ``(bottom - top, right - left, channels)``."""
        texture = self._texture if texture is None else texture
        blinks = pose.lids > 0.01
        boxes = [eye.box if blinks else eye.ball_box for eye in self._eyes]
        if not self._mouth.rests(mouth):
            boxes.append(self._mouth.box)
        left, top, right, bottom = self._head.box
        x0, y0 = max(left, min(box[0] for box in boxes)), max(top, min(box[1] for box in boxes))
        x1, y1 = min(right, max(box[2] for box in boxes)), min(bottom, max(box[3] for box in boxes))
        around = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        places = in_square(head.places[around])

        def part(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
            return (
                slice(max(box[1], y0) - y0, min(box[3], y1) - y0),
                slice(max(box[0], x0) - x0, min(box[2], x1) - x0),
            )

        # Where lids lie is told by the head alone, so before the eyeballs turn.
        lids = [eye.axes(places[part(eye.box)]) if blinks else None for eye in self._eyes]
        for eye in self._eyes:
            eye.turn(places[part(eye.ball_box)], (pose.gaze_x * self._span, pose.gaze_y * self._span))
        around_mouth = part(self._mouth.box)
        opening = self._mouth.warp(places[around_mouth], mouth)
        sampled = _sample(texture, in_texture(places))
        moved = sampled[:, :, :3]
        if opening is not None:
            own = None
            if self._own_mouth is not None:
                where, shown = self._own_mouth.show(opening, mouth)
                own = _sample(self._texture, in_texture(where)), shown
            self._mouth_interior.draw(moved[around_mouth][opening.rows, opening.columns], opening, mouth, own)
        for eye, axes in zip(self._eyes, lids, strict=True):
            if axes is not None:
                eye.close(moved[part(eye.box)], self._texture, FINE, axes, pose.lids)
        whole = head.pixels.copy()
        whole[around] = sampled
        return whole


def _sample(texture: Image, places: Array, into: Image | None = None) -> Image:
    """Sample a texture at points ``(h, w, 2)`` in its pixels; ``into`` is the array that is to hold the result."""
    nothing = np.empty(0, np.float32)
    taken = cv2.remap(texture, places, nothing, cv2.INTER_LINEAR, dst=into, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, np.uint8)
