"""Whether a face wears glasses: their bridge crosses the nose between the eyes, where skin is smooth."""

from __future__ import annotations

import cv2
import numpy as np

from livehead.engine.preview.landmarks.chip import EYE_Y, Chip

LINE = 7.6
"""The bridge is lighter or darker than the skin above and below it by at least this much, in CIELAB's L."""

HALF = 6
"""Half the width of the strip that is looked at, in chip pixels."""


def wears_glasses(chip: Chip, x: float) -> bool:
    """``x`` is the middle between the inner corners of the eyes, in chip pixels."""
    top, middle = int(EYE_Y) - 30, int(np.clip(x, HALF, chip.lab.shape[1] - HALF - 1))
    strip = cv2.GaussianBlur(chip.lab[top : top + 72, middle - HALF : middle + HALF + 1, 0], (0, 0), 0.8)
    tall = np.ones((19, 1), np.uint8)
    lines = (
        strip - cv2.morphologyEx(strip, cv2.MORPH_OPEN, tall),
        cv2.morphologyEx(strip, cv2.MORPH_CLOSE, tall) - strip,
    )
    # It reaches across the whole strip: a crease or a highlight does not.
    return max(float(line.max(axis=0)[::3].min()) for line in lines) > LINE
