"""The frames that a stream made last, with their k, so that it can go on from those really shown."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.base import Frames, GeneratorInfo
from livehead.engine.resume_point import ResumePoint

AHEAD = 8
"""Frames that wait to be shown when a window of silence is asked for behind them: speech takes them back, too."""

KEPT_KS = 1024
"""How far back frames are counted; far fewer are kept themselves."""


class FrameHistory:
    """Bounded: keeps the frames of one window and the motion frames before it, a few more where windows of silence are
    made ahead, and none where the generator wants none."""

    def __init__(self, info: GeneratorInfo) -> None:
        self._info = info
        self._ks: deque[int] = deque(maxlen=KEPT_KS)
        ahead = AHEAD if info.silence_hop else 0
        kept = info.window + ahead + info.motion_frames if info.motion_frames else 0
        self._frames: deque[NDArray[np.uint8]] = deque(maxlen=kept)

    def keep(self, k: int, frames: Frames) -> None:
        """Frames of blocks ``k``, ``k + 1``, … were made: I420, uint8 ``(hop, height * 3 // 2, width)``, or of twice
        the height, with alpha in the lower half."""
        for offset, frame in enumerate(frames):
            self._ks.append(k + offset)
            self._frames.append(frame)

    def begin_at(self, point: ResumePoint) -> NDArray[np.uint8]:
        """Forget everything, and know the frames that another worker made last. Returns those of them that a generator
        wants to be shown, as :meth:`rewind` does."""
        self._ks = deque(point.ks or (point.k,), KEPT_KS)
        self._frames = deque(point.frames, self._frames.maxlen)
        rewound = self.rewind(point.k)
        assert rewound is not None
        return rewound[0]

    @property
    def last_k(self) -> int | None:
        """The block of the last frame; None where there is none."""
        return self._ks[-1] if self._ks else None

    def reaches_past(self, k: int) -> bool:
        """Whether frames were made for a block after ``k``."""
        return bool(self._ks) and self._ks[-1] > k

    def rewind(self, shown_k: int) -> tuple[NDArray[np.uint8], int] | None:
        """Forget what came after block ``shown_k``.

        Returns what :meth:`Generator.rewind` wants: the last shown frames, uint8 ``(motion_frames, height, width, 3)``
        RGB, the oldest repeated where there were fewer, and the number of those never shown. None where nothing at all
        was shown and the generator wants frames.
        """
        unshown = 0
        oldest: NDArray[np.uint8] | None = None
        while self.reaches_past(shown_k):
            self._ks.pop()
            oldest = self._frames.pop() if self._frames else oldest
            unshown += 1
        wanted = self._info.motion_frames
        if wanted and not self._ks:
            return None
        shown = list(self._frames)[-wanted:] if wanted else []
        if wanted and not shown and oldest is not None:
            shown = [oldest]  # the rewind reaches back further than frames are kept: the nearest to it
        shown = [shown[0]] * (wanted - len(shown)) + shown if wanted else []
        rgb = np.empty((wanted, self._info.height, self._info.width, 3), np.uint8)
        for index, frame in enumerate(shown):
            rgb[index] = cv2.cvtColor(self._upper_half(frame), cv2.COLOR_YUV2RGB_I420)
        return rgb, unshown

    def _upper_half(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture of a frame that has alpha below it; any other as it is."""
        height = self._info.height
        if frame.shape[0] == height * 3 // 2:
            return frame
        luma, chroma = frame[:height], frame[2 * height :].reshape(2, height // 2, -1)
        return np.concatenate([luma, chroma[:, : height // 4].reshape(height // 2, -1)])
