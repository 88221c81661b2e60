"""Portraits: fitted to the frame, and on request cropped to the face."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import livehead
from engine.flashhead.material import portrait
from livehead.engine.flashhead.portrait.face_crop import crop_face, face_square, find_face
from livehead.engine.flashhead.portrait.fit import fit
from livehead.errors import PortraitError

PORTRAITS = sorted((Path(livehead.__file__).parent / "portraits").glob("*.png"))


@pytest.mark.parametrize("source", [(64, 64), (200, 160), (333, 100), (100, 333), (97, 97), (1, 1), (600, 700)])
@pytest.mark.parametrize("size", [(64, 64), (96, 128)])
def test_fit_scales_to_cover_and_crops_the_middle(source: tuple[int, int], size: tuple[int, int]) -> None:
    image = portrait(1, *source)
    fitted = fit(image, *size)
    assert fitted.shape == (*size, 3)
    scale = max(size[0] / source[0], size[1] / source[1])
    tall, wide = math.ceil(scale * source[0]), math.ceil(scale * source[1])
    scaled = np.asarray(Image.fromarray(image).resize((wide, tall), Image.Resampling.BILINEAR))
    top, left = round((tall - size[0]) / 2), round((wide - size[1]) / 2)
    assert np.array_equal(fitted, scaled[top : top + size[0], left : left + size[1]])


def test_fit_is_the_same_whatever_the_version_of_pillow() -> None:
    """The order of its two passes is fixed: a tall image's columns first, else the rows."""
    for (height, width), first in {(333, 100): (100, 214), (170, 100): (64, 170)}.items():
        image = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
        between = Image.fromarray(image).resize(first, Image.Resampling.BILINEAR)
        tall = -(-64 * height // 100)
        scaled = np.asarray(between.resize((64, tall), Image.Resampling.BILINEAR))
        top = round((tall - 64) / 2)
        assert np.array_equal(fit(image, 64, 64), scaled[top : top + 64])


def test_fit_leaves_an_image_of_the_right_size_alone() -> None:
    image = portrait(2, 96, 128)
    assert np.array_equal(fit(image, 96, 128), image)


@pytest.mark.parametrize(
    "bad", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_not_an_image(bad: np.ndarray) -> None:
    with pytest.raises(PortraitError):
        fit(bad, 64, 64)


def test_face_square_is_twice_the_face_and_a_little_higher() -> None:
    assert face_square((100, 100, 50, 60), 500, 500) == (75, 75, 175, 175)
    assert face_square((0, 0, 50, 60), 500, 500) == (0, 0, 75, 75)
    assert face_square((400, 450, 100, 40), 500, 500) == (350, 360, 500, 500)


def test_no_face_is_an_error_or_the_whole_image() -> None:
    plain = np.full((200, 200, 3), 90, np.uint8)
    assert find_face(plain) is None
    with pytest.raises(PortraitError, match="No face"):
        crop_face(plain)
    assert crop_face(plain, needed=False) is plain


@pytest.mark.parametrize(
    "path", sorted((Path(livehead.__file__).parent / "portraits").glob("*.png")), ids=lambda p: p.stem
)
def test_a_face_is_found_and_stays_in_the_crop(path: Path) -> None:
    whole = np.asarray(Image.open(path).convert("RGB"))
    crop = crop_face(whole)
    assert crop.shape[0] < whole.shape[0]
    assert crop.shape[1] < whole.shape[1]
    assert find_face(np.ascontiguousarray(crop)) is not None
