"""Values carried from where they are known to where they are not."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def fill(values: Array, weight: Array) -> Array:
    """``values``, float32 ``(h, w, c)``, where ``weight``, float32 ``(h, w)`` in 0..1, is 1; elsewhere a smooth
    continuation of those nearby. Push-pull on a pyramid (Gortler et al., The Lumigraph, SIGGRAPH 1996)."""
    height, width = weight.shape
    if min(height, width) <= 2:
        known = weight[..., None]
        mean = (values * known).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
        return np.asarray(np.broadcast_to(mean, values.shape), np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    known = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    sums = cv2.resize(values * weight[..., None], half, interpolation=cv2.INTER_AREA)
    below = fill(sums / np.maximum(known, 1e-6)[..., None], np.minimum(known * 4, 1))
    around = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(around + (values - around) * weight[..., None], np.float32)
