"""The check of a picture before it is used as a portrait: what is wrong, how much, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from livehead.core.portrait_check import Crop, PortraitCheck, Reason, ReasonCode
from livehead.vision.cover import is_covered
from livehead.vision.face_mesh import FaceMesh, find_mesh
from livehead.vision.faces import detect_faces
from livehead.vision.irises import find_irises
from livehead.vision.light import Light

SIDE = 2.35
"""Side of the square that makes the best portrait, in heights of the face from forehead to chin."""

RISE = 0.03
"""How far the middle of the face lies below that square's, in its sides: there is more hair above than chin below."""

FEW_PIXELS, TOO_FEW_PIXELS = 160, 80
"""Height of a face in pixels under which it is soft in a picture of 512 pixels, and under which little is left."""

RIVAL = 0.5
"""A second face of at least this share of the first's width may be meant just as well."""

TURNED = np.radians(22)
BENT = np.radians(22)
TILTED = np.radians(16)
"""Angles up to which a face can be animated well: about the vertical axis, the axis of the ears, and the line of
sight."""

MOUTH_OPEN = 0.14
"""Gap between the lips over the mouth's width."""

EYES_SHUT = 0.14
"""Height of an eye over its width."""

WORDS: dict[ReasonCode, tuple[str, str]] = {
    "no-face": (
        "No face was found.",
        "Use a picture of one face, seen from the front, well lit, with nothing before it.",
    ),
    "several-faces": (
        "There are several faces; the largest one is taken.",
        "Crop the picture so that it shows only the face that is to speak.",
    ),
    "too-small": (
        "The face is small, and will look soft.",
        "Use a picture taken from nearer, or one with more pixels.",
    ),
    "cut-off": (
        "Part of the head lies outside the picture.",
        "Use a picture with the whole head and some room round it.",
    ),
    "turned": (
        "The face is turned away.",
        "Use a picture that looks straight into the camera, held at the height of the eyes.",
    ),
    "tilted": ("The head is tilted.", "Turn the picture, or use one with the head held upright."),
    "mouth-open": (
        "The mouth is open, and will never close quite naturally.",
        "Use a picture with the lips closed, or almost.",
    ),
    "eyes-shut": ("The eyes are shut, or nearly.", "Use a picture with both eyes open."),
    "dark": ("The face is dark.", "Face a window or a lamp when you take the picture."),
    "bright": (
        "The face is so bright that parts of it are plain white.",
        "Use softer light, without flash or direct sun.",
    ),
    "blurred": ("The face is blurred.", "Hold the camera still, and let it focus on the eyes."),
    "low-contrast": (
        "The face has little contrast.",
        "Use more light from one side, and clean the lens.",
    ),
    "covered": (
        "A hand, hair or something else is before the face.",
        "Use a picture that shows eyes, nose, mouth and chin freely.",
    ),
}
"""Of every reason: what is wrong, and what to do about it."""


def check_portrait(rgb: NDArray[np.uint8]) -> PortraitCheck:
    """Check a picture, uint8 ``(H, W, 3)`` RGB, upright. Of several faces the most prominent one counts."""
    faces = detect_faces(rgb)
    found = next(((face, mesh) for face in faces if (mesh := find_mesh(rgb, face)) is not None), None)
    if found is None:
        return PortraitCheck(0.0, (_reason("no-face"),), None)
    face, mesh = found
    rivals = sum(other is not face and other.width > RIVAL * face.width for other in faces)
    flaws = sorted(_flaws(rgb, mesh, rivals), key=lambda flaw: -flaw[1])
    score = 1.0
    for _, cost in flaws:
        score *= 1 - cost
    return PortraitCheck(score, tuple(_reason(code) for code, _ in flaws), _best_crop(rgb, mesh))


def _reason(code: ReasonCode) -> Reason:
    return Reason(code, *WORDS[code])


def _flaws(rgb: NDArray[np.uint8], mesh: FaceMesh, rivals: int) -> Iterator[tuple[ReasonCode, float]]:
    """What is wrong, and how much of the score each costs, 0..1."""
    if rivals:
        yield "several-faces", 0.2
    if (lacking := FEW_PIXELS - _height(mesh)) > 0:
        yield "too-small", 0.1 + _cost(lacking, FEW_PIXELS - TOO_FEW_PIXELS)
    if share := _outside(rgb, mesh):
        yield "cut-off", 0.3 + _cost(share, 0.3)
    elif is_covered(rgb, mesh):
        yield "covered", 0.5
    if (turn := max(abs(mesh.yaw) - TURNED, abs(mesh.pitch) - BENT)) > 0:
        yield "turned", 0.2 + _cost(turn, np.radians(25))
    if (tilt := abs(mesh.roll) - TILTED) > 0:
        yield "tilted", 0.1 + _cost(tilt, np.radians(40))
    if (gap := mesh.mouth_openness - MOUTH_OPEN) > 0:
        yield "mouth-open", 0.2 + _cost(gap, 0.5)
    if min(eye.openness for eye in find_irises(rgb, mesh)) < EYES_SHUT:
        yield "eyes-shut", 0.4
    yield from Light.of(rgb, mesh).flaws()


def _cost(excess: float, worst: float) -> float:
    """Rises from 0 to 0.6 as the excess rises to the worst."""
    return 0.6 * min(1.0, max(0.0, excess / worst))


def _outside(rgb: NDArray[np.uint8], mesh: FaceMesh) -> float:
    """The share of the face's outline that lies outside the picture. Where there is no room for the hair above the
    forehead, about a tenth of the head's height, it counts as a little."""
    height, width = rgb.shape[:2]
    x, y = mesh.oval.T
    share = float(np.mean((x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)))
    room = float(y.min()) / max(1.0, float(np.ptp(y)))
    return share or (0.02 if room < 0.1 else 0.0)


def _height(mesh: FaceMesh) -> float:
    return float(np.ptp(mesh.oval, axis=0).max())


def _best_crop(rgb: NDArray[np.uint8], mesh: FaceMesh) -> Crop:
    """The square round the head, moved and shrunk to lie within the picture."""
    height, width = rgb.shape[:2]
    x, y = (mesh.oval.min(axis=0) + mesh.oval.max(axis=0)) / 2
    side = min(round(SIDE * _height(mesh)), width, height)
    left, top = round(float(x) - side / 2), round(float(y) - (0.5 + RISE) * side)
    return Crop(int(np.clip(left, 0, width - side)), int(np.clip(top, 0, height - side)), side)
