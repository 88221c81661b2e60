"""Clothes: fabric over an outline, with folds, ribs, collars and lapels."""

from __future__ import annotations

import numpy as np
from canvas import colour, mirrored, resample, spline, to_linear, to_srgb
from face import CX
from relief import cavity, facing, inflate, normals

SHOULDERS = (
    (0, 700),
    (56, 690),
    (98, 664),
    (122, 650),
    (186, 666),
    (254, 686),
    (312, 714),
    (348, 756),
    (370, 830),
    (364, 900),
    (0, 900),
)
"""The right half of a crew-necked garment."""

BROAD = (
    (0, 700),
    (56, 688),
    (100, 660),
    (126, 646),
    (210, 664),
    (300, 694),
    (362, 744),
    (410, 820),
    (400, 900),
    (0, 900),
)
"""The same on broad shoulders."""

CREW = [(CX - 118, 654), (CX - 94, 670), (CX - 54, 694), (CX, 704), (CX + 54, 694), (CX + 94, 670), (CX + 118, 654)]
"""A round neckline."""


def garment(half):
    return spline(mirrored(half) + (CX, 0), closed=True)


def both(points):
    """A part of a garment on both sides, each as a closed outline."""
    points = np.asarray(points, np.float64)
    return [points + (CX, 0), points * (-1, 1) + (CX, 0)]


def cloth(c, light, path, rgb, *, height=64, folds=(), weave=0.0, sheen=0.05, soft=2.5, texture=None):
    """A piece of clothing over an outline. ``folds`` are (curve, depth, width)."""
    mask = c.mask(path, 0.7)
    z = c.blur(inflate(c, c.mask(path), height), 5) + 1.6 * c.noise(90)
    for curve, depth, width in folds:
        z += depth * np.exp(-0.5 * (c.distance(spline(curve)) / width) ** 2)
    base = np.broadcast_to(colour(rgb), c.rgb.shape) if texture is None else texture
    base = to_linear(base) * (1 + weave * c.noise(1.6)[..., None])
    n = normals(c, z, soft)
    key = np.clip((facing(n, light.key_from) + 0.18) / 1.18, 0, 1)
    fill = np.clip(facing(n, light.fill_from), 0, 1)
    lit = (
        key[..., None] * np.float32(light.key)
        + fill[..., None] * np.float32(light.fill)
        + np.float32(light.ambient) * 0.9
    )
    out = base * lit * (1 - cavity(c, z))[..., None] * 0.62
    half = np.array(light.key_from) + (0, 0, 1)
    out += (sheen * np.clip(facing(n, half), 0, 1) ** 18)[..., None]
    edge = np.clip(1 - n[2], 0, 1) ** 2 * np.clip(facing(n, light.rim_from), 0, 1)
    out += edge[..., None] * np.float32(light.rim) * 0.6
    c.paint(to_srgb(out / (1 + out * 0.25)), mask)
    return mask


def rib(c, curve, width, rgb, spacing=4.2, lean=0.0):
    """A ribbed band along a neckline or a cuff."""
    curve = resample(spline(curve), 240)
    band = c.taper(curve, (width, width, width), 0.7)
    c.paint(c.rgb * 0.45 + colour(rgb) * 0.53, band)
    c.multiply((0.62, 0.56, 0.52), 0.40 * c.taper(curve + (0, width * 0.55), (3, 4, 3), 2.0))
    tangent = np.gradient(curve, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.hypot(*tangent.T)[:, None]
    length = np.cumsum(np.hypot(*tangent.T))
    for at in np.arange(spacing, length[-1], spacing):
        k = int(np.searchsorted(length, at))
        line = np.array([curve[k] - normal[k] * width * 0.46, curve[k] + normal[k] * width * 0.46 + (lean, 0)])
        c.multiply_near((0.66, 0.60, 0.55), line, 1.5, 0.4)
    c.glow(colour("#fff4e4"), 0.14 * c.taper(curve - (0, width * 0.3), (1, 2, 1), 1.2))


def stitch(c, curve, rgb, width=2.0, strength=0.6, blur=0.8):
    c.multiply(colour(rgb), strength * c.taper(spline(curve), (width, width, width), blur))


def drop_shadow(c, path, strength=0.5, dx=3, dy=8, blur=8, within=None):
    """Darken what lies under a piece before it is painted."""
    shadow = c.mask(np.asarray(path) + (dx, dy), blur)
    c.multiply((0.42, 0.30, 0.28), strength * (shadow if within is None else shadow * within))


def collar(c, light, rgb, *, drop=58, wide=74, base=92):
    """A shirt's two collar wings, over an open neck."""
    wing = [
        (base - 6, 636),
        (base + 12, 656),
        (wide, 690 + drop * 0.5),
        (wide * 0.52, 690 + drop),
        (20, 706),
        (48, 690),
        (base - 20, 662),
    ]
    for path in both(wing):
        drop_shadow(c, path, 0.55, 2, 6, 5)
        cloth(c, light, path, rgb, height=16, weave=0.015, soft=1.5)
        edge = np.vstack([path, path[:1]])
        c.multiply((0.55, 0.5, 0.5), 0.30 * c.taper(edge, (1.2, 1.2), 0.8))


def lapels(c, light, rgb, *, deep=130):
    """A jacket's lapels."""
    lapel = [
        (112, 652),
        (150, 676),
        (142, 712),
        (120, 724),
        (128, 742),
        (60, 790),
        (18, 830),
        (4, 830),
        (30, 760),
        (70, 700),
    ]
    for path in both(lapel):
        drop_shadow(c, path, 0.6, 2, 5, 6)
        cloth(c, light, path, rgb, height=20, weave=0.03, soft=2)
        c.multiply((0.4, 0.4, 0.45), 0.45 * c.taper(np.vstack([path, path[:1]]), (1.3, 1.3), 0.7))


def beads(c, light, curve, count, size, rgb):
    """A string of beads."""
    for x, y in resample(spline(curve), count):
        c.multiply((0.45, 0.35, 0.32), 0.6 * c.dab(x + 1, y + size * 0.8, size * 0.9))
        far = np.hypot(c.x - x, c.y - y) / size
        ball = (
            colour(rgb)
            * (1.05 - 0.55 * np.clip(np.hypot(c.x - x + size * 0.3, c.y - y + size * 0.35) / size - 0.2, 0, 1.2))[
                ..., None
            ]
        )
        c.paint(ball, np.clip((1 - far) * size * 1.5, 0, 1))
        c.glow(colour("#ffffff"), 0.85 * c.dab(x - size * 0.32, y - size * 0.36, size * 0.20))
