"""Draws a contact sheet of the preview engine: a row for each portrait, a column for each shape of mouth, lids and head.

    python art/contact_sheet.py sheet.png portrait.jpg default
    python art/contact_sheet.py sheet.png portrait.jpg --part mouth --cell 320

Look at it before and after a change to the engine. A portrait is an image file or the id of a built-in one; without any,
all built-in ones are drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from livehead.avatars import builtin_avatars, find_portrait, load_portrait
from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.rig import Rig
from livehead.errors import PortraitError

REST, CALM = MouthShape(), Pose()
COLUMNS = (
    ("rest", REST, CALM),
    ("m b p", MouthShape(press=1.0, keep=0.3), CALM),
    ("shut from a", MouthShape(press=0.7, keep=0.1), CALM),
    ("s", MouthShape(jaw=0.16, lift=0.35, wide=0.45, keep=0.35), CALM),
    ("ee", MouthShape(jaw=0.28, lift=0.2, wide=0.85, tongue=0.8, keep=0.35), CALM),
    ("eh", MouthShape(jaw=0.55, lift=0.3, wide=0.3, tongue=0.5, keep=0.35), CALM),
    ("ah", MouthShape(jaw=1.0, lift=0.55, keep=0.35), CALM),
    ("oh", MouthShape(jaw=0.5, lift=0.2, wide=-0.6, keep=0.2), CALM),
    ("oo", MouthShape(jaw=0.25, lift=0.1, wide=-1.0, keep=0.1), CALM),
    ("half blink", REST, Pose(lids=0.5)),
    ("blink", REST, Pose(lids=1.0)),
    ("glance", REST, Pose(gaze_x=0.03, gaze_y=0.01)),
    ("left, up", MouthShape(jaw=0.5, lift=0.3, keep=0.35), Pose(yaw=-0.1, pitch=-0.06, roll=-0.03)),
    (
        "right, down",
        MouthShape(jaw=0.5, lift=0.3, keep=0.35),
        Pose(yaw=0.1, pitch=0.06, roll=0.03, brows=1.0, smile=1.0),
    ),
)
HEAD = 26
"""Height of the line with the names, in pixels."""

PARTS = {"face": (0.30, 1.55), "mouth": (1.25, 0.85), "eyes": (0.0, 0.8)}
"""What is shown: how far its middle lies below the eyes, and half its side, in eye spans."""


def row(portrait: np.ndarray, part: str, cell: int, size: int) -> list[np.ndarray]:
    """The cells of one portrait, uint8 ``(cell, cell, 3)`` RGB. Raises PortraitError where no face is found."""
    fitted = fit(portrait, size)
    rig, face = Rig(fitted), fitted.face
    eyes = (face.eyes[0].pupil + face.eyes[1].pupil) / 2
    below, half = PARTS[part]
    middle = eyes + (face.mouth.centre - eyes) * (below / 1.1)
    shown = []
    for _, mouth, pose in COLUMNS:
        frame = rig.draw(mouth, pose)
        step = 2 * half * face.span / cell
        matrix = np.array([[step, 0, middle[0] - half * face.span], [0, step, middle[1] - half * face.span]])
        flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if step < 1 else cv2.INTER_AREA)
        shown.append(np.asarray(cv2.warpAffine(frame, matrix, (cell, cell), flags=flags), np.uint8))
    return shown


def sheet(names: list[str], part: str, cell: int, size: int) -> np.ndarray:
    """The sheet of these portraits, uint8 RGB."""
    rows = []
    for name in names:
        try:
            cells = row(load_portrait(find_portrait(name)), part, cell, size)
        except PortraitError as error:
            print(f"{name}: {error}")
            continue
        rows.append(np.concatenate(cells, axis=1))
    head = np.full((HEAD, cell * len(COLUMNS), 3), 255, np.uint8)
    for index, (name, _, _) in enumerate(COLUMNS):
        cv2.putText(head, name, (index * cell + 6, HEAD - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="the image to write")
    parser.add_argument("portraits", nargs="*", help="image files or ids of built-in portraits")
    parser.add_argument("--part", choices=PARTS, default="face", help="what is shown")
    parser.add_argument("--cell", type=int, default=200, help="side of a cell in pixels")
    parser.add_argument("--size", type=int, default=512, help="side of the engine's frames in pixels")
    given = parser.parse_args()
    names = given.portraits or [avatar.id for avatar in builtin_avatars()]
    drawn = sheet(names, given.part, given.cell, given.size)
    if not cv2.imwrite(str(given.out), np.ascontiguousarray(drawn[:, :, ::-1])):
        raise SystemExit(f"{given.out} cannot be written.")


if __name__ == "__main__":
    main()
