"""A portrait is checked before it is used: good ones pass, and of bad ones it is said what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.avatars import builtin_avatars, load_portrait
from livehead.engine.preview.animation.articulation import REST, MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.rig import Rig
from livehead.vision.portrait_check import WORDS, check_portrait

Picture = NDArray[np.uint8]

PORTRAITS = {avatar.id: load_portrait(avatar.path) for avatar in builtin_avatars()}
SIDE = 768


def codes(picture: Picture) -> list[str]:
    return [reason.code for reason in check_portrait(picture).reasons]


def turned(picture: Picture, degrees: float) -> Picture:
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def lit(picture: Picture, gain: float, offset: float = 0) -> Picture:
    return np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


def small(picture: Picture) -> Picture:
    page = np.full((1024, 1024, 3), 120, np.uint8)
    page[400:640, 400:640] = cv2.resize(picture, (240, 240), interpolation=cv2.INTER_AREA)
    return page


def masked(picture: Picture) -> Picture:
    page = picture.copy()
    cv2.rectangle(page, (190, 445), (575, 600), (90, 120, 200), -1)
    return page


@pytest.mark.parametrize("name", PORTRAITS)
def test_a_good_portrait_passes(name: str) -> None:
    check = check_portrait(PORTRAITS[name])
    assert check.reasons == ()
    assert check.score == 1


SPOILED: dict[str, tuple[Callable[[Picture], Picture], str]] = {
    "nobody": (lambda p: p[:240, :240], "no-face"),
    "noise": (lambda p: np.random.default_rng(1).integers(0, 256, p.shape).astype(np.uint8), "no-face"),
    "two": (lambda p: np.hstack([p, p]), "several-faces"),
    "far": (small, "too-small"),
    "no forehead": (lambda p: p[290:], "cut-off"),
    "no chin": (lambda p: p[:500], "cut-off"),
    "on its side": (lambda p: turned(p, 30), "tilted"),
    "dark": (lambda p: lit(p, 0.3), "dark"),
    "bright": (lambda p: lit(p, 2.2, 40), "bright"),
    "blurred": (lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), 5), np.uint8), "blurred"),
    "flat": (lambda p: lit(p, 0.15, 100), "low-contrast"),
    "masked": (masked, "covered"),
}


@pytest.mark.parametrize("kind", SPOILED)
@pytest.mark.parametrize("name", ["default", "amara", "arjun"])
def test_what_is_wrong_is_said(name: str, kind: str) -> None:
    spoil, reason = SPOILED[kind]
    check = check_portrait(np.ascontiguousarray(spoil(PORTRAITS[name])))
    assert reason in [each.code for each in check.reasons]
    assert check.score <= 0.9
    assert all((each.message, each.remedy) == WORDS[each.code] for each in check.reasons)


@pytest.mark.parametrize("name", ["default", "daniel", "ingrid"])
def test_an_open_mouth_and_shut_eyes_are_seen(name: str) -> None:
    rig = Rig(fit(PORTRAITS[name], 512))
    assert codes(rig.draw(REST, Pose())) == []
    assert codes(rig.draw(MouthShape(jaw=1.0, lift=0.5), Pose())) == ["mouth-open"]
    assert codes(rig.draw(REST, Pose(lids=1.0))) == ["eyes-shut"]


def test_half_a_face_is_turned_or_cut() -> None:
    assert set(codes(np.ascontiguousarray(PORTRAITS["amara"][:, :400]))) & {"cut-off", "turned", "no-face"}


def test_the_crop_is_a_square_round_the_head_within_the_picture() -> None:
    wide = np.full((SIDE, 3 * SIDE, 3), 90, np.uint8)
    wide[:, SIDE : 2 * SIDE] = PORTRAITS["ingrid"]
    crop = check_portrait(wide).crop
    assert crop is not None
    assert crop.side == pytest.approx(SIDE, abs=40)
    assert crop.x == pytest.approx(SIDE, abs=40)
    assert 0 <= crop.y <= SIDE - crop.side


def test_what_is_told_of_it_is_plain_json() -> None:
    told = check_portrait(lit(PORTRAITS["default"], 0.3)).to_json()
    assert 0 < told["score"] < 1
    assert {"code": "dark", "message": WORDS["dark"][0], "remedy": WORDS["dark"][1]} in told["reasons"]
