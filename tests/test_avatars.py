"""Avatars: what is listed, and what the built-in ones are."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from livehead import avatars
from livehead.avatars import AvatarStore, load_portrait
from livehead.engine.base import Work
from livehead.engine.preview.generator import create
from livehead.engine.preview.landmarks.find import find_face
from livehead.errors import NotFoundError, PortraitError

BUILTIN = [avatar.id for avatar in avatars.builtin_avatars()]


@pytest.fixture
def store() -> AvatarStore:
    return AvatarStore()


def test_the_default_portrait_comes_first(store):
    listed = store.list()
    assert listed[0].id == avatars.DEFAULT_ID
    assert len({avatar.id for avatar in listed}) == len(listed) >= 4
    assert all(avatar.name and avatar.builtin for avatar in listed)


@pytest.mark.parametrize("avatar_id", BUILTIN)
async def test_a_builtin_portrait_is_what_the_list_says(store, avatar_id):
    avatar = store.get(avatar_id)
    portrait = await store.portrait(avatar_id)
    assert portrait.shape == (avatar.height, avatar.width, 3)
    assert portrait.dtype == np.uint8
    assert min(avatar.width, avatar.height) >= 512
    file = await store.image(avatar_id)
    with Image.open(BytesIO(file)) as image:
        assert Image.MIME[image.format] == avatar.media_type
    assert len(file) < 1_500_000


@pytest.mark.parametrize("avatar_id", BUILTIN)
def test_a_detector_finds_the_face_in_the_middle_with_two_eyes(store, avatar_id):
    portrait = load_portrait(store.get(avatar_id).path)
    grey = cv2.resize(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), (512, 512), interpolation=cv2.INTER_AREA)
    for model in ("haarcascade_frontalface_default", "haarcascade_frontalface_alt2"):
        cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}{model}.xml")
        faces = cascade.detectMultiScale(grey, 1.1, 5, minSize=(200, 200))
        assert len(faces) >= 1, model
        x, y, width, height = faces[0]
        assert abs(x + width / 2 - 256) < 40
    eyes = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_eye.xml")
    found = eyes.detectMultiScale(
        grey[y + height // 5 : y + height * 11 // 20, x : x + width], 1.1, 4, minSize=(25, 25)
    )
    assert len(found) == 2


@pytest.mark.parametrize("avatar_id", BUILTIN)
def test_both_eyes_are_measured_alike(store, avatar_id):
    face = find_face(load_portrait(store.get(avatar_id).path))
    left, right = (float(np.hypot(*(eye.corners[1] - eye.corners[0]))) for eye in face.eyes)
    assert 0.85 < left / right < 1.18  # else a blink closes one eye only
    assert face.mouth.sure > 0.9


@pytest.mark.parametrize("avatar_id", BUILTIN)
def test_the_preview_engine_animates_it(store, avatar_id):
    generator = create(size=256)
    stream = generator.open(load_portrait(store.get(avatar_id).path), seed=1)
    t = np.arange(640 * 25) / 16_000
    voice = (0.5 * np.sin(2 * np.pi * 150 * t) * np.sin(2 * np.pi * 3 * t) ** 2).astype(np.float32)
    frames = [generator.step([Work(stream, pcm, 1)])[0][0] for pcm in np.split(voice, 25)]
    moved = np.ptp(np.stack(frames)[:, :256].astype(int), axis=0)
    assert moved[150:205, 90:166].max() > 40  # the mouth
    assert moved[:20, :20].max() <= 2  # the wall


def test_an_unknown_avatar_is_named(store):
    with pytest.raises(NotFoundError, match="nobody"):
        store.get("nobody")


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(PortraitError, match=r"nothing\.png"):
        load_portrait(tmp_path / "nothing.png")
    with pytest.raises(PortraitError, match="cannot be read"):
        load_portrait(tmp_path)
