"""The image being painted, and the brushes: curves, masks, noise and blur.

Everything is measured in units of a 768 by 768 image, whatever the scale it is painted at.
Colours are sRGB, float32 in [0, 1].
"""

from __future__ import annotations

from contextlib import contextmanager

import cv2
import numpy as np

SIDE = 768
_SHIFT = 6


def colour(text):
    """``#rrggbb`` as a float32 triple."""
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def to_linear(rgb):
    return np.power(np.clip(rgb, 0, 1), 2.2)


def to_srgb(rgb):
    return np.power(np.clip(rgb, 0, None), 1 / 2.2)


def smooth(low, high, x):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def spline(points, closed=False, steps=14):
    """A centripetal-like Catmull-Rom curve through the points, as (n, 2)."""
    p = np.asarray(points, np.float64)
    p = np.vstack([p[-1], p, p[:2]]) if closed else np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3))
    if not closed:
        parts.append(p[-2:-1])
    return np.vstack(parts)


def mirrored(half):
    """A closed outline from its right half, which runs from the top of the axis to its bottom (x from the axis)."""
    half = np.asarray(half, np.float64)
    return np.vstack([half, (half * (-1, 1))[-2:0:-1]])


def resample(curve, n):
    steps = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    at = np.linspace(0, steps[-1], n)
    return np.stack([np.interp(at, steps, curve[:, 0]), np.interp(at, steps, curve[:, 1])], 1)


class Canvas:
    def __init__(self, scale, seed):
        self.scale = scale
        self.n = SIDE * scale
        axis = (np.arange(self.n, dtype=np.float32) + 0.5) / scale
        self.x, self.y = np.meshgrid(axis, axis)
        self.up = 0.0
        self.rgb = np.zeros((self.n, self.n, 3), np.float32)
        self.rng = np.random.default_rng(seed)

    @contextmanager
    def lifted(self, up):
        """What is painted inside lands ``up`` units higher."""
        self.up, self.y = self.up + up, self.y + up
        try:
            yield
        finally:
            self.up, self.y = self.up - up, self.y - up

    def blur(self, image, sigma):
        """Gaussian blur; wide ones on a smaller image, as nobody sees the difference."""
        sigma *= self.scale
        if sigma < 0.3:
            return image
        step = 1
        while sigma / step > 10:
            step *= 2
        if step == 1:
            return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        small = cv2.resize(image, (self.n // step, self.n // step), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
        return cv2.resize(small, (self.n, self.n), interpolation=cv2.INTER_CUBIC)

    def mask(self, outline, blur=0.0):
        """1 inside a closed outline, antialiased."""
        points = np.round(((np.asarray(outline) - (0, self.up)) * self.scale - 0.5) * (1 << _SHIFT)).astype(np.int32)
        image = np.zeros((self.n, self.n), np.uint8)
        cv2.fillPoly(image, [points], 255, cv2.LINE_AA, _SHIFT)
        return np.clip(self.blur(image.astype(np.float32) / 255, blur), 0, 1)

    def taper(self, curve, widths, blur=0.0):
        """A brush stroke along a curve, whose full width goes through ``widths``."""
        curve = resample(np.asarray(curve, np.float64), max(len(curve), 24))
        tangent = np.gradient(curve, axis=0)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / (np.hypot(*tangent.T)[:, None] + 1e-9)
        width = np.interp(np.linspace(0, 1, len(curve)), np.linspace(0, 1, len(widths)), widths)[:, None] / 2
        return self.mask(np.vstack([curve + normal * width, (curve - normal * width)[::-1]]), blur)

    def distance(self, curve):
        """Distance of every point from a curve."""
        points = resample(np.asarray(curve, np.float64), 200) - (0, self.up)
        image = np.full((self.n, self.n), 255, np.uint8)
        cv2.polylines(image, [np.round(points * self.scale).astype(np.int32)], False, 0, 1)
        return cv2.distanceTransform(image, cv2.DIST_L2, 5) / self.scale

    def dab(self, x, y, sx, sy=None, turn=0.0):
        """A Gaussian spot with its top 1."""
        sy = sx if sy is None else sy
        dx, dy = self.x - x, self.y - y
        if turn:
            c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
            dx, dy = dx * c + dy * s, dy * c - dx * s
        return np.exp(-0.5 * ((dx / sx) ** 2 + (dy / sy) ** 2))

    def noise(self, size):
        """Smooth noise with features of about ``size`` units, standard deviation 1."""
        cells = max(4, int(np.ceil(SIDE / size)) + 3)
        field = self.rng.standard_normal((cells, cells)).astype(np.float32)
        field = cv2.resize(field, (self.n, self.n), interpolation=cv2.INTER_CUBIC)
        return (field - field.mean()) / field.std()

    def paint(self, rgb, mask):
        """Lay a colour, or a whole image, over what is there."""
        self.rgb += (np.asarray(rgb, np.float32) - self.rgb) * mask[..., None]

    def multiply(self, rgb, mask):
        self.rgb *= 1 - mask[..., None] * (1 - np.asarray(rgb, np.float32))

    def glow(self, rgb, mask):
        """Add light."""
        self.rgb = 1 - (1 - np.clip(self.rgb, 0, 1)) * (1 - np.asarray(rgb, np.float32) * mask[..., None])

    def hairline(self, rgb, curve, widths, strength):
        """A fine stroke, worked out only where it is."""
        patch, mask = self._near(curve, widths)
        patch += (np.asarray(rgb, np.float32) - patch) * (mask * strength)[..., None]

    def multiply_near(self, rgb, curve, width, strength):
        patch, mask = self._near(curve, (width, width))
        patch *= 1 - (mask * strength)[..., None] * (1 - np.asarray(rgb, np.float32))

    def _near(self, curve, widths):
        curve = curve - (0, self.up)
        low = np.maximum(np.floor((curve.min(0) - 4) * self.scale).astype(int), 0)
        high = np.minimum(np.ceil((curve.max(0) + 4) * self.scale).astype(int), self.n)
        part = object.__new__(Canvas)
        part.up = 0.0
        part.scale, part.n = self.scale, max(int(max(high - low)), 1)
        patch = self.rgb[low[1] : low[1] + part.n, low[0] : low[0] + part.n]
        return patch, part.taper(curve - low / self.scale, widths, 0.25)[: patch.shape[0], : patch.shape[1]]
