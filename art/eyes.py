"""Eyes, lids, lashes and brows."""

from __future__ import annotations

import numpy as np
from canvas import colour, resample, smooth, spline
from face import CX


def lids(face, side):
    """Upper and lower lid edge from the inner corner to the outer one."""
    x, y, w, h = CX + side * face.eye_x, face.eye_y, face.eye_width / 2, face.eye_height
    t = face.eye_tilt
    upper = [
        (-w, 3.5),
        (-w * 0.72, -h * 0.17),
        (-w * 0.25, -h * 0.48),
        (w * 0.2, -h * 0.51),
        (w * 0.65, -h * 0.31),
        (w, -t + 0.5),
    ]
    lower = [
        (-w, 3.5),
        (-w * 0.6, h * 0.27),
        (-w * 0.1, h * 0.42),
        (w * 0.45, h * 0.38),
        (w * 0.8, h * 0.18),
        (w, -t + 0.5),
    ]
    place = lambda points: spline([(x + side * px, y + py) for px, py in points])  # noqa: E731
    return place(upper), place(lower)


def paint_eye(c, face, side):
    upper, lower = lids(face, side)
    x, y, r = CX + side * face.eye_x, face.eye_y - 1.0, face.iris_size
    opening = np.vstack([upper, lower[::-1]])
    inside = c.mask(opening, 0.5)
    # the ball
    ball = np.broadcast_to(colour("#efe6e0"), c.rgb.shape).copy()
    far = np.hypot((c.x - x) / (face.eye_width * 0.56), (c.y - y) / (face.eye_height * 0.75))
    ball *= 1 - 0.26 * smooth(0.45, 1.2, far)[..., None]
    ball += (colour("#d79a8c") - ball) * (0.5 * c.dab(x - side * face.eye_width * 0.47, y + 4, 5.5, 4))[..., None]
    ball += (colour("#cf9a90") - ball) * (0.22 * c.dab(x + side * face.eye_width * 0.47, y, 8, 6))[..., None]
    # iris: a dark rim, fibres, light gathered in its lower part, a warm ring round the pupil
    dx, dy = (c.x - x) / r, (c.y - y) / r
    rho, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    fibres = sum(
        np.cos(angle * n + p + 2.2 * rho) * a
        for n, p, a in ((17, 0.3, 0.5), (29, 1.9, 0.45), (43, 4.0, 0.35), (61, 2.2, 0.25))
    )
    base = colour(face.iris)
    iris = base * (0.78 + 0.10 * fibres[..., None] * smooth(0.25, 0.6, rho)[..., None])
    iris *= (0.72 + 0.75 * smooth(-0.5, 1.0, dy * 0.8 + dx * 0.35))[..., None]
    iris += (base * 0.5 + colour("#c98b45") * 0.5 - iris) * (0.32 * smooth(0.72, 0.42, rho))[..., None]
    iris *= 1 - 0.72 * smooth(0.74, 1.0, rho)[..., None]
    iris *= 1 - 0.95 * smooth(0.47, 0.37, rho)[..., None]
    edge = np.clip((1.04 - rho) * r * 0.6 + 0.3, 0, 1)
    ball += (iris - ball) * edge[..., None]
    # the upper lid's shadow on the ball, then light on its wet front
    shadow = np.exp(-0.5 * (np.clip(c.distance(upper) - 1.0, 0, None) / 4.6) ** 2)
    ball *= 1 - shadow[..., None] * np.float32((0.54, 0.60, 0.58))
    c.paint(ball, inside)
    q = r / 16
    window = [(-8.4, -7.2), (-3.2, -8.2), (-2.6, -2.9), (-7.4, -2.2)]
    window = spline([(x + px * q, y + py * q) for px, py in window], closed=True)
    c.glow(colour("#fffaf2"), 0.97 * c.mask(window, 0.7) * inside)
    c.glow(colour("#cfe0f2"), 0.40 * c.dab(x + 5.6 * q, y + 5.6 * q, 3.0 * q, 2.2 * q) * inside)
    # lids
    wet = lower + (0, 0.6)
    c.paint(colour("#d89f90"), 0.55 * c.taper(wet, (0.4, 2.2, 2.4, 2.2, 0.6), 0.5))
    c.glow(colour("#ffffff"), 0.30 * c.taper(lower[len(lower) // 4 : -len(lower) // 4], (0.2, 1.0, 0.2), 0.4))
    c.multiply(colour("#7a4438"), 0.50 * c.taper(lower + (0, 3.2), (0.5, 2.2, 2.6, 3.0, 1.0), 1.4))
    liner = colour(face.liner)
    c.multiply(colour("#8a5040"), 0.55 * c.taper(upper + (0, -3.2), (2, 5, 6, 6, 4), 2.0))
    tail = upper[-1] + np.array([[side * 3.0, -1.6 - face.eye_tilt * 0.3]]) * face.lash
    c.paint(liner, 0.92 * c.taper(np.vstack([upper, tail]), (0.6, 1.7, 2.7, 3.2, 3.0, 0.5), 0.6))
    crease = resample(upper, 30) + np.stack(
        [np.linspace(side * 2, side * 1.5, 30), -7.0 - 4.0 * np.sin(np.linspace(0.1, 3.0, 30))], 1
    )
    c.multiply(colour("#7a4336"), 0.62 * c.taper(crease, (0.4, 2.6, 3.4, 3.0, 0.8), 1.0))
    c.multiply(colour("#a0644f"), 0.30 * c.taper(crease + (0, -3), (2, 9, 11, 9, 3), 3.4))
    c.glow(colour("#ffdcc4"), 0.16 * c.taper((crease + resample(upper, 30)) / 2, (0.5, 4, 5, 3, 0.5), 1.8))
    # lashes
    along = resample(upper, 60)
    for k in range(6, 60):
        t = k / 59
        if k % 2 and t < 0.3:
            continue
        reach = (2.4 + 8.6 * t - 4.5 * smooth(0.86, 1.0, t)) * face.lash * c.rng.uniform(0.8, 1.1)
        lean = side * (-0.35 + 1.9 * t)
        root = along[k] + (0, -0.6)
        tip = root + np.array([lean * 0.72, -0.72]) * reach
        mid = (root + tip) / 2 + np.array([side * 0.16, 0.16]) * reach
        c.hairline(liner, spline([root, mid, tip], steps=6), (1.1, 0.75, 0.2), 0.8)
    along = resample(lower, 40)
    for k in range(14, 39, 2):
        reach = (2.0 + 2.0 * k / 40) * face.lash * c.rng.uniform(0.7, 1.1)
        root = along[k] + (0, 1.6)
        tip = root + np.array([side * (-0.2 + 0.9 * k / 40), 0.8]) * reach
        c.hairline(liner, np.array([root, tip]), (0.9, 0.2), 0.15)


def paint_brow(c, face, side):
    x, y, t = CX + side * face.eye_x, face.brow_y, face.brow_thick
    tilt = face.eye_tilt * 0.5
    spine = spline(
        [
            (x - side * 36, y + 6),
            (x - side * 14, y - 1 - face.brow_arch * 0.2),
            (x + side * 14, y - face.brow_arch),
            (x + side * 46, y + 4 - tilt),
        ]
    )
    hair = colour(face.brow)
    c.paint(hair, 0.36 * c.taper(spine, (t * 0.15, t * 0.8, t, t * 0.75, t * 0.1), 2.8))
    spine = resample(spine, 100)
    for _ in range(300):
        u = c.rng.beta(1.1, 1.25)
        k = int(u * 98)
        width = t * np.interp(u, (0, 0.2, 0.5, 0.8, 1), (0.55, 0.95, 0.95, 0.65, 0.12))
        off = c.rng.uniform(-0.5, 0.5)
        root = spine[k] + (0, off * width)
        grow = np.array([side * (0.25 + 1.0 * u), -0.95 + 1.15 * u + off * 0.9 * u])
        grow /= np.hypot(*grow)
        length = c.rng.uniform(6, 10.5) * (1 - 0.3 * u)
        tip = root + grow * length
        mid = (root + tip) / 2 + np.array([side * 0.6, -0.5])
        shade = hair * c.rng.uniform(0.65, 1.25)
        c.hairline(shade, spline([root, mid, tip], steps=4), (1.0, 0.8, 0.2), 0.46 * min(1.0, 0.15 + 3.2 * u))


def paint_eyes(c, face):
    """Both eyes and both brows."""
    for side in (-1, 1):
        paint_eye(c, face, side)
        paint_brow(c, face, side)
