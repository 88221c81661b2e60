"""A shape as a height field, and the light that falls on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Light:
    """Colours are linear; directions point to the light: x right, y down, z to the viewer."""

    key: tuple = (2.75, 2.45, 2.1)
    key_from: tuple = (-0.58, -0.50, 0.62)
    fill: tuple = (0.42, 0.42, 0.47)
    fill_from: tuple = (0.75, -0.05, 0.66)
    ambient: tuple = (0.22, 0.21, 0.24)
    rim: tuple = (0.9, 0.62, 0.4)
    rim_from: tuple = (0.96, -0.2, -0.2)


def inflate(canvas, mask, depth):
    """A smooth pillow over a mask: the root of the solution of Poisson's equation, its top at ``depth``."""
    side = 192
    inside = (cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) > 0.5).astype(np.float32)
    level = np.zeros_like(inside)
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for step in (8, 4, 2, 1):  # coarse to fine, so that few sweeps are enough
        n = side // step
        part = cv2.resize(inside, (n, n), interpolation=cv2.INTER_AREA)
        level = cv2.resize(level, (n, n), interpolation=cv2.INTER_LINEAR)
        for _ in range(220):
            level = (cv2.filter2D(level, -1, kernel, borderType=cv2.BORDER_REPLICATE) + step * step * 0.25) * (
                part > 0.5
            )
    height = np.sqrt(np.maximum(level, 0))
    height = cv2.resize(cv2.GaussianBlur(height, (0, 0), 1.2), (canvas.n, canvas.n), interpolation=cv2.INTER_CUBIC)
    return height * (depth / max(float(height.max()), 1e-6))


def normals(canvas, height, soften=0.0):
    height = canvas.blur(height, soften) if soften else height
    dx = cv2.Scharr(height, cv2.CV_32F, 1, 0) * (canvas.scale / 32)
    dy = cv2.Scharr(height, cv2.CV_32F, 0, 1) * (canvas.scale / 32)
    length = np.sqrt(dx * dx + dy * dy + 1)
    return -dx / length, -dy / length, 1 / length


def facing(normal, direction):
    d = np.asarray(direction, np.float32) / np.linalg.norm(direction)
    return normal[0] * d[0] + normal[1] * d[1] + normal[2] * d[2]


def cast_shadow(canvas, height, direction, reach=70, soft=7.0):
    """1 where the key light is blocked by higher ground."""
    step = 2 * canvas.scale
    n = canvas.n // step
    small = cv2.resize(height, (n, n), interpolation=cv2.INTER_AREA)
    d = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    blocked = np.zeros_like(small)
    for t in np.arange(3, reach, 2.0):
        move = np.float32([[1, 0, -d[0] * t * canvas.scale / step], [0, 1, -d[1] * t * canvas.scale / step]])
        there = cv2.warpAffine(small, move, (n, n), borderMode=cv2.BORDER_REPLICATE)
        blocked = np.maximum(blocked, np.clip((there - small - d[2] * t) / (soft * (0.4 + t / reach)), 0, 1))
    return canvas.blur(cv2.resize(blocked, (canvas.n, canvas.n), interpolation=cv2.INTER_CUBIC), 2.2)


def cavity(canvas, height, sizes=((5, 0.05), (14, 0.03), (34, 0.012))):
    """Occlusion: how far a place lies under its surroundings, 0 open to 1 closed."""
    dark = sum(np.clip(canvas.blur(height, size) - height, 0, None) * weight for size, weight in sizes)
    return np.clip(dark, 0, 0.85)


def shine(normal, light_from, sharpness):
    half = np.asarray(light_from, np.float64) / np.linalg.norm(light_from) + (0, 0, 1)
    return np.clip(facing(normal, half), 0, 1) ** sharpness
