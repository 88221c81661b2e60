"""Lips close and part over what is between them: teeth stay where they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from livehead.engine.preview.animation.articulation import REST, MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.mouth import MouthWarp
from livehead.engine.preview.rig.rig import Rig

CALM = Pose()
SIZE = 512


@pytest.fixture(scope="module")
def toothy(portrait) -> np.ndarray:
    """A portrait whose lips are parted and show the upper teeth, as in a smile."""
    return Rig(fit(portrait, 768)).draw(MouthShape(jaw=0.35, lift=0.7, wide=0.6), CALM)


@pytest.fixture(scope="module")
def agape(portrait) -> np.ndarray:
    """A portrait whose mouth is wide open."""
    return Rig(fit(portrait, 768)).draw(MouthShape(jaw=1.0, lift=0.4), CALM)


def gap(frame: np.ndarray) -> float:
    """How far the lips are apart, in eye spans, as it is seen in a frame."""
    face = fit(frame, SIZE).face
    return face.mouth.gap / face.span


def opening(portrait: np.ndarray, shape: MouthShape) -> float:
    """The largest gap between the lips' inner edges that the warp leaves, in eye spans."""
    face = fit(portrait, SIZE).face
    mouth = MouthWarp(face, SIZE)
    left, top, right, bottom = mouth.box
    places = np.stack(np.meshgrid(np.arange(left, right), np.arange(top, bottom)), axis=-1).astype(np.float32)
    found = mouth.warp(places, shape)
    return 0.0 if found is None else float((found.lower - found.upper).max()) / face.span


def teeth_box(rig: Rig, portrait: np.ndarray) -> tuple[slice, slice]:
    """A part of the upper teeth that no lip covers in the shapes that are compared."""
    face = fit(portrait, SIZE).face
    upper, lower = (edge[len(edge) // 2] for edge in (face.mouth.upper_edge, face.mouth.lower_edge))
    x, top, bottom = float(face.mouth.middle[0]), upper[1], lower[1]
    tall = 0.16 * (bottom - top)
    middle = top + 0.46 * (bottom - top)
    return slice(int(middle - tall), int(middle + tall) + 1), slice(
        int(x - 0.12 * face.span), int(x + 0.12 * face.span)
    )


@pytest.mark.parametrize("press", [0.75, 1.0])
@pytest.mark.parametrize("keep", [0.0, 0.35, 1.0])
def test_no_gap_is_left_at_m_b_and_p(portrait, toothy, agape, press, keep):
    for each in (portrait, toothy, agape):
        assert opening(each, MouthShape(press=press, keep=keep)) == 0


def test_closed_lips_are_seen_to_be_closed(toothy, agape):
    for each in (toothy, agape):
        assert gap(each) > 0.1
        assert gap(Rig(fit(each, SIZE)).draw(MouthShape(press=0.8), CALM)) < 0.035


def test_a_smile_is_left_as_it_is_at_rest(toothy):
    rig = Rig(fit(toothy, SIZE))
    assert np.array_equal(rig.draw(REST, CALM), rig.still)


def test_a_mouth_that_is_open_is_nearly_closed_at_rest(agape):
    assert 0 < opening_at_rest(agape) < 0.6 * gap(agape)


def opening_at_rest(portrait: np.ndarray) -> float:
    return gap(Rig(fit(portrait, SIZE)).draw(REST, CALM))


def test_the_jaw_opens_the_mouth_of_every_portrait(portrait, toothy):
    for each in (portrait, toothy):
        gaps = [opening(each, MouthShape(jaw=jaw, keep=0.35)) for jaw in (0.2, 0.5, 1.0)]
        assert gaps == sorted(gaps)
        assert gaps[-1] - gaps[0] > 0.12


def test_the_teeth_of_a_smile_do_not_move_with_the_lips(toothy):
    rig = Rig(fit(toothy, SIZE))
    box = teeth_box(rig, toothy)
    still = rig.still[box].astype(int)
    for shape in (
        MouthShape(jaw=0.3, lift=0.6, keep=0.35),
        MouthShape(jaw=0.9, lift=0.6, keep=0.35),
        MouthShape(jaw=0.3, lift=0.6, wide=0.9, keep=1.0),
        MouthShape(jaw=0.6, lift=0.6, wide=-0.8, keep=1.0),
    ):
        assert np.abs(rig.draw(shape, CALM)[box].astype(int) - still).mean() < 3, shape


def test_drawn_teeth_do_not_move_with_the_lips(portrait):
    rig = Rig(fit(portrait, SIZE))
    face = fit(portrait, SIZE).face
    x, y = face.mouth.middle
    width = int(0.15 * face.span)
    box = slice(int(y - 0.02 * face.span), int(y + 0.035 * face.span)), slice(int(x) - width, int(x) + width)
    seams = []
    for shape in (MouthShape(jaw=0.7, lift=0.9), MouthShape(jaw=0.7, lift=0.9, wide=0.6), MouthShape(jaw=1, lift=0.9)):
        row = cv2.cvtColor(rig.draw(shape, CALM)[box], cv2.COLOR_RGB2GRAY).astype(np.float32).mean(axis=0)
        seams.append(row - row.mean())
    for other in seams[1:]:
        shifts = {shift: float(np.dot(np.roll(other, shift), seams[0])) for shift in range(-6, 7)}
        assert max(shifts, key=shifts.__getitem__) == 0


def test_lips_that_close_do_not_tear_the_skin(toothy):
    # The map from a frame to the portrait never folds: going down a column, the source goes down too.
    face = fit(toothy, SIZE).face
    mouth = MouthWarp(face, SIZE)
    left, top, right, bottom = mouth.box
    for shape in (MouthShape(press=1.0), MouthShape(keep=0.0), MouthShape(jaw=1.0, keep=0.0), MouthShape(wide=-1.0)):
        places = np.stack(np.meshgrid(np.arange(left, right), np.arange(top, bottom)), axis=-1).astype(np.float32)
        found = mouth.warp(places, shape)
        down = np.diff(places[:, :, 1], axis=0)
        if found is not None:  # inside the opening nothing is taken from the portrait's skin
            down[max(0, found.rows.start - 2) : found.rows.stop + 2, found.columns] = 1
        assert down.min() > -0.1, shape
