"""Neck and ears, the wall behind, and the last touches."""

from __future__ import annotations

import cv2
import numpy as np
from canvas import colour, mirrored, smooth, spline
from face import CX, outline, shade
from relief import inflate


def neck_outline(face, shoulder=300):
    n = face.neck
    half = [
        (0, 470),
        (n - 4, 474),
        (n - 1, 540),
        (n + 2, 600),
        (n + 12, 640),
        (n + 44, 668),
        (shoulder * 0.62, 694),
        (shoulder, 730),
        (shoulder + 50, 800),
        (shoulder + 60, 860),
        (0, 870),
    ]
    return spline(mirrored(half) + (CX, 0), closed=True)


def paint_neck(c, face, shoulder=300):
    path = neck_outline(face, shoulder)
    z = c.blur(inflate(c, c.mask(path), 95), 5)
    for side in (-1, 1):
        cord = spline([(CX + side * (face.neck - 2), 520), (CX + side * 44, 620), (CX + side * 16, 688)])
        z += 5 * np.exp(-0.5 * (c.distance(cord) / 9) ** 2)
        bone = spline([(CX + side * 18, 700), (CX + side * 90, 694), (CX + side * 190, 700)])
        z += 6 * np.exp(-0.5 * (c.distance(bone) / 7) ** 2)
        z -= 5 * c.dab(CX + side * 96, 680, 50, 9)
    z -= 6 * c.dab(CX, 694, 10, 9)
    tone = np.broadcast_to(colour(face.skin), c.rgb.shape) * (0.97 + 0.012 * c.noise(24)[..., None])
    tone = tone + (colour(face.blush) - tone) * (0.10 * c.dab(CX, 690, 90, 40))[..., None]
    shade(c, face, z, tone.astype(np.float32), c.mask(path, 0.7), gloss=0.55 * face.gloss, shadow=False)
    under = cv2.warpAffine(
        c.mask(outline(face) + (0, c.up)), np.float32([[1, 0, 12 * c.scale], [0, 1, 40 * c.scale]]), (c.n, c.n)
    )
    c.multiply(colour(face.shade) * 0.82, 0.72 * c.blur(under, 9) * c.mask(path, 1))
    under = cv2.warpAffine(
        c.mask(outline(face) + (0, c.up)), np.float32([[1, 0, 2 * c.scale], [0, 1, 9 * c.scale]]), (c.n, c.n)
    )
    c.multiply(colour(face.shade) * 0.7, 0.55 * c.blur(under, 5) * c.mask(path, 1))


def paint_ear(c, face, side, y=None, size=1.0):
    y = face.eye_y + 34 if y is None else y
    x = CX + side * (max(p[0] for p in face.outline) - 3)
    rim = [(0, -42), (9, -50), (20, -46), (25, -30), (23, -8), (17, 14), (11, 32), (2, 40), (-6, 34), (-8, 0)]
    place = lambda points: spline([(x + side * px * size, y + py * size) for px, py in points], closed=True)  # noqa: E731
    path = place(rim)
    z = inflate(c, c.mask(path), 16)
    inner = place([(4, -30), (13, -36), (17, -26), (15, -8), (9, 10), (3, 14), (0, 0)])
    z -= 8 * c.mask(inner, 2.5)
    z += 4 * np.exp(
        -0.5 * (c.distance(spline([(x + side * 6, y - 22), (x + side * 11, y - 6), (x + side * 5, y + 12)])) / 2.6) ** 2
    )
    tone = np.broadcast_to(colour(face.skin), c.rgb.shape).copy()
    tone += (colour(face.blush) - tone) * 0.2
    shade(c, face, c.blur(z, 1), tone, c.mask(path, 0.7), gloss=0.6, shadow=False)
    c.multiply(colour(face.shade), 0.62 * c.mask(place([(2, -12), (8, -14), (10, 0), (4, 10), (-2, 8)]), 3))
    c.multiply(colour(face.shade), 0.35 * c.mask(path, 1) * c.dab(x - side * 4, y, 6, 40))


def backdrop(c, top, bottom, glow, glow_at=(230, 240), glow_size=260, lamps=()):
    """A soft studio wall, lit from one side, with out-of-focus lights."""
    t = smooth(0, 768, c.y)[..., None]
    c.rgb[:] = colour(top) * (1 - t) + colour(bottom) * t
    c.glow(colour(glow), 0.75 * c.dab(*glow_at, glow_size, glow_size * 0.9))
    c.rgb *= 1 + 0.03 * c.noise(150)[..., None] + 0.015 * c.noise(40)[..., None]
    for x, y, r, rgb, strength in lamps:
        far = np.hypot(c.x - x, c.y - y) / r
        disc = (1 - smooth(0.86, 1.02, far)) * (0.7 + 0.3 * far)
        c.glow(colour(rgb), strength * c.blur(disc.astype(np.float32), r * 0.10))


def tilt(c, degrees, centre=(384, 470), reach=300):
    """Turn the head a little in the image, and take the mirror's stiffness out of the face."""
    dx, dy = c.x - centre[0], c.y - centre[1]
    turn = np.radians(degrees) * np.exp(-((np.hypot(dx, dy * 0.85) / reach) ** 4))
    x = centre[0] + dx * np.cos(turn) + dy * np.sin(turn) + 0.9 * c.noise(120)
    y = centre[1] + dy * np.cos(turn) - dx * np.sin(turn) + 0.9 * c.noise(120)
    at = [(axis * c.scale - 0.5).astype(np.float32) for axis in (x, y)]
    c.rgb[:] = cv2.remap(c.rgb, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def finish(c, vignette=0.35, grain=0.006):
    far = np.hypot((c.x - 384) / 560, (c.y - 360) / 600)
    c.rgb *= 1 - vignette * smooth(0.55, 1.25, far)[..., None]
    np.clip(c.rgb, 0, 1, out=c.rgb)
    c.rgb += 0.10 * (c.rgb - 0.45) * 4 * c.rgb * (1 - c.rgb)  # a little more contrast
    grey = c.rgb.mean(axis=2, keepdims=True)
    c.rgb[:] = grey + (c.rgb - grey) * np.float32((1.10, 1.08, 1.04)) + np.float32((0.012, 0.006, 0.0))
    c.rgb += grain * c.noise(1.5)[..., None] * (0.4 + c.rgb * (1 - c.rgb))
    np.clip(c.rgb, 0, 1, out=c.rgb)
