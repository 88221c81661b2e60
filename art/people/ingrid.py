"""A woman of seventy with a silver bob, in a blue cardigan with pearls."""

from __future__ import annotations

from body import backdrop, finish, paint_neck, tilt
from canvas import spline
from clothes import beads, cloth, drop_shadow, garment, rib
from eyes import paint_eyes
from face import CX, Face, closed_half, paint_head
from hair import Hair, comb, dome, flip, mass, shadow_on
from relief import Light


def paint(c):
    light = Light(key=(2.6, 2.4, 2.15), fill=(0.5, 0.5, 0.55))
    face = Face(
        light=light, skin="#e6bda4", blush="#d87f74", shade="#a5685a", age=1.3, iris="#4f7a94", eye_height=28, eye_width=65, eye_tilt=0.5, brow="#8d8078",
        brow_thick=6.5, brow_y=327, lips="#bd6a68", lip_tint=0.75, upper_lip=0.75, lower_lip=0.85, smile=7, mouth_width=54, lash=0.55, liner="#3b2c28",
        cheekbone=1.25, gloss=0.8, neck=66, nose_width=1.08, chin=1.1,
    )  # fmt: skip
    hair = Hair(base="#83838a", tip="#b4b3b6", sheen="#ffffff", gloss=0.8, rim=0.8)
    backdrop(
        c,
        "#7d8f86",
        "#4d5a54",
        "#d9cfae",
        (560, 230),
        300,
        lamps=((110, 170, 60, "#cfe0b8", 0.20), (60, 300, 40, "#e8d8a0", 0.16), (680, 420, 50, "#e8d8a0", 0.14)),
    )
    whole = closed_half(
        [
            (0, 104),
            (74, 112),
            (134, 148),
            (172, 214),
            (184, 300),
            (190, 390),
            (192, 470),
            (176, 530),
            (140, 552),
            (0, 540),
        ]
    )
    volume = dome(c, whole, 160)
    mass(c, hair, whole, 0.62, 3)
    back = [
        [(374, 120), (240, 220), (208, 380), (214, 480), (236, 548)],
        [(378, 140), (290, 240), (270, 380), (276, 480), (290, 552)],
        [(380, 150), (340, 260), (330, 380), (336, 480), (340, 548)],
    ]
    for part in (back, flip(back)):
        comb(c, hair, part, volume, 2200, depth=0.62, wave=2, light=light, pull=0.3)
    with c.lifted(24):
        paint_neck(c, face)
        blouse = garment(
            (
                (0, 726),
                (50, 712),
                (92, 676),
                (120, 654),
                (186, 666),
                (254, 686),
                (312, 714),
                (348, 756),
                (370, 830),
                (364, 900),
                (0, 900),
            )
        )
        drop_shadow(c, blouse, 0.5, 2, -6, 6)
        cloth(c, light, blouse, "#f0e9dd", weave=0.015)
        for side in (-1, 1):
            front = spline(
                [
                    (CX + side * x, y)
                    for x, y in (
                        (112, 648),
                        (180, 662),
                        (254, 684),
                        (312, 712),
                        (348, 756),
                        (370, 830),
                        (364, 900),
                        (34, 900),
                        (44, 820),
                        (66, 740),
                        (98, 684),
                    )
                ],
                closed=True,
            )
            drop_shadow(c, front, 0.5, 0, 3, 6)
            cloth(
                c,
                light,
                front,
                "#4f6f92",
                weave=0.07,
                folds=(
                    ([(CX + side * 190, 690), (CX + side * 150, 800)], -5, 9),
                    ([(CX + side * 270, 720), (CX + side * 240, 800)], 4, 10),
                ),
            )
            rib(
                c,
                [(CX + side * x, y) for x, y in ((118, 656), (96, 690), (64, 742), (44, 820))],
                15,
                "#56779b",
                spacing=4.5,
            )
        beads(c, light, [(CX - 84, 672), (CX - 50, 702), (CX, 714), (CX + 50, 702), (CX + 84, 672)], 23, 5.2, "#efe6dc")
    paint_head(c, face)
    paint_eyes(c, face)
    left = [
        [(432, 170), (370, 186), (304, 226), (262, 274), (246, 340), (240, 420), (246, 490), (262, 536)],
        [(434, 140), (350, 148), (262, 200), (222, 290), (212, 380), (208, 450), (222, 516), (252, 546)],
        [(436, 108), (330, 100), (232, 158), (196, 260), (190, 360), (186, 450), (196, 520), (236, 552)],
    ]
    right = [
        [(430, 170), (470, 196), (500, 240), (516, 290), (524, 350), (530, 420), (524, 490), (508, 536)],
        [(432, 140), (490, 160), (530, 220), (548, 300), (556, 380), (560, 450), (546, 516), (518, 546)],
        [(434, 108), (510, 124), (554, 190), (574, 280), (580, 370), (584, 450), (572, 520), (534, 552)],
    ]
    shadow_on(c, face, left[0], right[0], strength=0.45)
    for part in (right, left):
        comb(c, hair, part, volume, 1300, depth=0.5, wave=2, light=light, width=1.1)
        comb(c, hair, part, volume, 3400, wave=2, light=light, pull=0.6, width=0.7, clumps=40)
        comb(c, hair, part, volume, 60, wave=7, light=light, width=0.4, pull=0, loose=0.08)
    tilt(c, -1.4)
    finish(c, vignette=0.3)
