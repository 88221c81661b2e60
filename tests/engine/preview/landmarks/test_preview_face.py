"""Faces are found where people see them, and images without one are refused with a reason."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from livehead.engine.preview.landmarks import find
from livehead.engine.preview.landmarks.face import Face
from livehead.engine.preview.landmarks.find import find_face
from livehead.engine.preview.rig.fit import fit, square
from livehead.errors import PortraitError


def check_plausible(face: Face, frame: np.ndarray) -> None:
    height, width = frame.shape[:2]
    left, right = face.eyes
    middle = (left.pupil + right.pupil) / 2
    mouth = face.mouth.centre
    for point in (left.pupil, right.pupil, mouth, *face.mouth.corners):
        assert 0 <= point[0] < width
        assert 0 <= point[1] < height
    assert left.pupil[0] < right.pupil[0]
    assert 0.8 < np.hypot(*(mouth - middle)) / face.span < 1.45
    assert 0.4 < np.hypot(*(face.mouth.line[-1] - face.mouth.line[0])) / face.span < 1.3
    for eye in face.eyes:
        assert eye.corners[0, 0] < eye.pupil[0] < eye.corners[1, 0]
        assert eye.upper > 0
        assert eye.lower > 0
        assert eye.brow[1] < eye.pupil[1]
    assert face.chin[1] > mouth[1]


def test_every_builtin_portrait_has_a_face(each_portrait):
    face = find_face(each_portrait)
    check_plausible(face, each_portrait)
    assert face.mouth.sure > 0.3


@pytest.mark.parametrize("scale", [0.25, 0.5, 2.0])
def test_size_does_not_matter(portrait, scale):
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    whole, scaled = find_face(portrait), find_face(small)
    assert scaled.span / scale == pytest.approx(whole.span, rel=0.06)
    assert np.allclose(scaled.mouth.centre / scale, whole.mouth.centre, atol=0.1 * whole.span)


@pytest.mark.parametrize("angle", [-60, -35, -16, 16, 35, 60])
def test_a_tilted_head(portrait, angle):
    height, width = portrait.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    upright = find_face(portrait)
    face = find_face(cv2.warpAffine(portrait, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    assert np.degrees(face.roll - upright.roll) == pytest.approx(-angle, abs=2)
    for point, was in ((face.mouth.centre, upright.mouth.centre), (face.chin, upright.chin)):
        assert np.hypot(*(point - (turn[:, :2] @ was + turn[:, 2]))) < 0.06 * upright.span


def test_a_mirrored_face(portrait):
    face, mirrored = find_face(portrait), find_face(np.ascontiguousarray(portrait[:, ::-1]))
    width = portrait.shape[1]

    def across(point: np.ndarray) -> np.ndarray:
        return point * (-1, 1) + (width - 1, 0)

    close = 0.04 * face.span
    for eye, was in zip(mirrored.eyes, reversed(face.eyes), strict=True):
        assert eye.pupil == pytest.approx(across(was.pupil), abs=close)
        assert eye.upper == pytest.approx(was.upper, abs=close)
    assert mirrored.mouth.line[[0, -1]] == pytest.approx(across(face.mouth.line[[-1, 0]]), abs=close)
    assert mirrored.chin == pytest.approx(across(face.chin), abs=close)


def test_the_same_portrait_has_the_same_landmarks(each_portrait):
    one, two = find_face(each_portrait), find_face(each_portrait.copy())
    assert one.mouth.upper_edge.tobytes() == two.mouth.upper_edge.tobytes()
    assert [eye.upper_lid.tobytes() for eye in one.eyes] == [eye.upper_lid.tobytes() for eye in two.eyes]
    assert (one.chin.tobytes(), one.outline) == (two.chin.tobytes(), two.outline)


def test_lips_are_shut_in_every_builtin_portrait(each_portrait):
    assert find_face(each_portrait).mouth.gap == 0


def test_without_a_mesh_the_cascades_find_the_face(each_portrait, monkeypatch):
    usual = find_face(each_portrait)
    monkeypatch.setattr(find, "find_by_mesh", lambda rgb: None)
    face = find_face(each_portrait)
    check_plausible(face, each_portrait)
    assert face.span == pytest.approx(usual.span, rel=0.05)
    assert np.hypot(*(face.mouth.centre - usual.mouth.centre)) < 0.1 * usual.span
    assert fit(each_portrait, 256).face.mouth.gap == 0


def test_dark_and_grey_frames(portrait):
    grey = np.repeat(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    whole = find_face(portrait)
    for frame in ((portrait * 0.3).astype(np.uint8), grey):
        face = find_face(frame)
        check_plausible(face, frame)
        assert np.allclose(face.mouth.centre, whole.mouth.centre, atol=0.15 * whole.span)


@pytest.mark.parametrize(
    "frame",
    [
        np.full((256, 256, 3), 128, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
        cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (400, 400, 3), dtype=np.uint8), (0, 0), 9) * 3,
    ],
    ids=["plain", "noise", "clouds"],
)
def test_an_image_without_a_face_is_refused(frame):
    with pytest.raises(PortraitError, match=r"No face was found.*front"):
        find_face(frame)


def test_sizes_out_of_bounds_are_refused():
    with pytest.raises(PortraitError, match="40×40"):
        find_face(np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(PortraitError, match="RGB"):
        find_face(np.zeros((200, 200), np.uint8))


@pytest.mark.parametrize("pad", [(0, 0, 300, 40), (200, 0, 0, 0), (30, 31, 401, 400)])
def test_fitting_keeps_the_face_in_frame(portrait, pad):
    wide = cv2.copyMakeBorder(portrait, *pad, borderType=cv2.BORDER_REPLICATE)
    fitted = fit(wide, 256)
    assert fitted.texture.shape == (512, 512, 3)
    x, y, _, half = fitted.face.outline
    assert 0.3 * 256 < x < 0.7 * 256
    assert half < y < 256 - 0.6 * half
    check_plausible(fitted.face, np.zeros((256, 256, 3)))


def test_the_square_lies_inside_the_frame(portrait):
    face = find_face(portrait)
    left, top, side = square(portrait.shape[1], portrait.shape[0], face)
    assert left >= 0
    assert top >= 0
    assert left + side <= portrait.shape[1]
    assert top + side <= portrait.shape[0]
