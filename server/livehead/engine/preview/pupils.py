"""The pupil: the point most of an eye's edges turn round (Timm and Barth, 2011)."""

from __future__ import annotations

import cv2
import numpy as np

from livehead.engine.preview.chip import EYE_Y, LEFT_X, RIGHT_X, Array, Chip

REACH_X, REACH_Y = 22, 15
"""How far from the detector's guess a pupil is looked for, in chip pixels."""


def refine(chip: Chip) -> Array:
    """Both pupils in chip pixels ``(2, 2)``, left first."""
    return np.stack([_pupil(chip, LEFT_X), _pupil(chip, RIGHT_X)])


def _pupil(chip: Chip, x: float) -> Array:
    left, top = int(x) - REACH_X, int(EYE_Y) - REACH_Y
    light = cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 1.5)
    patch = np.asarray(light[top : top + 2 * REACH_Y + 1, left : left + 2 * REACH_X + 1], np.float32)
    dx, dy = cv2.Sobel(patch, cv2.CV_32F, 1, 0), cv2.Sobel(patch, cv2.CV_32F, 0, 1)
    size = np.hypot(dx, dy)
    strong = size > np.percentile(size, 70)
    ys, xs = np.nonzero(strong)
    gx, gy = dx[strong] / size[strong], dy[strong] / size[strong]
    cy, cx = np.mgrid[0 : patch.shape[0], 0 : patch.shape[1]].astype(np.float32)
    to_x = xs[:, None] - cx.ravel()
    to_y = ys[:, None] - cy.ravel()
    distance = np.hypot(to_x, to_y) + 1e-3
    # Edges of an iris face outwards (dark inside) and lie 5 to 14 chip pixels from its middle.
    along = np.maximum(0, (gx[:, None] * to_x + gy[:, None] * to_y) / distance)
    ring = np.exp(-(((distance - 9.5) / 4.5) ** 2))
    votes = (along**2 * ring).mean(axis=0).reshape(patch.shape)
    dark = np.clip((np.percentile(patch, 85) - cv2.GaussianBlur(patch, (0, 0), 3)) / 30, 0, 1)
    near = np.exp(-((cx - REACH_X) ** 2) / (2 * 11.0**2) - (cy - REACH_Y) ** 2 / (2 * 8.0**2))
    score = votes * (0.2 + dark) * (0.25 + near)
    best = np.unravel_index(int(np.argmax(score)), score.shape)
    return np.array([left + best[1], top + best[0]], np.float32)
