"""A man of twenty-five with black waves over his forehead, in a teal hoodie."""

from __future__ import annotations

import numpy as np
from body import backdrop, finish, paint_ear, paint_neck, tilt
from canvas import colour, smooth, spline
from clothes import cloth, drop_shadow, garment, rib
from eyes import paint_eyes
from face import CX, JAW, Face, closed_half, paint_head
from hair import Hair, bristle, comb, dome, shadow_on
from relief import Light


def paint(c):
    light = Light(key=(2.8, 2.45, 2.1), fill=(0.5, 0.45, 0.45), rim=(1.0, 0.75, 0.5))
    face = Face(
        light=light, skin="#c08a62", blush="#b8604e", shade="#6e3d2a", outline=JAW, eye_x=64.5, eye_height=29, eye_width=67, eye_tilt=1.5, iris="#4a2e1a",
        brow="#17100d", brow_y=331, brow_arch=5, brow_thick=12, lips="#a5645a", lip_tint=0.75, upper_lip=0.95, lower_lip=1.0, smile=6, mouth_width=54,
        nose_width=1.1, nose_bridge=1.25, nose_tip=1.1, brow_ridge=1.4, chin=1.15, neck=78, lash=0.75, liner="#1e1411", beard=0.26, beard_colour="#4a3a34",
        gloss=1.1,
    )  # fmt: skip
    hair = Hair(base="#15110f", tip="#2c211b", sheen="#9c8a80", gloss=0.75, rim=0.9)
    backdrop(
        c,
        "#8a7862",
        "#4a3e3a",
        "#e6c48e",
        (210, 250),
        290,
        lamps=((640, 140, 64, "#f0c880", 0.20), (700, 280, 40, "#f0b070", 0.16), (590, 60, 34, "#f0d8a0", 0.14)),
    )
    with c.lifted(24):
        hood = closed_half([(0, 560), (96, 566), (146, 606), (170, 664), (160, 720), (0, 740)])
        cloth(c, light, hood, "#1f5f63", weave=0.05, height=50)
        c.multiply(
            (0.35, 0.35, 0.4),
            0.75 * c.mask(closed_half([(0, 580), (84, 586), (118, 620), (128, 670), (110, 720), (0, 740)]), 10),
        )
        paint_neck(c, face, 330)
        tee = garment(
            (
                (0, 716),
                (54, 704),
                (90, 676),
                (120, 650),
                (206, 662),
                (292, 682),
                (352, 712),
                (388, 760),
                (410, 830),
                (400, 900),
                (0, 900),
            )
        )
        cloth(c, light, tee, "#e9e4da", weave=0.012)
        rib(c, [(CX - 98, 670), (CX - 54, 706), (CX, 718), (CX + 54, 706), (CX + 98, 670)], 9, "#ebe6dd", spacing=3.4)
        for side in (-1, 1):
            front = spline(
                [
                    (CX + side * x, y)
                    for x, y in (
                        (128, 622),
                        (160, 650),
                        (226, 664),
                        (298, 684),
                        (356, 714),
                        (392, 760),
                        (414, 830),
                        (400, 900),
                        (20, 900),
                        (30, 830),
                        (64, 764),
                        (98, 706),
                        (116, 660),
                    )
                ],
                closed=True,
            )
            drop_shadow(c, front, 0.6, 0, 3, 7)
            folds = (
                ([(CX + side * 130, 660), (CX + side * 112, 720), (CX + side * 62, 790)], 7, 11),
                ([(CX + side * 160, 676), (CX + side * 140, 740), (CX + side * 100, 820)], -6, 8),
                ([(CX + side * 260, 700), (CX + side * 232, 800)], 4, 12),
            )
            cloth(c, light, front, "#2a7a7c", weave=0.05, folds=folds)
            cord = spline([(CX + side * 84, 736), (CX + side * 76, 770), (CX + side * 80, 830)])
            c.multiply((0.4, 0.4, 0.45), 0.6 * c.taper(cord + (3, 3), (6, 6), 2.5))
            c.paint(colour("#e8dfd0"), c.taper(cord, (5, 5), 0.6))
    for side in (-1, 1):
        paint_ear(c, face, side)
    paint_head(c, face)
    paint_eyes(c, face)
    skull = closed_half([(0, 84), (74, 92), (130, 126), (160, 190), (164, 270), (152, 350), (120, 560), (0, 600)])
    volume = dome(c, skull, 160)
    cap = np.vstack([
        spline([(238, 366), (244, 320), (250, 270), (264, 232), (318, 218), (384, 222), (452, 216), (504, 234), (518, 270), (524, 320), (530, 366)]),
        spline([(534, 330), (538, 250), (520, 168), (462, 122), (384, 112), (306, 122), (248, 168), (230, 250), (234, 330)]),
    ])  # fmt: skip
    shadow_on(
        c,
        face,
        [(250, 270), (268, 240), (318, 226), (384, 236), (452, 222), (506, 240), (518, 270)],
        strength=0.55,
        width=12,
    )
    c.paint(colour(hair.base) * 0.7, 0.95 * c.mask(cap, 4))
    sides = c.mask(cap, 3) * smooth(200, 280, c.y)
    bristle(c, hair, sides, 4200, length=9, volume=volume, light=light, depth=0.2)
    crown = [
        [(244, 300), (226, 250), (226, 196), (246, 150)],
        [(264, 256), (236, 196), (244, 140), (290, 104)],
        [(302, 236), (276, 166), (296, 110), (350, 82)],
        [(346, 224), (330, 150), (356, 98), (414, 78)],
        [(394, 222), (396, 144), (430, 96), (482, 94)],
        [(440, 222), (462, 150), (500, 118), (530, 146)],
        [(484, 236), (516, 172), (544, 170), (556, 214)],
        [(512, 262), (540, 226), (554, 250), (552, 310)],
    ]
    comb(c, hair, crown, volume, 2600, depth=0.45, light=light, width=1.1, wave=5, pull=0.5, clumps=40)
    comb(c, hair, crown, volume, 4600, light=light, width=0.7, wave=4, curl=5, pull=0.75, clumps=44, loose=0.01)
    line = [(258, 262), (280, 238), (318, 226), (384, 230), (452, 224), (484, 238), (512, 264)]
    soft = Hair(base=hair.base, tip=hair.tip, sheen=hair.sheen, gloss=0.1)
    roots = np.exp(-0.5 * (c.distance(spline(line)) / 4) ** 2)
    bristle(
        c,
        soft,
        roots,
        1500,
        length=16,
        volume=volume,
        light=light,
        width=0.5,
        depth=0.4,
        flow=lambda at: np.stack([(at[:, 0] - 350) * 0.006, -np.ones(len(at))], 1),
    )
    comb(c, hair, crown, volume, 110, light=light, width=0.4, wave=8, curl=5, pull=0.2, loose=0.06)
    tilt(c, -1.5)
    finish(c, vignette=0.3)
