"""Lids close, and what is before the eye stays."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from livehead.engine.preview.animation.articulation import REST
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.landmarks.find import find_face
from livehead.engine.preview.rig.fit import Fitted, fit
from livehead.engine.preview.rig.rig import Rig


@pytest.fixture(scope="module")
def bespectacled(portrait) -> np.ndarray:
    """The portrait with a thin, dark frame around each eye and a bridge over the nose."""
    face, worn = find_face(portrait), portrait.copy()
    for eye in face.eyes:
        x, y = eye.pupil
        wide, tall = 0.40 * face.span, 0.21 * face.span
        low, high = (int(x - wide), int(y - tall)), (int(x + wide), int(y + tall))
        cv2.rectangle(worn, low, high, (40, 35, 30), 4, cv2.LINE_AA)
    left, right = (eye.pupil for eye in face.eyes)
    start, end = (int(left[0] + 0.4 * face.span), int(left[1])), (int(right[0] - 0.4 * face.span), int(right[1]))
    cv2.line(worn, start, end, (40, 35, 30), 5, cv2.LINE_AA)
    return worn


def test_glasses_are_seen(each_portrait, bespectacled):
    assert not find_face(each_portrait).glasses
    assert find_face(bespectacled).glasses


def bent(fitted: Fitted) -> float:
    """How much a blink changes the upper bars of the frames, in levels."""
    rig, change = Rig(fitted), []
    still, shut = (rig.draw(REST, Pose(lids=lids)).astype(int) for lids in (0.0, 1.0))
    for eye in fitted.face.eyes:
        x, y = eye.pupil
        rows = slice(int(y - 0.24 * fitted.face.span), int(y - 0.20 * fitted.face.span))
        columns = slice(int(x - 0.3 * fitted.face.span), int(x + 0.3 * fitted.face.span))
        assert still[rows, columns].min() < 80  # the bar is there
        change.append(np.abs(still[rows, columns] - shut[rows, columns]).mean())
        middle = np.abs(still - shut)[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5]
        assert middle.mean() > 20  # the eye is shut
    return float(np.mean(change))


def test_a_frame_of_glasses_hardly_bends_when_the_eyes_blink(bespectacled):
    fitted = fit(bespectacled, 512)
    as_skin = replace(fitted, face=replace(fitted.face, glasses=False))
    assert bent(fitted) < 0.5 * bent(as_skin)


def test_a_closed_lid_covers_the_eye(each_portrait):
    fitted = fit(each_portrait, 512)
    rig = Rig(fitted)
    shut = rig.draw(REST, Pose(lids=1.0))
    for eye in fitted.face.eyes:
        middle = eye.corners.mean(axis=0)
        inside = np.concatenate([middle + 0.6 * (lid - middle) for lid in (eye.upper_lid, eye.lower_lid)])[2:-2]
        x, y = np.rint(inside).astype(int).T
        light = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[y, x].astype(float) for frame in (rig.still, shut)]
        assert light[1].std() < 0.6 * light[0].std()  # skin, not white, iris and pupil
