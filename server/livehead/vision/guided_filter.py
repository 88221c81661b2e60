"""The guided filter: smooths a mask without crossing the edges of a colour picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def guided_filter(guide: Array, values: Array, radius: int, smoothness: float) -> Array:
    """``values``, float32 ``(h, w)``, as a linear function of the colours of ``guide``, float32 ``(h, w, 3)`` in 0..1,
    in each square of ``2 * radius + 1`` pixels: section 3.4 of He, Sun, Tang, Guided Image Filtering, TPAMI 2013. Where
    the squares are large enough the functions are found at half the size (He, Sun, Fast Guided Filter, 2015).
    ``smoothness`` is the variance of colour under which nothing counts as an edge."""
    height, width = values.shape
    if radius >= 4:
        half = (max(1, width // 2), max(1, height // 2))
        small, few = (cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in (guide, values))
        found = _functions(np.asarray(small, np.float32), np.asarray(few, np.float32), radius // 2, smoothness)
        found = np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    else:
        found = _functions(guide, values, radius, smoothness)
    red, green, blue = cv2.split(guide)
    by_red, by_green, by_blue, offset = cv2.split(found)
    return np.asarray(by_red * red + by_green * green + by_blue * blue + offset, np.float32)


def _functions(guide: Array, values: Array, radius: int, smoothness: float) -> Array:
    """What red, green and blue are multiplied by, and what is added: float32 ``(h, w, 4)``."""

    def mean(of: Array) -> Array:
        side = 2 * radius + 1
        return np.asarray(cv2.blur(of, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    red, green, blue = cv2.split(guide)
    of_guide, of_values = mean(guide), mean(values)
    r, g, b = cv2.split(of_guide)
    u, v, w = cv2.split(mean(guide * values[..., None]) - of_guide * of_values[..., None])
    rr, rg, rb = mean(red * red) - r * r + smoothness, mean(red * green) - r * g, mean(red * blue) - r * b
    gg, gb = mean(green * green) - g * g + smoothness, mean(green * blue) - g * b
    bb = mean(blue * blue) - b * b + smoothness
    # The inverse of the symmetric covariance matrix, by its cofactors.
    c0, c1, c2 = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c3, c4, c5 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = c0 * rr + c1 * rg + c2 * rb
    by_red = (c0 * u + c1 * v + c2 * w) / determinant
    by_green = (c1 * u + c3 * v + c4 * w) / determinant
    by_blue = (c2 * u + c4 * v + c5 * w) / determinant
    return mean(np.dstack([by_red, by_green, by_blue, of_values - by_red * r - by_green * g - by_blue * b]))
