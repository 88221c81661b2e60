"""The matte of a portrait, held against who was really painted there, and what is made from it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from livehead.avatars import builtin_avatars, load_portrait
from livehead.vision.fill import fill
from livehead.vision.guided_filter import guided_filter
from livehead.vision.layers import Layers, split
from livehead.vision.matte import matte

SILHOUETTES = Path(__file__).parents[1] / "data" / "silhouettes"
"""Made by art/silhouettes.py."""

PATHS = {avatar.id: avatar.path for avatar in builtin_avatars()}


@pytest.fixture(scope="module", params=PATHS)
def painted(request: pytest.FixtureRequest) -> tuple[str, np.ndarray, Layers]:
    portrait = load_portrait(PATHS[request.param])
    return request.param, portrait, split(portrait)


def test_it_is_who_was_painted(painted: tuple[str, np.ndarray, Layers]) -> None:
    name, _, layers = painted
    truth = cv2.imread(str(SILHOUETTES / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
    assert truth is not None
    wanted = truth.astype(np.float32) / 255
    found = cv2.resize(layers.alpha, truth.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    overlap = np.minimum(wanted, found).sum() / np.maximum(wanted, found).sum()
    assert overlap > 0.965
    assert np.abs(wanted - found).mean() < 0.016


def test_inside_all_is_the_person_as_it_was_and_outside_nothing(painted: tuple[str, np.ndarray, Layers]) -> None:
    _, portrait, layers = painted
    inside = cv2.erode((layers.alpha == 255).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    assert inside.mean() > 0.3
    assert np.abs(layers.person[inside].astype(int) - portrait[inside]).max() <= 1
    assert (layers.alpha[:8] == 0).mean() > 0.8
    assert (layers.alpha[250:480, 310:460] == 255).all(), "no hole in the face"


def test_the_old_background_does_not_shine_through(painted: tuple[str, np.ndarray, Layers]) -> None:
    """Where alpha is half, the person's colour is the person's: farther from the wall's than the portrait's."""
    _, portrait, layers = painted
    half = (layers.alpha > 90) & (layers.alpha < 165)
    assert half.any()
    share = (layers.alpha.astype(np.float32) / 255)[..., None]
    behind = layers.background.astype(np.float32)
    together = layers.person * share + behind * (1 - share)
    assert np.abs(together - portrait)[half].mean() < 30, "put together again, it is the portrait"
    person, seen, back = (each[half].astype(np.float32) for each in (layers.person, portrait, layers.background))
    assert np.linalg.norm(person - back, axis=1).mean() > 1.2 * np.linalg.norm(seen - back, axis=1).mean()


def test_nothing_of_the_person_is_in_the_background(painted: tuple[str, np.ndarray, Layers]) -> None:
    _, portrait, layers = painted
    wall = portrait[layers.alpha == 0].astype(np.float32)
    low, high = np.percentile(wall, [0.5, 99.5], axis=0)
    assert (layers.background >= low - 12).all()
    assert (layers.background <= high + 12).all()


@pytest.mark.parametrize("shape", [(300, 200), (200, 420), (64, 64)])
def test_any_shape(shape: tuple[int, int]) -> None:
    height, width = shape
    portrait = cv2.resize(load_portrait(PATHS["default"]), (width, height), interpolation=cv2.INTER_AREA)
    alpha = matte(portrait)
    assert alpha.shape == shape
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert alpha[height // 2, width // 2] == 1


def test_a_picture_of_nobody_and_one_of_nothing_else() -> None:
    nobody = split(np.full((128, 128, 3), 90, np.uint8))
    assert nobody.background.shape == (128, 128, 3)
    assert np.isfinite(matte(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8))).all()
    face = load_portrait(PATHS["default"])[250:500, 260:510]
    assert np.isfinite(split(np.ascontiguousarray(face)).background).all()


def test_values_are_carried_to_where_none_are() -> None:
    values = np.zeros((40, 61, 2), np.float32)
    values[:, :30] = (1, 4)
    values[:, 30:] = 99
    weight = np.zeros((40, 61), np.float32)
    weight[:, :20] = 1
    filled = fill(values, weight)
    assert np.allclose(filled, (1, 4), atol=1e-3)
    assert np.allclose(fill(values, np.zeros_like(weight)), 0)


def test_the_guided_filter_follows_an_edge_of_the_picture() -> None:
    picture = np.zeros((60, 60, 3), np.float32)
    picture[:, 33:] = (0.9, 0.5, 0.2)
    rough = np.zeros((60, 60), np.float32)
    rough[:, 30:] = 1
    smooth = guided_filter(picture, cv2.GaussianBlur(rough, (0, 0), 3), 6, 1e-5)
    edge = np.diff(smooth[30])
    assert int(np.argmax(edge)) == 32
    assert edge.max() > 4 * np.delete(edge, 32).max()
