"""Face detection: the face's width and its two eyes, with OpenCV's Haar cascades (Viola and Jones, 2001)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

LONGEST = 480
"""Portraits are scaled to at most this many pixels along the longer side before the search."""

ANGLES = (0.0, 18.0, -18.0, 34.0, -34.0)
"""Head tilts that are tried, in degrees: the cascades find upright faces only."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face's rough place in pixels of the portrait: ``eyes`` is float32 ``(2, 2)``, the eye on the portrait's left
    first; ``width`` is that of the detector's box."""

    eyes: Array
    width: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    detection: Detection
    score: float


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))


def detect(rgb: NDArray[np.uint8]) -> Detection | None:
    """The most prominent face of an RGB image, or None."""
    height, width = rgb.shape[:2]
    scale = min(2.0, LONGEST / max(height, width))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    gray = cv2.createCLAHE(2.0, (8, 8)).apply(gray)
    for angle in ANGLES:
        turn = cv2.getRotationMatrix2D((gray.shape[1] / 2, gray.shape[0] / 2), angle, 1.0)
        view = gray if angle == 0 else cv2.warpAffine(gray, turn, gray.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        found = max(
            _candidates(np.asarray(view, np.uint8), angle != 0), key=lambda candidate: candidate.score, default=None
        )
        if found is not None:
            back = cv2.invertAffineTransform(turn)
            eyes = found.detection.eyes @ back[:, :2].T + back[:, 2] if angle else found.detection.eyes
            return Detection(((eyes + 0.5) / scale - 0.5).astype(np.float32), found.detection.width / scale)
    return None


def _candidates(gray: NDArray[np.uint8], strict: bool) -> Iterator[_Candidate]:
    """Likely faces. A small one, or any in a ``strict`` search, must be found by both cascades and with both eyes."""
    least = max(24, min(gray.shape) // 10)
    boxes = [
        [
            tuple(int(v) for v in box)
            for box in _cascade(name).detectMultiScale(gray, step, votes, minSize=(least, least))
        ]
        for name, step, votes in (("frontalface_alt2", 1.1, 3), ("frontalface_default", 1.12, 4))
    ]
    middle = np.array(gray.shape[::-1]) / 2
    for x, y, w, h in boxes[0] + boxes[1]:
        agreed = all(any(_overlap((x, y, w, h), other) > 0.4 for other in some) for some in boxes)
        eyes, seen = _eyes(gray[y : y + h, x : x + w])
        if seen + agreed < (2 if w >= 0.18 * min(gray.shape) and not strict else 3):
            continue
        off = float(np.hypot(*((x + w / 2, y + h / 2) - middle))) / max(gray.shape)
        yield _Candidate(
            Detection(eyes + np.array([x, y], np.float32), float(w)),
            w * (1 - 0.6 * off) * (0.6 + 0.15 * seen + 0.2 * agreed),
        )


def _overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0, across) * max(0, down)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def _eyes(face: NDArray[np.uint8]) -> tuple[Array, int]:
    """The centres of both eyes in the box's pixels, and how many of them were found, not guessed."""
    size = 240
    scale = size / face.shape[0]
    view = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    upper = view[: int(size * 0.62)]
    centres: list[tuple[float, float]] = []
    for name in ("eye", "eye_tree_eyeglasses"):
        for x, y, w, h in _cascade(name).detectMultiScale(upper, 1.08, 3, minSize=(28, 28), maxSize=(100, 100)):
            centres.append((x + w / 2, y + h * 0.52))
    usual = (np.array([0.31, 0.39]) * size, np.array([0.69, 0.39]) * size)
    picked = []
    seen = 0
    for place in usual:
        near = [c for c in centres if np.hypot(c[0] - place[0], c[1] - place[1]) < 0.17 * size]
        if near:
            seen += 1
            picked.append(np.mean(near, axis=0))
        else:
            picked.append(None)
    if seen == 1:  # the other eye mirrors the one that was seen
        there = 0 if picked[0] is not None else 1
        known = picked[there]
        assert known is not None
        picked[1 - there] = np.array([size - known[0], known[1]])
    eyes = [place if got is None else got for place, got in zip(usual, picked, strict=True)]
    return np.asarray(eyes, np.float32) / np.float32(scale), seen
