"""Faces are found where they are, and nothing else is taken for one."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.avatars import builtin_avatars, load_portrait
from livehead.vision.faces import detect_faces
from livehead.vision.network import MODELS

Picture = NDArray[np.uint8]

PORTRAITS = {avatar.id: load_portrait(avatar.path) for avatar in builtin_avatars()}
ONE = PORTRAITS["default"]


def page(height: int, width: int, *faces: tuple[str, int, int, int]) -> Picture:
    """Portraits ``(id, side, left, top)`` on grey."""
    paper = np.full((height, width, 3), 120, np.uint8)
    for name, side, left, top in faces:
        paper[top : top + side, left : left + side] = cv2.resize(
            PORTRAITS[name], (side, side), interpolation=cv2.INTER_AREA
        )
    return paper


@pytest.mark.parametrize("name", PORTRAITS)
def test_each_portrait_has_one_face(name):
    (face,) = detect_faces(PORTRAITS[name])
    left, top, right, bottom = face.box
    assert face.score > 0.8
    assert 0.3 * 768 < face.width < 0.6 * 768
    assert left < face.eyes[0, 0] < face.nose[0] < face.eyes[1, 0] < right
    assert top < face.eyes[:, 1].mean() < face.nose[1] < face.mouth[1] < bottom


@pytest.mark.parametrize(
    "picture",
    [
        np.full((300, 400, 3), 200, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
        np.array(cv2.resize(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, (512, 384)))[..., None].repeat(3, axis=2),
        np.zeros((64, 900, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
    ],
    ids=["plain", "noise", "slopes", "strip", "pixel"],
)
def test_no_face_where_there_is_none(picture):
    assert detect_faces(picture) == []


def test_the_most_prominent_comes_first_and_no_more_than_asked_for():
    picture = page(600, 1400, ("arjun", 300, 20, 100), ("amara", 560, 380, 20), ("juno", 240, 1000, 200))
    faces = detect_faces(picture)
    assert [round(float(face.nose[0])) // 350 for face in faces] == [1, 0, 3]
    assert [face.width for face in faces] == sorted((face.width for face in faces), reverse=True)
    assert len(detect_faces(picture, most=2)) == 2


def test_a_small_face_is_found_in_a_part_of_the_picture():
    (whole,) = detect_faces(PORTRAITS["daniel"])
    (face,) = detect_faces(page(1000, 1000, ("daniel", 150, 700, 90)))
    assert face.nose == pytest.approx(whole.nose * 150 / 768 + (700, 90), abs=10)
    assert face.width == pytest.approx(whole.width * 150 / 768, rel=0.25)


def test_a_face_that_fills_the_picture_is_found():
    (whole,) = detect_faces(ONE)
    left, top, right, bottom = (int(v) for v in whole.box)
    tight = np.ascontiguousarray(ONE[top + 30 : bottom, left + 20 : right - 20])
    (face,) = detect_faces(tight)
    assert face.nose == pytest.approx(whole.nose - (left + 20, top + 30), abs=12)


@pytest.mark.parametrize("degrees", [-90, -45, -20, 20, 45, 90])
def test_a_tilted_head_is_found(degrees):
    matrix = cv2.getRotationMatrix2D((384, 384), -degrees, 1)
    (face,) = detect_faces(cv2.warpAffine(ONE, matrix, (768, 768), borderMode=cv2.BORDER_REPLICATE))
    assert np.degrees(face.roll) == pytest.approx(degrees, abs=12)


def test_a_large_picture_is_measured_in_its_own_pixels():
    (face,) = detect_faces(ONE)
    (large,) = detect_faces(cv2.resize(ONE, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
    assert (large.nose + 0.5) / 3 - 0.5 == pytest.approx(face.nose, abs=3)
    assert large.width / 3 == pytest.approx(face.width, rel=0.03)


def test_any_thread_may_search():
    alone = detect_faces(ONE)[0].box
    with ThreadPoolExecutor(4) as pool:
        together = [faces[0].box for faces in pool.map(detect_faces, [ONE] * 8)]
    assert together == [alone] * 8


def test_every_model_is_the_file_that_its_readme_names():
    named = dict(re.findall(r"`([\w.]+\.tflite)`.*`([0-9a-f]{64})`", (MODELS / "README.md").read_text("utf-8")))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MODELS.glob("*.tflite")}
    assert named == found
