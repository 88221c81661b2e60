"""The pictures a stream made last, with their k, so that it can go on from those really shown."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.base import GeneratorInfo, Pictures

KEPT_KS = 1024
"""How far back pictures are counted; far fewer are kept themselves."""


class History:
    """Bounded: the pictures of one window and the motion frames before it; none where the generator wants none."""

    def __init__(self, info: GeneratorInfo) -> None:
        self._info = info
        self._ks: deque[int] = deque(maxlen=KEPT_KS)
        kept = info.window + info.motion_frames if info.motion_frames else 0
        self._pictures: deque[NDArray[np.uint8]] = deque(maxlen=kept)

    def keep(self, k: int, pictures: Pictures) -> None:
        """Pictures of blocks ``k``, ``k + 1``, … were made: I420, uint8 ``(hop, height * 3 // 2, width)``."""
        for offset, picture in enumerate(pictures):
            self._ks.append(k + offset)
            self._pictures.append(picture)

    def rewind(self, shown_k: int) -> tuple[NDArray[np.uint8], int] | None:
        """Forget what came after block ``shown_k``. Returns what :meth:`Generator.rewind` wants: the last shown
        pictures, uint8 ``(motion_frames, height, width, 3)`` RGB, the oldest repeated where there were fewer,
        and the number of those never shown. None where nothing at all was shown and the generator wants
        pictures."""
        unshown = 0
        oldest: NDArray[np.uint8] | None = None
        while self._ks and self._ks[-1] > shown_k:
            self._ks.pop()
            oldest = self._pictures.pop() if self._pictures else oldest
            unshown += 1
        wanted = self._info.motion_frames
        if wanted and not self._ks:
            return None
        shown = list(self._pictures)[-wanted:] if wanted else []
        if wanted and not shown and oldest is not None:
            shown = [oldest]  # the rewind reaches back further than pictures are kept: the nearest to it
        shown = [shown[0]] * (wanted - len(shown)) + shown if wanted else []
        rgb = np.empty((wanted, self._info.height, self._info.width, 3), np.uint8)
        for index, picture in enumerate(shown):
            rgb[index] = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420)
        return rgb, unshown
