"""Image files: what is decoded, to what, and what is refused."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

import pictures
from livehead import image_decoding
from livehead.errors import PortraitError, TooLargeError, UnsupportedTypeError
from livehead.image_decoding import decode_image, find_format
from pictures import bomb, encoded, face


def apart(data: bytes, other: Image.Image) -> float:
    """Mean difference of a decoded file from a picture, in levels of 255."""
    found = decode_image(data)
    assert found.dtype == np.uint8
    assert found.shape == (other.height, other.width, 3)
    return float(np.abs(found.astype(int) - np.asarray(other).astype(int)).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_upright(orientation: int) -> None:
    assert apart(pictures.turned(orientation), face(256)) < 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((160, 140), 40_000, np.uint16))
    else:
        image = Image.new("L", (140, 160), 156).convert(mode)
    portrait = decode_image(encoded(image))
    assert portrait.shape == (160, 140, 3)
    assert portrait.dtype == np.uint8
    assert 100 < portrait.mean() < 210


def test_sixteen_bits_become_eight() -> None:
    assert apart(pictures.sixteen_bits(), face(256)) < 1


def test_inks_become_light() -> None:
    assert apart(encoded(face(256).convert("CMYK"), "JPEG", quality=95), face(256)) < 3


def test_colours_are_those_that_the_profile_means() -> None:
    """One whose red is green, and whose green is red."""
    image = Image.new("RGB", (140, 140), (200, 60, 60))
    srgb = pictures.srgb_profile()
    swapped = srgb.replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ").replace(b"----", b"gXYZ")
    for profile, meant in ((srgb, (200, 60, 60)), (swapped, (60, 200, 60))):
        found = decode_image(encoded(image, icc_profile=profile))
        assert np.abs(found.astype(int) - meant).max() <= 1


def test_a_profile_that_cannot_be_used_is_left_out() -> None:
    image = Image.new("RGB", (140, 140), (200, 60, 60))
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    assert (decode_image(encoded(image, icc_profile=xyz)) == (200, 60, 60)).all()
    assert (decode_image(encoded(image, icc_profile=b"nonsense")) == (200, 60, 60)).all()


def test_what_is_transparent_becomes_grey() -> None:
    portrait = decode_image(encoded(Image.new("RGBA", (140, 140), (255, 0, 0, 0))))
    assert (portrait == 128).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats(kind: str) -> None:
    assert decode_image(encoded(Image.new("RGB", (140, 150), "white"), kind)).shape == (150, 140, 3)


def test_the_second_picture_of_a_phones_jpeg_is_no_animation() -> None:
    assert apart(encoded(face(256), "MPO", save_all=True, append_images=[face(128)], quality=95), face(256)) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused(kind: str) -> None:
    with pytest.raises(PortraitError, match="animation") as refusal:
        decode_image(pictures.animation(kind))
    assert refusal.value.problem == "animation"


@pytest.mark.parametrize("name", pictures.polyglots())
def test_of_a_file_that_is_something_else_too_the_picture_is_taken(name: str) -> None:
    assert apart(pictures.polyglots()[name], face(256)) < 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"just some text\n" * 40, id="text"),
        pytest.param(pictures.SVG, id="svg"),
        pytest.param(pictures.HTML, id="html"),
        pytest.param(pictures.archive(), id="zip"),
        pytest.param(encoded(face(256), "BMP"), id="bmp"),
        pytest.param(pictures.animation("GIF"), id="gif"),
        pytest.param(encoded(face(256), "TIFF"), id="tiff"),
        pytest.param(b"RIFF" + bytes(4) + b"WAVE", id="wave"),
    ],
)
def test_another_format_is_refused_by_its_first_bytes(data: bytes) -> None:
    assert find_format(data) is None
    with pytest.raises(UnsupportedTypeError, match="PNG, JPEG or WebP"):
        decode_image(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_file_that_is_cut_short_is_refused(kind: str, share: float) -> None:
    data = pictures.face_file(kind)
    with pytest.raises(PortraitError, match="cut short"):
        decode_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("data", [b"\xff\xd8\xff" + bytes(500), b"\x89PNG\r\n\x1a\n" + bytes(500)])
def test_what_only_begins_like_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(PortraitError, match="broken"):
        decode_image(data)


def test_a_tiny_image_is_refused() -> None:
    with pytest.raises(PortraitError, match="40 by 300"):
        decode_image(encoded(Image.new("RGB", (40, 300))))


@pytest.mark.parametrize(
    "data",
    [bomb(8000, 8000), bomb(10_000, 10_000), bomb(50_000, 50_000), pictures.webp_bomb()],
    ids=["64 MP", "100 MP", "2500 MP", "webp"],
)
def test_a_decompression_bomb_is_refused_unopened(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(TooLargeError, match="million pixels"):
        decode_image(data)


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(TooLargeError, match="10 MB"):
        decode_image(bytes(image_decoding.MAX_BYTES + 1))


def test_no_metadata_is_left() -> None:
    file = BytesIO()
    Image.fromarray(decode_image(pictures.turned(6))).save(file, "PNG")
    with Image.open(BytesIO(file.getvalue())) as image:
        assert not image.info
        assert not image.getexif()
