"""The landmarks of a face that has no mesh, a drawing's or a statue's: Haar cascades, proportions and edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks import eyelids, lips, pupils
from livehead.engine.preview.landmarks.chip import EYE_SPAN, EYE_Y, LEFT_X, RIGHT_X, Array, Chip, align
from livehead.engine.preview.landmarks.detector import detect
from livehead.engine.preview.landmarks.face import Eye, Face, Mouth


def find_by_cascades(rgb: NDArray[np.uint8]) -> Face | None:
    """The most prominent face of a portrait, uint8 ``(H, W, 3)`` RGB, or None."""
    detection = detect(rgb)
    if detection is None:
        return None
    chip = align(rgb, detection.eyes)
    chip = align(rgb, chip.to_portrait(pupils.refine(chip)))
    seen = pupils.refine(chip)
    chip = align(rgb, chip.to_portrait(pupils.irises(chip, seen)[0]))
    seen, iris = pupils.irises(chip, np.array([[LEFT_X, EYE_Y], [RIGHT_X, EYE_Y]], np.float32))
    mouth = lips.trace(chip)
    left, right = (drawn_eye(chip, pupil, iris) for pupil in seen)
    middle = (mouth.line[0] + mouth.line[-1]) / 2
    eyes = seen.mean(axis=0)
    # The chin is below the mouth by about two thirds of the distance from eyes to mouth, and has only part of the
    # mouth's offset when the head is turned.
    chin = np.array([middle[0] + 0.1 * (middle[0] - eyes[0]), middle[1] + 0.68 * (middle[1] - eyes[1])], np.float32)
    brow_y = float(chip.from_portrait((left.brow + right.brow) / 2)[1]) - 0.45 * EYE_SPAN
    centre = np.array([(eyes[0] + middle[0]) / 2, (brow_y + chin[1]) / 2], np.float32)
    x, y = (float(v) for v in chip.to_portrait(centre))
    line = chip.to_portrait(mouth.line)
    return Face(
        (left, right),
        Mouth(
            upper_edge=line,
            lower_edge=line,
            upper=mouth.upper * chip.scale,
            lower=mouth.lower * chip.scale,
            middle=chip.to_portrait(middle),
            sure=mouth.sure,
            teeth=mouth.teeth,
        ),
        chip.to_portrait(chin),
        (x, y, 1.02 * EYE_SPAN * chip.scale, float(chin[1] - brow_y) / 2 * chip.scale),
    )


def drawn_eye(chip: Chip, pupil: Array, radius: float, brow: Array | None = None) -> Eye:
    """The eye around an iris, in chip pixels, whose lids are found by their edges. ``brow`` is the middle of the
    eyebrow in the portrait, where it is known."""
    contour = eyelids.fit(chip, pupil, radius)
    if brow is None:
        brow = chip.to_portrait(np.array([pupil[0], _brow(chip, pupil, contour.upper)], np.float32))
    return Eye(
        chip.to_portrait(pupil),
        radius * chip.scale,
        chip.to_portrait(contour.lid(-contour.upper)),
        chip.to_portrait(contour.lid(contour.lower)),
        brow,
    )


def _brow(chip: Chip, pupil: Array, lid: float) -> float:
    """The row of the eyebrow: the darkest band above the eye, or the usual place if there is none."""
    x, y = int(pupil[0]), int(pupil[1])
    light = cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.5)[max(0, y - 62) : y, x - 16 : x + 17]
    valley = np.asarray(cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((27, 1), np.uint8)) - light, np.float32)
    rows = np.arange(y - valley.shape[0], y, dtype=np.float32)
    usual = y - 40.0
    profile = valley.mean(axis=1) * np.exp(-(((rows - usual) / 13) ** 2)) * (rows < y - lid - 11)
    peaks = np.nonzero((profile[1:-1] >= profile[:-2]) & (profile[1:-1] > profile[2:]))[0] + 1
    strong = [int(peak) for peak in peaks if profile[peak] > max(2.0, 0.4 * float(profile.max()))]
    return float(rows[strong[-1]]) if strong else usual  # the lowest: above it there may be a fringe of hair
