"""The test pattern survives what happens to a frame on its way, and never says a wrong number."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from livehead.core import test_pattern as probe
from livehead.core.frame import Frame


def frame(width: int, height: int, seed: int = 0) -> Frame:
    return Frame(np.random.default_rng(seed).integers(0, 256, (height * 3 // 2, width), np.uint8))


def luma(shown: Frame) -> np.ndarray:
    return shown.i420[: shown.height]


sizes = st.tuples(st.integers(16, 640).map(lambda n: 2 * n), st.integers(8, 120).map(lambda n: 2 * n))
blocks = st.one_of(st.integers(-(1 << 30), 1 << 40), st.sampled_from([0, -1, 65535, 65536]))


@settings(max_examples=200, deadline=None)
@given(size=sizes, k=blocks, loudness=st.integers(0, 15))
def test_what_is_drawn_is_read(size: tuple[int, int], k: int, loudness: int) -> None:
    shown = probe.draw(frame(*size), k, loudness)
    assert probe.read(luma(shown)) == probe.Reading(k % 65536, loudness)


@settings(max_examples=60, deadline=None)
@given(size=sizes, k=blocks, loudness=st.integers(0, 15))
def test_only_the_bottom_rows_are_touched(size: tuple[int, int], k: int, loudness: int) -> None:
    plain = frame(*size)
    before = plain.i420.copy()
    shown = probe.draw(plain, k, loudness)
    assert np.array_equal(plain.i420, before), "the frame itself stays as it was"
    width, height = size
    assert (shown.width, shown.height) == size
    assert np.array_equal(luma(shown)[:-16], luma(plain)[:-16])
    for i in range(2):
        was, now = (each.i420[height:].reshape(2, height // 2, width // 2)[i] for each in (plain, shown))
        assert np.array_equal(now[:-8], was[:-8])
        assert (now[-8:] == 128).all(), "white and black have no colour"


def test_the_layout_is_the_published_one() -> None:
    """512 wide: cells of 16x16; k = 0x1234, loudness 9; check 0x12 ^ 0x34 ^ 9 = 0x2f."""
    cells = luma(probe.draw(frame(512, 512), 0x1234, 9))[-16:].reshape(16, 32, 16)
    bits = cells[8, :, 8] > 128
    expected = "1010" + "0001001000110100" + "1001" + "00101111"
    assert "".join("01"[int(bit)] for bit in bits) == expected
    assert all(len(np.unique(cells[:, i])) == 1 for i in range(32))


@pytest.mark.parametrize("quality", [20, 35, 60])
@pytest.mark.parametrize("width", [448, 512, 720])
def test_a_codec_may_blur_it(width: int, quality: int) -> None:
    for k in range(0, 65536, 4099):
        shown = luma(probe.draw(frame(width, 64), k, k % 16))
        data = io.BytesIO()
        Image.fromarray(shown).filter(ImageFilter.GaussianBlur(2)).save(data, "JPEG", quality=quality)
        assert probe.read(np.asarray(Image.open(data))) == probe.Reading(k, k % 16)


def test_levels_may_be_stretched_or_squeezed() -> None:
    shown = luma(probe.draw(frame(256, 64), 777, 3)).astype(np.float32)
    for gain, offset in ((1.16, -18.0), (0.5, 60.0), (0.3, 0.0)):
        assert probe.read(np.clip(shown * gain + offset, 0, 255).astype(np.uint8)) == probe.Reading(777, 3)


@settings(max_examples=100, deadline=None)
@given(k=st.integers(0, 65535), loudness=st.integers(0, 15), cell=st.integers(0, 31))
def test_one_wrong_cell_is_noticed(k: int, loudness: int, cell: int) -> None:
    shown = luma(probe.draw(frame(512, 32), k, loudness)).copy()
    part = shown[-16:, cell * 16 : cell * 16 + 16]
    part[:] = 251 - part
    assert probe.read(shown) is None


def test_frames_without_a_code_read_as_none() -> None:
    assert probe.read(np.zeros((64, 64), np.uint8)) is None
    assert probe.read(np.full((64, 64), 235, np.uint8)) is None
    assert probe.read(np.zeros((8, 64), np.uint8)) is None
    assert probe.read(np.zeros((64, 31), np.uint8)) is None
    assert probe.read(np.zeros((64, 64, 3), np.uint8)) is None
    dice = np.random.default_rng(5)
    wrong = sum(probe.read(dice.integers(0, 256, (32, 64), np.uint8)) is not None for _ in range(3000))
    assert wrong <= 3  # 4 sync and 8 check bits: one in 4096, of those with any contrast


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        probe.draw(frame(30, 64), 0, 0)
    with pytest.raises(ValueError, match="loudness"):
        probe.draw(frame(64, 64), 0, 16)


@pytest.mark.parametrize(
    ("rms", "expected"),
    [
        (0.0, 0),
        (1e-5, 0),
        (0.001, 0),
        (0.00125, 0),
        (0.0013, 1),
        (0.01, 5),
        (0.0314, 7),
        (0.032, 8),
        (0.1, 10),
        (0.5, 13),
        (1.0, 15),
    ],
)
def test_loudness_is_the_published_formula(rms: float, expected: int) -> None:
    pcm = np.full(640, rms, np.float32)
    pcm[::2] *= -1
    assert probe.loudness(pcm) == expected


def test_loudness_of_odd_samples() -> None:
    assert probe.loudness(np.zeros(0, np.float32)) == 0
    assert probe.loudness(np.full(640, np.nan, np.float32)) == 0
    assert probe.loudness(np.full(640, 50.0, np.float32)) == 15
