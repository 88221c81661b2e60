"""One animated portrait: its scene, and the state of audio features, mouth and idle motion."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.base import PixelFormat
from livehead.engine.preview.animation.articulation import Articulator, MouthShape
from livehead.engine.preview.animation.idle import IdleMotion, Pose
from livehead.engine.preview.audio.features import FeatureExtractor
from livehead.engine.preview.rig.rig import Rig
from livehead.engine.preview.rig.scene import Scene
from livehead.engine.preview.rig.turned_head import TurnedHead
from livehead.engine.preview.shown import Shown, next_shown

Image = NDArray[np.uint8]

HISTORY = 64
"""Frames that a stream can be rewound by."""

LISTENS = 25
"""Blocks that a stream that is resumed hears again."""


class PreviewStream:
    """Draws only what has moved since the last frame. What it has drawn is kept beside the state and never asked:
    frames depend on portrait, seed and audio alone, however often some of them were taken back and made again."""

    def __init__(self, rig: Rig, scene: Scene, seed: int) -> None:
        self._rig = rig
        self._scene = scene
        self._extractor = FeatureExtractor()
        self._mouth = Articulator()
        self._seed = seed & (2**63 - 1)
        self._idle = IdleMotion(self._seed)
        self._shown: Shown | None = None
        self._past: deque[tuple[Articulator, IdleMotion, Shown | None]] = deque(maxlen=HISTORY)
        self._head: tuple[Pose, TurnedHead] | None = None
        self._frame: tuple[Shown, PixelFormat, Image] | None = None

    def frame(self, pcm: Pcm, pixel_format: PixelFormat) -> Image:
        """The frame for one block, float32 ``(640,)``: uint8 ``(h, w, 3)`` or ``(h * 3 // 2, w)``; a transparent one is
        twice as high. Nobody may write to it: where nothing has moved, it is the one before."""
        self._past.append((self._mouth.copy(), self._idle, self._shown))
        before, mouth = self._idle.pose, self._move(pcm)
        self._shown = shown = next_shown(self._shown, mouth, self._idle.pose, before, self._rig)
        if self._frame is None or self._frame[:2] != (shown, pixel_format):
            self._frame = shown, pixel_format, self._draw(shown, pixel_format)
        return self._frame[2]

    def _draw(self, shown: Shown, pixel_format: PixelFormat) -> Image:
        if self._head is None or self._head[0] != shown.head:
            self._head = shown.head, self._scene.turn(shown.head)
        frame = self._scene.frame(self._head[1], shown.mouth, shown.eyes)
        if pixel_format == "yuv420p":
            frame = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8)
        return frame

    def rewind(self, unshown: int) -> None:
        """Undo the last ``unshown`` frames, at most :data:`HISTORY`, and forget the audio."""
        for _ in range(min(unshown, len(self._past))):
            self._mouth, self._idle, self._shown = self._past.pop()
        self._extractor.reset()

    def resume(self, heard: NDArray[np.float32], made: int) -> None:
        """Be where a stream of the same portrait and seed is that has made ``made`` frames, the last of them from
        ``heard``, float32 whole blocks. What was heard before counts as silence; of the head that is hardly anything,
        and the mouth and the loudness that is usual come from the last :data:`LISTENS` blocks. Draws nothing."""
        blocks = (
            heard.reshape(-1, BLOCK_SAMPLES)[-min(LISTENS, made) :] if made else heard[:0].reshape(0, BLOCK_SAMPLES)
        )
        self._extractor, self._mouth, self._shown = FeatureExtractor(), Articulator(), None
        self._idle = IdleMotion(self._seed).after(made - len(blocks))
        self._past.clear()
        for block in blocks:
            self._move(block)

    def _move(self, pcm: Pcm) -> MouthShape:
        features = self._extractor.extract(pcm)
        self._idle = self._idle.next(features)
        return self._mouth.follow(features)
