"""Paint who is in each built-in portrait, white on black: ``python art/silhouettes.py DIR``.

Each is painted before a black wall and before a white one: where they differ there is nobody. The tests hold the matte
that is found in a portrait against it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from canvas import Canvas
from draw import PEOPLE
from PIL import Image

SIDE = 256


def paint(person, wall, scale=1):
    """The portrait before a wall of one brightness, without leaves and the last touches, which bend colours."""
    _, brush, seed = PEOPLE[person]
    module = sys.modules[brush.__module__]
    module.backdrop = lambda canvas, *_, **__: canvas.rgb.fill(wall)
    for scenery in ("finish", "leaf"):
        if hasattr(module, scenery):
            setattr(module, scenery, lambda *_, **__: None)
    canvas = Canvas(scale, seed)
    brush(canvas)
    return canvas.rgb


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="DIR")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for person in PEOPLE:
        alpha = 1 - (paint(person, 1.0) - paint(person, 0.0)).mean(axis=2)
        small = cv2.resize(np.clip(alpha, 0, 1), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        Image.fromarray((small * 255 + 0.5).astype(np.uint8)).save(options.out / f"{person}.png", optimize=True)


if __name__ == "__main__":
    main()
