"""The mesh and the irises lie on the face, move along with it, and say how it looks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livehead.avatars import builtin_avatars, load_portrait
from livehead.engine.preview.animation.articulation import REST, MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.rig import Rig
from livehead.vision import mesh_points as at
from livehead.vision.detector import DetectedFace
from livehead.vision.face_mesh import FaceMesh, find_mesh
from livehead.vision.faces import detect_faces
from livehead.vision.irises import EyeContour, find_irises

Picture = NDArray[np.uint8]

PORTRAITS = {avatar.id: load_portrait(avatar.path) for avatar in builtin_avatars()}
ONE = PORTRAITS["default"]


def mesh_of(picture: Picture) -> FaceMesh:
    mesh = find_mesh(picture, detect_faces(picture)[0])
    assert mesh is not None
    return mesh


def look(picture: Picture) -> tuple[FaceMesh, tuple[EyeContour, EyeContour]]:
    mesh = mesh_of(picture)
    return mesh, find_irises(picture, mesh)


def span(mesh: FaceMesh) -> float:
    return float(np.hypot(*(mesh.eyes[1] - mesh.eyes[0])))


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig(fit(ONE, 512))


@pytest.mark.parametrize("name", PORTRAITS)
def test_the_parts_lie_where_they_belong(name):
    mesh, eyes = look(PORTRAITS[name])
    assert mesh.score > 0.9
    assert mesh.oval[:, 1].min() < mesh.brows[0][:, 1].min() < mesh.eyes[0, 1] < mesh.nose[1]
    assert mesh.nose[1] < mesh.outer_lips[0][:, 1].min() < mesh.inner_lips[1][5, 1] < mesh.chin[1]
    for side, eye in enumerate(eyes):
        assert eye.corners[0, 0] < eye.iris[0] - eye.radius < eye.iris[0] + eye.radius < eye.corners[1, 0]
        assert np.hypot(*(eye.iris - mesh.eyes[side])) < 0.1 * span(mesh)
        assert (eye.upper[1:-1, 1] < eye.lower[1:-1, 1]).all()
        assert eye.brow[:, 1].max() < eye.upper[:, 1].min()
    for contour in (*mesh.outer_lips, *mesh.inner_lips, *mesh.brows, *(lid for eye in mesh.lids for lid in eye)):
        assert (np.diff(contour[:, 0]) > 0).all()
    assert abs(mesh.yaw) < 0.15
    assert abs(mesh.pitch) < 0.2
    assert abs(mesh.roll) < 0.1


@pytest.mark.parametrize("degrees", [-35, -15, 15, 35])
@pytest.mark.parametrize("scale", [0.35, 1.0, 1.8])
def test_points_move_along_with_a_picture_that_is_turned_and_scaled(degrees, scale):
    height, width = (round(side * scale) for side in ONE.shape[:2])
    matrix = cv2.getRotationMatrix2D((384, 384), -degrees, scale)
    matrix[:, 2] += (width / 2 - 384, height / 2 - 384)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    turned = cv2.warpAffine(ONE, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    before, (left, right) = look(ONE)
    after, eyes = look(turned)
    moved = before.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    off = np.hypot(*(after.points[:, :2] - moved).T) / (span(before) * scale)
    assert off.mean() < 0.03
    assert off.max() < 0.12
    for eye, was in zip(eyes, (left, right), strict=True):
        there = was.iris @ matrix[:, :2].T + matrix[:, 2]
        assert np.hypot(*(eye.iris - there)) < 0.03 * span(before) * scale
    assert np.degrees(after.roll - before.roll) == pytest.approx(degrees, abs=4)


def test_points_are_mirrored_with_the_picture():
    before, (left, right) = look(ONE)
    after, (mirrored_right, mirrored_left) = look(np.ascontiguousarray(ONE[:, ::-1]))
    pairs = np.array(at.PAIRS)
    there = before.points[pairs[:, ::-1], :2] * (-1, 1) + (767, 0)
    assert np.hypot(*(after.points[pairs, :2] - there).reshape(-1, 2).T).mean() < 0.03 * span(before)
    for eye, was in ((mirrored_left, left), (mirrored_right, right)):
        assert eye.iris == pytest.approx(was.iris * (-1, 1) + (767, 0), abs=0.03 * span(before))
        assert eye.radius == pytest.approx(was.radius, rel=0.12)


def test_the_same_picture_gives_the_same_points():
    assert mesh_of(ONE).points.tobytes() == mesh_of(ONE.copy()).points.tobytes()


def test_shut_eyes_and_open_mouths_show(rig):
    rest, eyes = look(rig.draw(REST, Pose()))
    _, shut = look(rig.draw(REST, Pose(lids=1.0)))
    talking = mesh_of(rig.draw(MouthShape(jaw=1.0, lift=0.5), Pose()))
    assert min(eye.openness for eye in eyes) > 0.25
    assert max(eye.openness for eye in shut) < 0.7 * min(eye.openness for eye in eyes)
    assert rest.mouth_openness < 0.08
    assert talking.mouth_openness > 0.25
    assert talking.chin[1] > rest.chin[1] + 5


def test_a_turn_has_a_sign(rig):
    # Seen from the front, what is near moves with the turn: positive is to the right, and down.
    left, right = (mesh_of(rig.draw(REST, Pose(yaw=yaw))) for yaw in (-0.12, 0.12))
    assert right.yaw > left.yaw + 0.05
    up, down = (mesh_of(rig.draw(REST, Pose(pitch=pitch))) for pitch in (-0.12, 0.12))
    assert down.pitch > up.pitch + 0.02


def test_what_is_no_face_has_no_mesh():
    wall = np.tile(np.linspace(40, 220, 400).astype(np.uint8)[None, :, None], (400, 1, 3))
    eyes = np.array([[150, 150], [250, 150]], np.float32)
    nobody = DetectedFace((100, 100, 300, 300), eyes, eyes.mean(axis=0), eyes.mean(axis=0) + 60, 0.9)
    assert find_mesh(wall, nobody) is None
