"""A girl from a picture book: large green eyes, freckles, ginger hair in a bun."""

from __future__ import annotations

import numpy as np
from body import backdrop, finish, paint_ear, paint_neck, tilt
from canvas import colour
from clothes import CREW, SHOULDERS, cloth, drop_shadow, garment, rib
from eyes import paint_eyes
from face import CX, Face, closed_half, paint_head
from hair import Hair, comb, dome, mass, shadow_on
from relief import Light


def paint(c):
    light = Light(key=(2.7, 2.45, 2.15), fill=(0.6, 0.55, 0.6), rim=(0.9, 0.9, 0.7))
    round_head = (
        (0, 140), (62, 146), (116, 176), (147, 228), (155, 290), (155, 352), (150, 404), (138, 450), (115, 494), (84, 530), (50, 556), (26, 568), (0, 571),
    )  # fmt: skip
    face = Face(
        light=light, skin="#f2c4a6", blush="#ec8070", shade="#b26a54", outline=round_head, eye_x=70, eye_y=366, eye_width=84, eye_height=48, eye_tilt=2,
        iris="#4d8f5e", iris_size=22.5, brow="#9a4a1e", brow_y=313, brow_arch=9, brow_thick=8.5, lips="#d3675f", lip_tint=0.8, upper_lip=0.9, lower_lip=0.95,
        smile=8, mouth_width=46, mouth_y=502, nose_y=447, nose_width=0.86, nose_bridge=0.45, nose_tip=1.25, freckles=1.0, cheekbone=1.3, chin=0.9, neck=54,
        lash=1.25, liner="#2e1710", brow_ridge=0.4,
    )  # fmt: skip
    hair = Hair(base="#8a3510", tip="#c8641f", sheen="#ffc27a", gloss=1.0, rim=0.8)
    backdrop(c, "#2f8a8a", "#1c4f5c", "#a8e0c0", (220, 240), 300)
    for x, y, turn, size, rgb in (
        (70, 560, 30, 150, "#1f6a62"),
        (20, 380, 62, 130, "#2a7d70"),
        (700, 600, -35, 160, "#1f6a62"),
        (752, 400, -66, 130, "#2a7d70"),
        (650, 700, -12, 130, "#2f8f78"),
        (130, 690, 14, 130, "#2f8f78"),
    ):
        leaf(c, x, y, turn, size, rgb)
    knot = closed_half([(0, 34), (40, 38), (66, 64), (68, 98), (44, 126), (0, 134)])
    whole = closed_half(
        [
            (0, 102),
            (76, 110),
            (136, 146),
            (170, 210),
            (180, 300),
            (174, 400),
            (164, 460),
            (146, 480),
            (120, 460),
            (0, 480),
        ]
    )
    volume = np.maximum(dome(c, whole, 150), dome(c, knot, 70))
    mass(c, hair, knot, 0.5, 2)
    loops = [
        [(CX - 60, 112), (CX - 66, 70), (CX - 20, 40), (CX + 40, 44), (CX + 64, 84)],
        [(CX - 30, 124), (CX - 44, 92), (CX - 8, 66), (CX + 34, 74), (CX + 46, 106)],
        [(CX + 10, 128), (CX - 20, 110), (CX - 2, 88), (CX + 22, 96), (CX + 24, 118)],
    ]
    comb(c, hair, loops, volume, 900, light=light, wave=1.5, depth=0.1)
    mass(c, hair, whole, 0.55, 3)
    with c.lifted(24):
        paint_neck(c, face)
        top = garment(SHOULDERS)
        stripes = np.where(
            (np.sin((c.y + 0.00025 * (c.x - CX) ** 2) * 0.235) > 0)[..., None], colour("#f4ead8"), colour("#c8493c")
        ).astype(np.float32)
        drop_shadow(c, top, 0.5, 2, -7, 6)
        folds = [([(240, 690), (290, 740), (300, 800)], -5, 8), ([(530, 690), (480, 742), (462, 800)], -5, 8)]
        cloth(c, light, top, "#ffffff", weave=0.03, texture=stripes, folds=folds)
        rib(c, CREW, 13, "#c8493c")
    for side in (-1, 1):
        paint_ear(c, face, side, size=0.9)
    paint_head(c, face)
    paint_eyes(c, face)
    left = [
        [(384, 116), (378, 150), (376, 196), (374, 236), (378, 270)],
        [(378, 112), (334, 142), (318, 190), (308, 240), (312, 280)],
        [(368, 110), (292, 136), (262, 190), (252, 250), (256, 300)],
        [(364, 107), (264, 132), (230, 200), (224, 290), (228, 400), (236, 506)],
        [(362, 102), (246, 126), (202, 210), (200, 310), (206, 420), (216, 520)],
    ]
    right = [
        [(380, 116), (382, 150), (382, 196), (378, 236), (370, 270)],
        [(384, 112), (430, 142), (440, 190), (436, 236), (424, 276)],
        [(384, 112), (476, 138), (500, 190), (500, 246), (488, 296)],
        [(392, 108), (506, 134), (538, 204), (544, 290), (540, 400), (532, 506)],
        [(398, 102), (522, 126), (566, 210), (568, 310), (562, 420), (552, 520)],
    ]
    shadow_on(
        c,
        face,
        [(240, 340), (256, 300), (298, 284), (356, 268), (424, 276), (490, 300), (530, 340)],
        strength=0.5,
        width=12,
    )
    for part in (left, right):
        comb(c, hair, part, volume, 1500, depth=0.4, wave=2, light=light, width=1.2)
        comb(c, hair, part, volume, 4200, wave=2, light=light, pull=0.7, width=0.7, clumps=48)
        comb(c, hair, part, volume, 60, wave=7, light=light, width=0.4, pull=0, loose=0.06)
    tilt(c, 2.0)
    finish(c, vignette=0.25)


def leaf(c, x, y, turn, size, rgb):
    """A soft leaf on the wall, its tip away from (x, y)."""
    t = np.linspace(0, 1, 40)
    half = np.sin(np.pi * t**0.8) * size * 0.26
    points = np.concatenate([np.stack([half, -t * size], 1), np.stack([-half, -t * size], 1)[::-1]])
    angle = np.radians(turn)
    turned = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + (x, y)
    c.multiply((0.4, 0.5, 0.5), 0.35 * c.mask(turned + (6, 8), 9))
    c.paint(colour(rgb), 0.85 * c.mask(turned, 2.0))
    rib_line = np.array([(x, y), (x + np.sin(angle) * size, y - np.cos(angle) * size)])
    c.glow(colour("#bfe8c8"), 0.16 * c.taper(rib_line, (4, 0.5), 1.5))
