"""From a file to a portrait: which square is taken, and what it becomes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pictures
from livehead.core.portrait_check import Crop
from livehead.errors import PortraitError
from livehead.store.portraits.preparation import MAX_THUMBNAIL, inspect_image, make_thumbnail, prepare_portrait


def test_a_large_picture_is_scaled_and_keeps_every_pixel_of_that() -> None:
    picture = pictures.face(1300)
    portrait = prepare_portrait(pictures.encoded(picture), Crop(100, 50, 1200))
    assert portrait.side == 1024
    wanted = picture.crop((100, 50, 1300, 1250)).resize((1024, 1024), Image.Resampling.LANCZOS)
    assert (pictures.pixels_of(portrait.image) == np.asarray(wanted)).all()


def test_the_face_is_found_in_a_wide_picture_held_on_its_side() -> None:
    """A face on the right of a landscape, as a phone that was held upright writes it."""
    picture = Image.new("RGB", (1200, 500), (90, 110, 130))
    picture.paste(pictures.face(400), (750, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = inspect_image(pictures.encoded(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif))
    assert (found.width, found.height) == (1200, 500)
    assert found.crop is not None
    assert 700 < found.crop.x + found.crop.side / 2 < 1150
    assert found.crop.y + found.crop.side <= 500


def test_a_user_s_own_crop_is_what_is_checked() -> None:
    file = pictures.encoded(pictures.face(800))
    nobody = inspect_image(file, Crop(0, 0, 130))
    assert [reason.code for reason in nobody.check.reasons] == ["no-face"]
    with pytest.raises(PortraitError, match="in this part") as refusal:
        prepare_portrait(file, Crop(0, 0, 130))
    assert refusal.value.problem == "no-face"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (Crop(-2, 0, 400), Crop(0, 0, 400)),
        (Crop(101, 102, 400), Crop(100, 100, 400)),
        (Crop(0, 0, 502), Crop(0, 0, 500)),
    ],
)
def test_a_crop_may_pass_the_edge_by_what_is_lost_in_rounding(given: Crop, taken: Crop) -> None:
    assert inspect_image(pictures.encoded(pictures.face(500)), given).crop == taken


@pytest.mark.parametrize(
    "crop", [Crop(-3, 0, 400), Crop(0, 104, 400), Crop(0, 0, 503), Crop(0, 0, 127), Crop(0, 0, -5)]
)
def test_a_crop_outside_is_refused(crop: Crop) -> None:
    with pytest.raises(PortraitError, match="does not lie in the picture") as refusal:
        inspect_image(pictures.encoded(pictures.face(500)), crop)
    assert refusal.value.problem == "crop"


def test_a_thumbnail_is_small_even_of_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    small = make_thumbnail(noise)
    assert len(small) <= MAX_THUMBNAIL
    assert pictures.pixels_of(small).shape == (160, 160, 3)
