"""A man of forty-five, greying, with a short beard, in a navy jacket."""

from __future__ import annotations

import numpy as np
from body import backdrop, finish, paint_ear, paint_neck, tilt
from canvas import colour, smooth, spline
from clothes import cloth, collar, drop_shadow, garment, lapels
from eyes import paint_eyes
from face import CX, JAW, Face, closed_half, outline, paint_head
from hair import Hair, bristle, comb, dome, shadow_on
from relief import Light


def paint(c):
    light = Light(key_from=(-0.55, -0.5, 0.66))
    face = Face(
        light=light, skin="#dba57f", shade="#935340", blush="#c4695a", outline=JAW, eye_x=64, eye_height=26, eye_width=65, eye_tilt=0.5,
        iris="#56666a", iris_size=15, brow="#3a2c24", brow_y=333, brow_arch=4, brow_thick=12.5, lips="#b06a5c", lip_tint=0.7,
        upper_lip=0.75, lower_lip=0.85, smile=4, mouth_width=55, nose_width=1.12, nose_bridge=1.3, brow_ridge=1.7, chin=1.3, neck=84, lash=0.45,
        liner="#3a2720", age=0.55, beard=0.5, beard_colour="#6b5248", gloss=0.8, cheekbone=1.1,
    )  # fmt: skip
    hair = Hair(base="#2a211d", tip="#4d4038", sheen="#b8b0a8", gloss=0.8)
    grey = Hair(base="#5a544e", tip="#8a847c", sheen="#e8e4dc", gloss=0.8)
    backdrop(
        c,
        "#54606a",
        "#262b33",
        "#93a3ad",
        (190, 260),
        300,
        lamps=((650, 150, 70, "#8ea2b4", 0.16), (710, 300, 40, "#c9a06a", 0.25), (80, 560, 50, "#a98a60", 0.14)),
    )
    with c.lifted(24):
        paint_neck(c, face, 330)
        shirt = garment(
            (
                (0, 730),
                (56, 704),
                (98, 664),
                (126, 650),
                (206, 662),
                (292, 682),
                (352, 712),
                (388, 760),
                (410, 830),
                (400, 900),
                (0, 900),
            )
        )
        drop_shadow(c, shirt, 0.5, 2, -6, 6)
        cloth(c, light, shirt, "#dfe3e8", weave=0.012, folds=(([(384, 720), (382, 800)], -4, 2.5),))
        for side in (-1, 1):
            front = spline(
                [
                    (CX + side * x, y)
                    for x, y in (
                        (122, 650),
                        (206, 660),
                        (292, 680),
                        (352, 710),
                        (388, 758),
                        (410, 830),
                        (400, 900),
                        (6, 900),
                        (16, 820),
                        (60, 740),
                        (96, 690),
                    )
                ],
                closed=True,
            )
            drop_shadow(c, front, 0.5, 0, 3, 6)
            cloth(
                c,
                light,
                front,
                "#2c3a55",
                weave=0.05,
                folds=(
                    ([(CX + side * 220, 690), (CX + side * 180, 800)], -5, 9),
                    ([(CX + side * 300, 730), (CX + side * 262, 800)], 4, 9),
                ),
            )
        lapels(c, light, "#2f3e5b")
        collar(c, light, "#e6e9ee")
    for side in (-1, 1):
        paint_ear(c, face, side)
    paint_head(c, face)
    paint_eyes(c, face)
    skull = closed_half([(0, 112), (66, 118), (118, 146), (148, 200), (153, 270), (150, 350), (120, 560), (0, 600)])
    volume = dome(c, skull, 150)
    my = face.mouth_y
    area = c.mask(
        closed_half(
            [
                (0, my - 26),
                (30, my - 27),
                (62, my - 20),
                (92, my - 6),
                (118, my - 40),
                (138, my - 116),
                (150, my - 60),
                (134, my + 20),
                (76, my + 82),
                (0, my + 92),
            ]
        ),
        7,
    )
    area *= 1 - np.clip(
        1.3 * c.mask(closed_half([(0, my - 21), (30, my - 17), (60, my - 4), (32, my + 26), (0, my + 31)]), 4), 0, 1
    )
    area *= c.mask(outline(face) + (0, -5), 4)
    bristle(
        c,
        Hair(base="#35281f", tip="#54453a", sheen="#b0a498", gloss=0.3),
        area * 0.9,
        9000,
        length=4.2,
        volume=volume,
        light=light,
        width=0.4,
    )
    bristle(
        c, grey, area * (0.25 + c.dab(CX, my + 60, 46, 30)), 1500, length=4.6, volume=volume, light=light, width=0.4
    )
    cap = np.vstack([
        spline([(237, 372), (243, 320), (250, 268), (272, 226), (318, 213), (384, 208), (452, 211), (498, 226), (518, 268), (525, 320), (531, 372)]),
        spline([(537, 330), (541, 250), (522, 165), (462, 116), (384, 104), (306, 116), (246, 165), (227, 250), (231, 330)]),
    ])  # fmt: skip
    shadow_on(
        c,
        face,
        [(250, 268), (272, 226), (318, 213), (384, 208), (452, 211), (498, 226), (518, 268)],
        strength=0.4,
        width=8,
    )
    c.paint(colour(hair.base) * 0.7, 0.9 * c.mask(cap, 4))
    sides = c.mask(cap, 3) * smooth(180, 250, c.y)
    bristle(c, hair, sides * c.mask(skull, 3), 4200, length=7, volume=volume, light=light, depth=0.2)
    bristle(c, grey, sides * smooth(240, 330, c.y), 1900, length=6, volume=volume, light=light, depth=0.1)
    quiff = [
        [(246, 300), (236, 250), (240, 200), (262, 160)],
        [(266, 250), (250, 190), (262, 142), (304, 116)],
        [(306, 224), (296, 160), (318, 122), (366, 104)],
        [(352, 213), (350, 146), (386, 112), (436, 106)],
        [(404, 210), (416, 146), (452, 118), (492, 130)],
        [(452, 214), (476, 158), (504, 146), (520, 172)],
        [(494, 237), (518, 194), (530, 200), (536, 234)],
        [(516, 270), (532, 244), (540, 262), (540, 310)],
    ]
    comb(c, hair, quiff, volume, 2400, depth=0.4, light=light, width=1.0, wave=2, pull=0.6, clumps=60)
    comb(c, hair, quiff, volume, 3600, light=light, width=0.7, wave=2.5, pull=0.75, clumps=60, loose=0.01)
    comb(c, grey, quiff, volume, 420, light=light, width=0.5, wave=2.5, pull=0.7, clumps=60, loose=0.01)
    line = [(262, 246), (288, 224), (318, 215), (384, 210), (452, 213), (480, 224), (508, 246)]
    roots = np.exp(-0.5 * (c.distance(spline(line)) / 3.2) ** 2)
    bristle(
        c,
        hair,
        roots,
        900,
        length=7,
        volume=volume,
        light=light,
        width=0.4,
        flow=lambda at: np.stack([(at[:, 0] - 384) * 0.002, -np.ones(len(at))], 1),
    )
    tilt(c, 1.2)
    finish(c)
