"""Paint the built-in portraits: ``python art/draw.py [--scale 2] [--out DIR] [id ...]``.

Needs numpy, OpenCV and Pillow, which Livehead installs anyway. Each portrait is painted at ``scale`` times
768 by 768 pixels and made smaller, so 1 is a quick look and 2 is what is kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from canvas import SIDE, Canvas
from people import amara, arjun, daniel, ingrid, juno, maya
from PIL import Image

PEOPLE = {
    "default": ("Maya", maya.paint, 7),
    "daniel": ("Daniel", daniel.paint, 11),
    "amara": ("Amara", amara.paint, 5),
    "ingrid": ("Ingrid", ingrid.paint, 3),
    "arjun": ("Arjun", arjun.paint, 13),
    "juno": ("Juno", juno.paint, 17),
}
"""Id to name, painter and seed, in the order in which people see them."""

PORTRAITS = Path(__file__).resolve().parents[1] / "server" / "livehead" / "portraits"


def paint(person, scale):
    _, brush, seed = PEOPLE[person]
    canvas = Canvas(scale, seed)
    brush(canvas)
    image = cv2.resize(canvas.rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", nargs="*", default=list(PEOPLE), metavar="id")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--out", type=Path, default=PORTRAITS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for person in options.people:
        Image.fromarray(paint(person, options.scale)).save(options.out / f"{person}.png", optimize=True)
        print(options.out / f"{person}.png")
    index = [{"id": person, "name": name} for person, (name, _, _) in PEOPLE.items()]
    (options.out / "portraits.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
