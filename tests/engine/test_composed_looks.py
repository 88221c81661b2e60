"""Looks of generators that know nothing of them: the portrait is composed before they see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fakes import FakeGenerator
from livehead.avatars import builtin_avatars, load_portrait
from livehead.engine.base import Backdrop, GeneratorInfo
from livehead.engine.look import MAX_SIDE, compose, composes, cover, draw_backdrop, looks_of, open_stream

RED = (200, 10, 30)


class Seeing(FakeGenerator):
    """Keeps what it was opened with."""

    def open(self, portrait: Any, seed: int, **more: Any) -> Any:
        self.opened, self.more = portrait, more
        return super().open(portrait, seed)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return load_portrait(builtin_avatars()[0].path)


def test_what_every_generator_can_and_what_its_own_frames_take() -> None:
    info = FakeGenerator().info
    assert looks_of(info) == ("keep", "colour", "blur", "picture")
    assert looks_of(replace(info, looks=("keep", "transparent"))) == (
        "keep",
        "colour",
        "blur",
        "transparent",
        "picture",
    )
    assert composes(info, Backdrop("blur"))
    assert not composes(info, None)
    assert not composes(replace(info, looks=("keep", "blur")), Backdrop("blur"))


def test_one_that_knows_nothing_of_looks_is_given_a_portrait_that_has_one(portrait: np.ndarray) -> None:
    generator = Seeing()
    open_stream(generator, portrait, 1)
    assert generator.opened is portrait
    open_stream(generator, portrait, 1, Backdrop("colour", rgb=RED))
    assert generator.opened.shape == portrait.shape
    assert (generator.opened[:20, :60] == RED).all()
    assert np.abs(generator.opened[300:450, 330:440].astype(int) - portrait[300:450, 330:440]).max() <= 1
    assert generator.more == {}


def test_one_that_does_it_itself_is_given_the_backdrop(portrait: np.ndarray) -> None:
    class Transparent(Seeing):
        @property
        def info(self) -> GeneratorInfo:
            return replace(super().info, looks=("keep", "transparent"))

    generator = Transparent()
    backdrop = Backdrop("transparent")
    open_stream(generator, portrait, 1, backdrop)
    assert generator.opened is portrait
    assert generator.more == {"backdrop": backdrop}


def test_transparent_frames_cannot_be_composed(portrait: np.ndarray) -> None:
    with pytest.raises(ValueError, match="transparent"):
        compose(portrait, Backdrop("transparent"))


def test_a_large_portrait_is_composed_at_the_size_that_matters(portrait: np.ndarray) -> None:
    wide = np.repeat(np.repeat(portrait, 3, axis=0), 4, axis=1)
    assert compose(wide, Backdrop("colour", rgb=RED)).shape == (MAX_SIDE * 3 // 4, MAX_SIDE, 3)


@pytest.mark.parametrize(("rows", "columns"), [(10, 40), (40, 10), (17, 23), (20, 20), (300, 900)])
def test_a_picture_covers_the_frame_from_its_middle(rows: int, columns: int) -> None:
    picture = np.zeros((rows, columns, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, columns).astype(np.uint8)
    picture[..., 1] = np.linspace(0, 255, rows).astype(np.uint8)[:, None]
    drawn = draw_backdrop(Backdrop("picture", picture=picture), np.zeros((60, 80, 3), np.uint8))
    assert drawn.shape == (60, 80, 3)
    middle = drawn[29:31, 39:41].mean(axis=(0, 1))
    assert middle[:2] == pytest.approx((127, 127), abs=14)
    spread = np.ptp(drawn[..., 0]) / 255 * columns, np.ptp(drawn[..., 1]) / 255 * rows
    assert min(columns / 80, rows / 60) * 80 == pytest.approx(spread[0], rel=0.15, abs=1.5)
    assert min(columns / 80, rows / 60) * 60 == pytest.approx(spread[1], rel=0.15, abs=1.5)


def test_one_of_the_frames_own_size_is_taken_as_it_is() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (64, 48, 3), np.uint8)
    assert (cover(picture, 48, 64) == picture).all()
