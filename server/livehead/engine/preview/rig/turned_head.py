"""A head that was turned, before its eyes and mouth move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class TurnedHead:
    """``places`` is where each pixel of the rig's box lies in the texture, float32 ``(h, w, 2)`` in its pixels;
    ``pixels`` is what is seen there, uint8 ``(h, w, channels)``. Nothing writes to either."""

    places: Array
    pixels: NDArray[np.uint8]
