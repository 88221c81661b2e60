"""One frame of video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame as I420 (BT.601, limited range).

    ``i420`` is uint8 of shape ``(height * 3 // 2, width)``: the Y plane, then U, then V, each
    plane's rows packed one behind the other, which is the layout of libyuv and of
    ``av.VideoFrame.to_ndarray(format="yuv420p")``. Width and height are even. Treat it as read-only.
    """

    i420: NDArray[np.uint8]

    @property
    def width(self) -> int:
        return int(self.i420.shape[1])

    @property
    def height(self) -> int:
        return int(self.i420.shape[0]) * 2 // 3
