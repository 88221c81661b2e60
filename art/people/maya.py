"""A woman of thirty with long chestnut hair, in a cream knit, before a warm wall."""

from __future__ import annotations

from body import backdrop, finish, paint_neck, tilt
from clothes import CREW, SHOULDERS, cloth, drop_shadow, garment, rib
from eyes import paint_eyes
from face import Face, closed_half, paint_head
from hair import Hair, comb, dome, flip, mass, shadow_on
from relief import Light


def paint(c):
    light = Light()
    face = Face(
        light=light,
        eye_width=73,
        eye_height=32,
        iris_size=17.4,
        eye_x=65.5,
        brow_thick=7.5,
        upper_lip=1.08,
        lower_lip=1.08,
    )
    hair = Hair(base="#3a2014", tip="#7a4520", gloss=1.0)
    lamps = (
        (96, 150, 46, "#c98a4a", 0.30),
        (690, 110, 60, "#d8a05c", 0.28),
        (650, 330, 34, "#b87a48", 0.22),
        (60, 380, 30, "#8fa0a8", 0.2),
    )
    backdrop(c, "#4a5a60", "#3a302c", "#b08a62", (580, 300), 270, lamps=lamps)
    whole = closed_half(
        [
            (0, 112),
            (70, 119),
            (128, 152),
            (168, 210),
            (190, 300),
            (198, 400),
            (214, 500),
            (232, 600),
            (240, 700),
            (250, 800),
            (0, 820),
        ]
    )
    volume = dome(c, whole, 150)
    mass(c, hair, whole, 0.55, 3)
    back = [
        [(374, 120), (250, 200), (214, 380), (204, 500), (190, 600), (212, 700)],
        [(376, 130), (270, 220), (250, 380), (262, 500), (238, 600), (250, 702)],
        [(378, 140), (300, 240), (300, 380), (326, 500), (318, 600), (300, 700)],
    ]
    for part in (back, flip(back)):
        comb(c, hair, part, volume, 3000, depth=0.6, wave=3, light=light, pull=0.25)
    with c.lifted(24):
        paint_neck(c, face)
        top = garment(SHOULDERS)
        drop_shadow(c, top, 0.5, 2, -7, 6)
        folds = [
            ([(240, 690), (290, 740), (300, 800)], -5, 8),
            ([(530, 690), (480, 742), (462, 800)], -5, 8),
            ([(330, 720), (384, 745), (440, 720)], -3, 10),
        ]
        cloth(c, light, top, "#d6c6ae", weave=0.06, folds=folds)
        rib(c, CREW, 13, "#d8c8b0")
        hanging = closed_half([(0, 780), (130, 760), (150, 600), (240, 620), (250, 800), (0, 900)])
        c.multiply((0.42, 0.36, 0.34), 0.6 * c.mask(hanging + (6, 6), 10) * c.mask(top, 1))
    paint_head(c, face)
    paint_eyes(c, face)
    left = [
        [
            (346, 180),
            (326, 204),
            (296, 244),
            (268, 292),
            (248, 352),
            (218, 440),
            (224, 530),
            (208, 620),
            (240, 710),
            (226, 860),
        ],
        [
            (350, 148),
            (300, 164),
            (246, 214),
            (220, 290),
            (212, 370),
            (186, 450),
            (194, 540),
            (168, 630),
            (196, 720),
            (176, 860),
        ],
        [
            (352, 116),
            (296, 112),
            (222, 162),
            (192, 260),
            (188, 350),
            (164, 440),
            (166, 530),
            (140, 620),
            (152, 720),
            (128, 860),
        ],
    ]
    right = [
        [
            (340, 182),
            (396, 196),
            (458, 228),
            (500, 284),
            (524, 352),
            (556, 440),
            (546, 530),
            (566, 620),
            (530, 710),
            (544, 860),
        ],
        [
            (344, 150),
            (430, 152),
            (514, 204),
            (548, 290),
            (556, 370),
            (584, 450),
            (574, 540),
            (606, 630),
            (574, 720),
            (594, 860),
        ],
        [
            (348, 114),
            (446, 104),
            (538, 158),
            (576, 260),
            (580, 350),
            (608, 440),
            (602, 530),
            (632, 620),
            (620, 720),
            (644, 860),
        ],
    ]
    shadow_on(c, face, left[0], right[0])
    for part in (left, right):
        comb(c, hair, part, volume, 1400, depth=0.45, wave=5, light=light, width=1.1, loose=0.02)
        comb(c, hair, part, volume, 4600, wave=4, light=light, pull=0.6, width=0.6, clumps=56)
        comb(c, hair, part, volume, 70, wave=10, light=light, width=0.4, pull=0, loose=0.10)
    tilt(c, -1.6)
    finish(c)
