"""The lips in a face chip: the line between them, its corners, and how thick they are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks.chip import CENTRE_X, EYE_SPAN, EYE_Y, Array, Chip

NDArrayInt = NDArray[np.int64]

USUAL_DROP = 1.08 * EYE_SPAN
"""From the eyes down to the lips in a typical face, in chip pixels."""

USUAL_HALF = 0.42 * EYE_SPAN
"""Half the width of a typical mouth, in chip pixels."""

SPAN = 66
"""Half the width of the searched area, in chip pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class LipContour:
    """In chip pixels: ``line`` is float32 ``(n, 2)``, points between the lips from the left to the right corner;
    ``upper`` and ``lower`` are the thickness of each lip in the middle. ``sure`` is the confidence, 0..1. ``teeth``
    says that the upper teeth show; the line then runs below them."""

    line: Array
    upper: float
    lower: float
    sure: float
    teeth: bool = False


def trace(chip: Chip) -> LipContour:
    """Find the lips. If nothing plausible is found, return a typical mouth, placed relative to the eyes."""
    left = int(CENTRE_X) - SPAN
    top = int(EYE_Y + 0.68 * EYE_SPAN)
    lab = cv2.GaussianBlur(chip.lab, (0, 0), 1.1)[top : top + 84, left : left + 2 * SPAN + 1]
    light, red = np.asarray(lab[:, :, 0], np.float32), np.asarray(lab[:, :, 1], np.float32)
    valley = cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((15, 1), np.uint8)) - light
    valley = _unit(np.asarray(cv2.GaussianBlur(valley, (0, 0), 1.2), np.float32), 2.0)
    redness = _unit(np.maximum(0, red - chip.skin()[1]), 5.0)
    around = np.asarray(cv2.GaussianBlur(redness, (0, 0), sigmaX=4, sigmaY=6), np.float32)
    ys = np.arange(light.shape[0], dtype=np.float32)
    middle, drop = _middle(around, top)
    prior = np.exp(-(((ys - drop) / 15) ** 2))[:, None].astype(np.float32)
    path = _path((valley * 0.75 + around * 0.6 + valley * around) * (0.15 + prior))
    columns = np.arange(path.size)
    strength = valley[path, columns] + 0.7 * redness[np.clip(path - 5, 0, 83), columns]
    strength = strength + 0.7 * redness[np.clip(path + 6, 0, 83), columns]
    strength = cv2.GaussianBlur(strength[None].astype(np.float32), (0, 0), 2.5)[0]
    start, end = _corners(strength, middle)
    sure = float(np.clip(strength[start : end + 1].mean(), 0, 1))
    if not (0.24 * EYE_SPAN <= (end - start) / 2 <= 0.62 * EYE_SPAN) or sure < 0.12:
        return _usual(middle + left, drop + top)
    xs = columns[start : end + 1]
    ends = _below_teeth(path, light, redness, float(chip.skin()[0]))
    toothy = bool((ends != path).any())
    curve = _smooth(ends[start : end + 1], 5.0) if toothy else _smooth(_darkest(light, path)[start : end + 1], 1.8)
    line = np.stack([xs + left, curve + top], axis=1).astype(np.float32)
    mid = int(xs.size // 2)
    upper, lower = _thickness(redness, round(float(curve[mid])), int(xs[mid]))
    return LipContour(line, upper, lower, sure, toothy)


def _unit(values: Array, least: float) -> Array:
    """Scale so that the 96th percentile, or ``least`` if that is more, becomes 1: noise is not amplified."""
    return np.asarray(np.clip(values / max(least, float(np.percentile(values, 96))), 0, 1), np.float32)


def _middle(around: Array, top: int) -> tuple[float, float]:
    """Column and row of the middle of the mouth by its redness, pulled towards the usual place."""
    usual = (float(SPAN), EYE_Y + USUAL_DROP - top)
    ys, xs = np.mgrid[0 : around.shape[0], 0 : around.shape[1]].astype(np.float32)
    weight = around**2 * np.exp(-(((xs - usual[0]) / 34) ** 2) - ((ys - usual[1]) / 24) ** 2)
    total = float(weight.sum())
    trust = total / (total + 120.0)
    x = float((weight * xs).sum()) / max(total, 1e-6)
    y = float((weight * ys).sum()) / max(total, 1e-6)
    return trust * x + (1 - trust) * usual[0], trust * y + (1 - trust) * usual[1]


def _path(gain: Array) -> NDArrayInt:
    """The row in each column of the left-to-right path with the highest gain, by dynamic programming. It moves by at
    most one row per column."""
    height, width = gain.shape
    total = gain[:, 0].copy()
    came = np.zeros((width, height), np.int64)
    rows = np.arange(height)
    for x in range(1, width):
        steps = np.full((3, height), -1e9, np.float32)
        steps[0, 1:] = total[:-1] - 0.06
        steps[1] = total
        steps[2, :-1] = total[1:] - 0.06
        best = steps.argmax(axis=0)
        came[x] = rows + best - 1
        total = steps[best, rows] + gain[:, x]
    path = np.zeros(width, np.int64)
    path[-1] = int(total.argmax())
    for x in range(width - 1, 0, -1):
        path[x - 1] = came[x, path[x]]
    return path


def _below_teeth(path: NDArrayInt, light: Array, redness: Array, skin: float) -> NDArrayInt:
    """In a smile the darkest line may run above the upper teeth; the lip line is where the teeth end."""
    bright = (light > skin - 9) & (redness < 0.35)
    middle = path.size // 2
    ends = path.copy()
    for x in range(path.size):
        ahead = bright[path[x] : path[x] + 26, x]
        first = int(np.argmax(ahead)) if ahead.any() else 99
        if first <= 7:
            dull = np.nonzero(~ahead[first:])[0]
            long = int(dull[0]) if dull.size else 0
            ends[x] = path[x] + first + long if 4 <= long <= 20 else path[x]
    showing = float((ends > path)[middle - 14 : middle + 15].mean())
    if showing < 0.6:
        return path
    return np.asarray(np.rint(cv2.GaussianBlur(ends[None].astype(np.float32), (0, 0), 3)[0]), np.int64)


def _corners(strength: Array, middle: float) -> tuple[int, int]:
    """The columns left and right of the middle at which the line fades."""
    centre = int(np.clip(round(middle), 30, strength.size - 31))
    enough = 0.36 * float(np.median(strength[centre - 16 : centre + 17]))
    reach = int(0.6 * EYE_SPAN)
    ends = []
    for step in (-1, 1):
        x = centre + step * 20
        while 0 < x < strength.size - 1 and abs(x - centre) < reach and strength[x] > enough:
            x += step
        ends.append(x)
    return ends[0], ends[1]


def _darkest(light: Array, path: NDArrayInt) -> Array:
    """The path moved to the darkest point within three rows, with subpixel precision."""
    columns = np.arange(path.size)
    offsets = np.arange(-3, 4)
    rows = np.clip(path[:, None] + offsets, 0, light.shape[0] - 1)
    values = light[rows, columns[:, None]]
    weight = np.exp(-(values - values.min(axis=1, keepdims=True)) / 2.5)
    return np.asarray(path + (weight * offsets).sum(axis=1) / weight.sum(axis=1), np.float32)


def _smooth(rows: Array | NDArrayInt, width: float) -> Array:
    """The path without its steps; the bow of the upper lip is kept."""
    ringed = np.pad(rows.astype(np.float32), 16, mode="reflect", reflect_type="odd")
    return np.asarray(cv2.GaussianBlur(ringed[None], (0, 0), width)[0, 16:-16], np.float32)


def _thickness(redness: Array, row: int, column: int) -> tuple[float, float]:
    """How far the redness reaches up and down from the lip line in the middle."""
    profile = redness[:, max(0, column - 9) : column + 10].mean(axis=1)
    found = []
    for step, usual, limit in ((-1, 11, (6, 20)), (1, 15, (9, 27))):
        along = profile[row::step][: limit[1] + 6]
        peak = float(along[: limit[1]].max(initial=0.0))
        if peak < 0.3:
            found.append(float(usual))
            continue
        first = int(np.argmax(along >= 0.8 * peak))
        below = np.nonzero(along[first:] < 0.45 * peak)[0]
        found.append(float(np.clip(first + (below[0] if below.size else usual), *limit)))
    return found[0], found[1]


def _usual(x: float, y: float) -> LipContour:
    xs = np.arange(-USUAL_HALF, USUAL_HALF + 1, dtype=np.float32)
    line = np.stack([x + xs, y - 2.0 * (xs / USUAL_HALF) ** 2], axis=1)
    return LipContour(line.astype(np.float32), 11.0, 15.0, 0.0)
