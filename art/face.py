"""The head: its form, its skin, and the light on both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from canvas import colour, mirrored, smooth, spline, to_linear, to_srgb
from relief import Light, cast_shadow, cavity, facing, inflate, normals, shine

CX = 384.0


JAW = (
    (0, 140), (58, 145), (108, 172), (138, 222), (146, 285), (146, 345), (143, 400), (138, 446), (126, 490), (103, 530), (72, 562),
    (38, 582), (0, 587),
)  # fmt: skip
"""A square jaw, for :attr:`Face.outline`."""


@dataclass(frozen=True)
class Face:
    """Measures of one head, in units; x from the face's axis, y from the top of the image."""

    skin: str = "#e9b898"
    blush: str = "#d9776a"
    shade: str = "#a8604e"
    outline: tuple = (
        (0, 140), (58, 145), (106, 172), (134, 222), (142, 285), (142, 345), (138, 395), (130, 440), (114, 484), (91, 524),
        (63, 556), (34, 576), (0, 582),
    )  # fmt: skip
    eye_x: float = 65
    eye_y: float = 362
    eye_width: float = 69
    eye_height: float = 29
    eye_tilt: float = 2.0
    iris: str = "#6b4a2c"
    iris_size: float = 16.2
    nose_y: float = 449
    nose_width: float = 1.0
    nose_bridge: float = 1.0
    nose_tip: float = 1.0
    mouth_y: float = 503
    mouth_width: float = 53
    lips: str = "#c0605a"
    lip_tint: float = 0.85
    upper_lip: float = 1.0
    lower_lip: float = 1.0
    smile: float = 5.0
    brow: str = "#50331f"
    brow_y: float = 325
    brow_arch: float = 7
    brow_thick: float = 8
    age: float = 0.0
    beard: float = 0.0
    beard_colour: str = "#5b4a44"
    freckles: float = 0.0
    cheekbone: float = 1.0
    brow_ridge: float = 1.0
    chin: float = 1.0
    neck: float = 66
    gloss: float = 1.0
    lash: float = 1.0
    liner: str = "#1c1210"
    light: Light = field(default_factory=Light)


def closed_half(half):
    """A closed outline, mirrored about the face's axis, from its right half."""
    return spline(mirrored(half) + (CX, 0), closed=True)


def outline(face):
    return closed_half(face.outline)


def mouth_paths(face):
    """Upper and lower lip as closed outlines, and the line between them."""
    w, y, s = face.mouth_width, face.mouth_y, face.smile
    up, low = face.upper_lip, face.lower_lip
    line = [(-w, -s), (-w * 0.62, 0.5), (-w * 0.22, -1.6), (0, 1.0), (w * 0.22, -1.6), (w * 0.62, 0.5), (w, -s)]
    top = [
        (-w, -s),
        (-w * 0.6, -8 * up - s * 0.3),
        (-w * 0.21, -15.5 * up),
        (0, -12 * up),
        (w * 0.21, -15.5 * up),
        (w * 0.6, -8 * up - s * 0.3),
        (w, -s),
    ]
    bottom = [
        (w, -s),
        (w * 0.68, 12 * low),
        (w * 0.28, 20.5 * low),
        (0, 22 * low),
        (-w * 0.28, 20.5 * low),
        (-w * 0.68, 12 * low),
        (-w, -s),
    ]
    shift = np.array([CX, y])
    line, top, bottom = (spline(np.array(p) + shift) for p in (line, top, bottom))
    return np.vstack([top, line[::-1]]), np.vstack([line, bottom]), line


def form(c, face, head):
    """Height of the head over the image, in units."""
    z = inflate(c, head, 150)
    z = c.blur(z, 5)
    ey, ny, my = face.eye_y, face.nose_y, face.mouth_y
    for side in (-1, 1):
        ex = CX + side * face.eye_x
        z -= 13 * c.dab(ex - side * 6, ey - 6, 36, 20)
        z -= 5 * c.dab(CX + side * 24, ey + 2, 11, 17)
        z += 11 * c.dab(ex, ey + 1, face.eye_width * 0.40, 16)
        z += 6 * face.brow_ridge * c.dab(ex + side * 2, ey - 37, 42, 12, side * 5)
        z += 9 * face.cheekbone * c.dab(CX + side * 88, ey + 62, 38, 30, side * -25)
        z -= 8 * c.dab(CX + side * 138, ey - 38, 22, 44)
        z -= 4 * face.cheekbone * c.dab(CX + side * 104, my - 14, 26, 34)
        fold = spline([(CX + side * 30, ny - 4), (CX + side * 47, ny + 22), (CX + side * 60, my - 6)])
        z -= (2.0 + 2.0 * face.age) * np.exp(-0.5 * (c.distance(fold) / 8) ** 2)
        z -= 2.6 * face.age * np.exp(-0.5 * (c.distance(fold) / 2.6) ** 2)
        bag = spline([(ex - side * 26, ey + 18), (ex, ey + 27), (ex + side * 26, ey + 20)])
        z -= (1.0 + 2.6 * face.age) * np.exp(-0.5 * (c.distance(bag) / 3) ** 2)
        corner = (CX + side * (face.mouth_width + 3), my - face.smile)
        z -= 4.5 * c.dab(*corner, 8, 7)
        z += 2.5 * c.dab(corner[0] + side * 13, corner[1] + 2, 11, 14)
    # nose
    wide = face.nose_width
    run = (c.y - (ey - 26)) / (ny - 6 - (ey - 26))
    height = (9 * face.nose_bridge * smooth(0, 0.35, run) + 25 * np.clip(run, 0, 1.2) ** 1.7) * (
        1 - smooth(1.0, 1.2, run)
    )
    half = 12.5 * (0.82 + 0.30 * np.clip(run, 0, 1)) * (0.7 + 0.3 * wide)
    z += height * np.exp(-0.5 * np.abs((c.x - CX) / half) ** 2.3)
    z += 9 * face.nose_tip * c.dab(CX, ny - 6, 14 * wide, 11)
    for side in (-1, 1):
        z += 13 * c.dab(CX + side * 24 * wide, ny + 0, 8.5 * wide, 9)
        z -= 6 * c.dab(CX + side * 36 * wide, ny - 2, 5, 10, side * -20)
    # mouth and chin
    z += 9 * c.dab(CX, my - 2, 58, 34)
    upper, lower, line = mouth_paths(face)
    z += 5.5 * c.blur(c.mask(upper), 3.5) + 8 * c.blur(c.mask(lower), 4.5)
    z += 4 * c.dab(CX, my + 11, face.mouth_width * 0.42, 6)
    z -= 5 * np.exp(-0.5 * (c.distance(line) / 2.2) ** 2) * c.dab(CX, my, face.mouth_width * 0.8, 30)
    z -= 3.2 * c.dab(CX, my - 25, 5, 10) - 1.6 * (c.dab(CX - 9, my - 24, 4, 10) + c.dab(CX + 9, my - 24, 4, 10))
    z -= 7 * c.dab(CX, my + 34, 34, 8)
    z += 11 * face.chin * c.dab(CX, my + 60, 32, 20)
    if face.age > 0:
        for side in (-1, 1):  # from the corner of the mouth down
            crease = spline([(CX + side * 62, my + 4), (CX + side * 66, my + 22), (CX + side * 62, my + 42)])
            z -= 2.0 * face.age * np.exp(-0.5 * (c.distance(crease) / 3.4) ** 2)
            z += 4.0 * face.age * c.dab(CX + side * 88, my + 22, 22, 26)
        for k in range(3):
            y = face.brow_y - 44 - 24 * k
            crease = spline([(CX - 82, y + 5), (CX - 30, y - 2 + 3 * (k % 2)), (CX + 30, y - 1), (CX + 82, y + 6)])
            z -= 2.4 * face.age * np.exp(-0.5 * (c.distance(crease) / 2.4) ** 2)
        for side in (-1, 1):
            x = CX + side * (face.eye_x + face.eye_width * 0.5 + 6)
            for k, (dx, dy) in enumerate(((22, -9), (25, 1), (21, 11))):
                crease = spline([(x, ey + (k - 1) * 3), (x + side * dx * 0.5, ey + dy * 0.6), (x + side * dx, ey + dy)])
                z -= 1.9 * face.age * np.exp(-0.5 * (c.distance(crease) / 1.7) ** 2)
    return z


def complexion(c, face, head):
    """The skin's own colour, sRGB."""
    tone = np.broadcast_to(colour(face.skin), c.rgb.shape).copy()

    def tint(rgb, mask):
        nonlocal tone
        tone += (colour(rgb) - tone) * np.clip(mask, 0, 1)[..., None]

    ey, ny, my = face.eye_y, face.nose_y, face.mouth_y
    tone *= 1 + 0.012 * c.noise(26)[..., None] + 0.012 * c.noise(7)[..., None]
    for side in (-1, 1):
        tint(face.blush, 0.36 * c.dab(CX + side * 90, ey + 72, 40, 28, side * -18))
        tint(face.blush, 0.20 * c.dab(CX + side * 24, ny, 14, 14))
        tint(face.shade, 0.20 * c.dab(CX + side * (face.eye_x - 4), ey - 14, 32, 12))
        tint(face.shade, (0.12 + 0.12 * face.age) * c.dab(CX + side * (face.eye_x - 6), ey + 24, 26, 8))
    tint(face.blush, 0.26 * c.dab(CX, ny - 3, 18, 13))
    tint(face.blush, 0.14 * c.dab(CX, my + 62, 34, 18))
    if face.freckles:
        field = smooth(1.35, 2.0, c.noise(4.6)) * (0.5 + 0.5 * smooth(-1, 1, c.noise(22)))
        where = c.dab(CX - 70, ey + 52, 52, 28) + c.dab(CX + 70, ey + 52, 52, 28) + c.dab(CX, ey + 50, 34, 26)
        tint("#a5623c", face.freckles * field * np.clip(where, 0, 1))
    if face.beard:
        cheek = mirrored(
            [
                (0, my - 32),
                (30, my - 30),
                (56, my - 26),
                (88, my - 22),
                (122, my - 60),
                (146, my - 96),
                (160, my - 40),
                (140, my + 60),
                (60, my + 110),
                (0, my + 112),
            ]
        )
        area = c.mask(spline(cheek + (CX, 0), closed=True), 9)
        area *= 1 - 0.55 * c.dab(CX, my + 28, 30, 9)
        tint(face.beard_colour, face.beard * area * (0.85 + 0.22 * c.noise(3)))
    upper, lower, line = mouth_paths(face)
    lips = c.mask(np.vstack([upper[: len(upper) // 2], lower[len(lower) // 2 :]]), 1.5)
    grain = 1 + 0.03 * c.noise(3.5)[..., None]
    tone += (colour(face.lips) * grain - tone) * (lips * face.lip_tint)[..., None]
    tint("#4c1f1d", 0.16 * c.mask(upper, 2.5))
    return tone, lips, line


def shade(c, face, z, tone, mask, wet=0.0, gloss=1.0, shadow=True):
    """Light a skin-like surface; red light travels furthest under skin, so its form is softer."""
    light = face.light
    blocked = 0.72 * cast_shadow(c, z, light.key_from) if shadow else 0.0
    closed = cavity(c, z)
    out = np.zeros_like(c.rgb)
    base = to_linear(tone)
    for i, (soften, wrap) in enumerate(((7.0, 0.34), (3.6, 0.22), (2.4, 0.16))):
        n = normals(c, z, soften)
        key = np.clip((facing(n, light.key_from) + wrap) / (1 + wrap), 0, 1) ** 1.25
        fill = np.clip((facing(n, light.fill_from) + 0.3) / 1.3, 0, 1)
        lit = light.key[i] * key * (1 - blocked * (0.86, 0.98, 1.0)[i]) + light.fill[i] * fill + light.ambient[i]
        out[..., i] = base[..., i] * lit * (1 - closed * (0.62, 0.82, 0.86)[i])
    n = normals(c, z, 1.6)
    rough = 1 + 0.12 * c.noise(2.2)
    spec = 0.085 * shine(n, light.key_from, 16) + 0.10 * shine(n, light.key_from, 60)
    spec = spec * rough * gloss * (1 - blocked) * (1 - closed) + wet * 0.34 * shine(n, light.key_from, 42)
    edge = np.clip(1 - n[2], 0, 1) ** 2.2 * np.clip(facing(n, light.rim_from) + 0.1, 0, 1)
    out += spec[..., None] * np.float32((1.0, 0.95, 0.88))
    out += edge[..., None] * np.float32(light.rim) * 1.5
    out *= 0.62
    out = out * (1 + out / 3.2) / (1 + out)  # a soft shoulder: nothing burns out
    c.paint(to_srgb(out * 1.18), mask)


def paint_head(c, face):
    path = outline(face)
    head = c.mask(path)
    z = form(c, face, head)
    tone, lips, line = complexion(c, face, head)
    shade(c, face, z, tone, c.mask(path, 0.5), wet=lips, gloss=face.gloss)
    finish_mouth(c, face, line)
    finish_nose(c, face)


def finish_mouth(c, face, line):
    w = face.mouth_width
    deep = colour("#3a1413")
    c.multiply(colour("#8a4a44"), 0.35 * c.taper(line, (4, 7, 8, 7, 4), 2.2))
    c.paint(deep, 0.80 * c.taper(line, (0.6, 1.8, 2.6, 2.3, 2.6, 1.8, 0.6), 0.5))
    for side in (-1, 1):
        c.multiply(colour("#8a4a44"), 0.4 * c.dab(CX + side * (w + 1), face.mouth_y - face.smile, 4.5, 3.2))
    c.multiply(colour("#a86a5c"), 0.22 * c.dab(CX, face.mouth_y + 29 * face.lower_lip, w * 0.42, 5))


def finish_nose(c, face):
    y, wide = face.nose_y, face.nose_width
    dark = colour("#3b1a14")
    for side in (-1, 1):
        x = CX + side * 13 * wide
        hole = spline(
            [
                (x - side * 8, y + 12),
                (x, y + 8.5),
                (x + side * 9, y + 10.5),
                (x + side * 5, y + 14.5),
                (x - side * 4, y + 15),
            ],
            closed=True,
        )
        c.paint(dark, 0.62 * c.mask(hole, 1.5))
        wing = spline(
            [
                (CX + side * 28 * wide, y - 12),
                (CX + side * 35 * wide, y + 1),
                (CX + side * 28 * wide, y + 13),
                (CX + side * 20 * wide, y + 14),
            ]
        )
        c.multiply(colour("#9a5646"), 0.34 * c.taper(wing, (1, 4, 5, 2), 1.6))
    c.multiply(colour("#a86452"), 0.35 * c.dab(CX, y + 17, 20 * wide, 4))
