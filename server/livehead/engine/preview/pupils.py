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


ARC = np.concatenate([np.linspace(-0.6, 0.75, 14), np.pi - np.linspace(-0.6, 0.75, 14)]).astype(np.float32)
"""Angles, in radians clockwise from the right, at which an iris shows between the lids."""


def iris(chip: Chip, pupil: Array) -> tuple[Array, float]:
    """Centre ``(2,)`` and radius of the iris round a pupil, in chip pixels (Daugman, 1993: the
    circle across which the light rises most)."""
    light = np.asarray(cv2.GaussianBlur(chip.lab[:, :, 0], (0, 0), 0.8), np.float32)
    cx, cy, r = (v.ravel()[:, None] for v in np.meshgrid(np.arange(-7, 8), np.arange(-5, 6), np.arange(7, 14.5, 0.5)))
    x, y = pupil[0] + cx, pupil[1] + cy

    def at(radius: Array) -> Array:
        column = np.clip(np.rint(x + radius * np.cos(ARC)).astype(np.int64), 0, light.shape[1] - 1)
        row = np.clip(np.rint(y + radius * np.sin(ARC)).astype(np.int64), 0, light.shape[0] - 1)
        return np.asarray(light[row, column], np.float32)

    rise = np.clip(at(r + 1.5) - at(r - 1.5), -5, 60).mean(axis=1)
    usual = np.exp(-((r[:, 0] - 10) ** 2) / 60 - (cx[:, 0] ** 2 + cy[:, 0] ** 2) / 90)
    score = rise * usual
    best = int(np.argmax(score))
    return pupil + np.array([cx[best, 0], cy[best, 0]], np.float32), float(r[best, 0])
