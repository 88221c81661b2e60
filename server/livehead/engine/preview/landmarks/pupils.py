"""Pupils and irises: the point that most gradients of an eye point away from (Timm and Barth, 2011)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.preview.landmarks.chip import EYE_Y, LEFT_X, RIGHT_X, Array, Chip

REACH_X, REACH_Y = 22, 15
"""How far from the detected eye a pupil is searched, in chip pixels."""


def refine(chip: Chip) -> Array:
    """Both pupils in chip pixels ``(2, 2)``, left first."""
    return np.stack([_pupil(chip, LEFT_X), _pupil(chip, RIGHT_X)])


def _pupil(chip: Chip, x: float) -> Array:
    left, top = int(x) - REACH_X, int(EYE_Y) - REACH_Y
    light = cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.5)
    patch = np.asarray(light[top : top + 2 * REACH_Y + 1, left : left + 2 * REACH_X + 1], np.float32)
    dx, dy = cv2.Sobel(patch, cv2.CV_32F, 1, 0), cv2.Sobel(patch, cv2.CV_32F, 0, 1)
    size = np.hypot(dx, dy)
    strong = size > np.percentile(size, 80)
    ys, xs = np.nonzero(strong)
    gx, gy = dx[strong] / size[strong], dy[strong] / size[strong]
    cy, cx = np.mgrid[0 : patch.shape[0], 0 : patch.shape[1]].astype(np.float32)
    to_x = xs[:, None] - cx.ravel()
    to_y = ys[:, None] - cy.ravel()
    distance = np.hypot(to_x, to_y) + 1e-3
    # The gradients at the edge of an iris point outwards (it is darker inside), 5 to 14 chip pixels from its centre.
    along = np.maximum(0, (gx[:, None] * to_x + gy[:, None] * to_y) / distance)
    ring = np.exp(-(((distance - 9.5) / 4.5) ** 2))
    votes = (along**2 * ring).mean(axis=0).reshape(patch.shape)
    dark = np.clip((np.percentile(patch, 85) - cv2.GaussianBlur(patch, (0, 0), 3)) / 30, 0, 1)
    near = np.exp(-((cx - REACH_X) ** 2) / (2 * 11.0**2) - (cy - REACH_Y) ** 2 / (2 * 8.0**2))
    score = votes * (0.2 + dark) * (0.25 + near)
    best = np.unravel_index(int(np.argmax(score)), score.shape)
    return np.array([left + best[1], top + best[0]], np.float32)


ARC = np.concatenate([np.linspace(-0.6, 0.75, 14), np.pi - np.linspace(-0.6, 0.75, 14)]).astype(np.float32)
"""Angles, in radians clockwise from the right, at which the edge of an iris shows between the lids."""


RADII = np.arange(7, 20.5, 0.5)
"""The radii of an iris that are tried, in chip pixels; the large ones are for drawn eyes."""


def irises(chip: Chip, guesses: Array) -> tuple[Array, float]:
    """The centres of both irises ``(2, 2)`` and their common radius, in chip pixels: the circles across which the
    brightness rises most (Daugman, 1993)."""
    light = np.asarray(cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 0.8), np.float32)
    dx, dy = (v.ravel() for v in np.meshgrid(np.arange(-7, 8), np.arange(-5, 6)))
    scores = np.stack([_circles(light, guess, dx, dy) for guess in guesses])
    radius = int(np.argmax(scores.max(axis=1).sum(axis=0)))
    best = scores[:, :, radius].argmax(axis=1)
    centres = guesses + np.stack([dx[best], dy[best]], axis=1)
    return np.asarray(centres, np.float32), float(RADII[radius])


def _circles(light: Array, guess: Array, dx: NDArray[np.int64], dy: NDArray[np.int64]) -> Array:
    """A score of each circle, ``(shifts, radii)``: how much it looks like the edge of an iris."""
    x, y = int(guess[0]), int(guess[1])
    white = float(np.percentile(light[y - 14 : y + 15, x - 24 : x + 25], 85))

    def at(extra: float) -> Array:
        reach = (RADII + extra)[None, :, None]
        column = np.rint(guess[0] + dx[:, None, None] + reach * np.cos(ARC)).astype(np.int64)
        row = np.rint(guess[1] + dy[:, None, None] + reach * np.sin(ARC)).astype(np.int64)
        return np.asarray(light[row, column])

    outside = at(1.5)
    rise = np.clip(outside - at(-1.5), -5, 60).mean(axis=2) * np.clip(outside / white, 0, 1).mean(axis=2) ** 2
    far = (dx**2 + dy**2)[:, None] / 700
    return np.asarray(rise * np.exp(-((RADII - 11) ** 2) / 500 - far))
