"""A woman of twenty-five with a round natural crown of curls, in mustard, with gold earrings."""

from __future__ import annotations

import numpy as np
from body import backdrop, finish, paint_ear, paint_neck, tilt
from canvas import colour, spline
from clothes import cloth, drop_shadow, garment
from eyes import paint_eyes
from face import CX, Face, closed_half, paint_head
from hair import Hair, curls, dome, mass, shadow_on
from relief import Light


def paint(c):
    light = Light(key=(2.9, 2.55, 2.2), fill=(0.55, 0.50, 0.52), rim=(1.3, 0.85, 0.5))
    face = Face(
        light=light, skin="#8f583c", blush="#9a4438", shade="#4d2618", iris="#3a2113", brow="#1b110d", lips="#94474a", lip_tint=0.9, upper_lip=1.28,
        lower_lip=1.3, nose_width=1.28, nose_bridge=0.75, mouth_width=55, smile=6, gloss=1.9, liner="#120b09", brow_thick=8.5, eye_height=30,
        cheekbone=1.2, neck=64, brow_y=327,
    )  # fmt: skip
    hair = Hair(base="#1d1310", tip="#3a241a", sheen="#b07a50", gloss=0.7, rim=1.2)
    backdrop(c, "#a8593a", "#5c2a22", "#e0a058", (240, 230), 330)
    halo = closed_half(
        [(0, 66), (90, 78), (158, 122), (194, 192), (204, 270), (196, 350), (170, 420), (140, 450), (0, 470)]
    )
    volume = dome(c, halo, 170)
    ring = mass(c, hair, halo, 0.6, 5)
    curls(c, hair, ring, volume, 3400, size=7, depth=0.5, light=light, width=1.2)
    edge = np.clip(c.mask(halo, 9) * (1 - c.mask(halo)) * 4, 0, 1)
    curls(c, hair, edge, volume, 500, size=5, light=light, width=0.6)
    with c.lifted(24):
        paint_neck(c, face)
        top = garment(
            (
                (0, 742),
                (60, 728),
                (112, 698),
                (146, 672),
                (190, 676),
                (256, 688),
                (312, 714),
                (348, 758),
                (370, 830),
                (364, 900),
                (0, 900),
            )
        )
        drop_shadow(c, top, 0.5, 2, -6, 6)
        folds = [
            ([(230, 690), (300, 750), (320, 800)], -5, 8),
            ([(540, 690), (470, 750), (450, 800)], -5, 8),
            ([(340, 752), (384, 772), (430, 752)], -4, 8),
        ]
        cloth(c, light, top, "#d99a2b", weave=0.02, sheen=0.10, folds=folds)
    for side in (-1, 1):
        paint_ear(c, face, side, size=0.92)
    paint_head(c, face)
    paint_eyes(c, face)
    for side in (-1, 1):
        x, y = CX + side * 146, 456
        ring_path = np.stack(
            [x + 15 * np.cos(np.linspace(0, 2 * np.pi, 60)), y + 20 * np.sin(np.linspace(0, 2 * np.pi, 60))], 1
        )
        c.multiply((0.4, 0.3, 0.3), 0.5 * c.taper(ring_path + (3, 4), (4, 4), 3))
        c.paint(colour("#a8701c"), c.taper(ring_path, (4.2, 4.2), 0.5))
        c.paint(colour("#ffdf8a"), c.taper(ring_path[28:46] if side < 0 else ring_path[30:44], (0.5, 2.4, 0.5), 0.5))
    line = [
        (238, 380),
        (246, 306),
        (258, 256),
        (290, 218),
        (336, 200),
        (384, 196),
        (432, 200),
        (478, 218),
        (510, 256),
        (522, 306),
        (530, 380),
    ]
    crown = np.vstack(
        [
            spline(line),
            spline(
                [
                    (560, 380),
                    (588, 270),
                    (576, 190),
                    (540, 124),
                    (470, 80),
                    (384, 68),
                    (298, 80),
                    (228, 124),
                    (192, 190),
                    (180, 270),
                    (208, 380),
                ]
            ),
        ]
    )
    shadow_on(c, face, line, strength=0.6, width=11)
    front = c.mask(crown, 3)
    c.paint(colour(hair.base) * 0.55, front * c.mask(crown, 6))
    curls(c, hair, front, volume, 4200, size=6.5, light=light, width=0.9, depth=0.12)
    near = np.exp(-0.5 * (c.distance(spline(line)) / 5) ** 2)
    curls(c, hair, near, volume, 420, size=3.4, light=light, width=0.5, depth=0.3)
    tilt(c, 1.8)
    finish(c, vignette=0.3)
