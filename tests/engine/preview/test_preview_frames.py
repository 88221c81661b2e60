"""What people see: the mouth moves with speech, and the rest of the frame stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import voice
from livehead.engine.base import Work
from livehead.engine.preview.animation.articulation import MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.generator import PreviewGenerator, create
from livehead.engine.preview.rig.fit import Fitted, fit
from livehead.engine.preview.rig.rig import Rig
from livehead.errors import PortraitError


def speak(generator: PreviewGenerator, stream, audio: np.ndarray, pixel_format="rgb24") -> np.ndarray:
    return np.concatenate([generator.step([Work(stream, block, 1)], pixel_format)[0] for block in voice.blocks(audio)])


def mouth_box(portrait: np.ndarray, size: int = 512) -> tuple[slice, slice]:
    face = fit(portrait, size).face
    x, y = face.mouth.centre
    reach = 0.5 * face.span
    return slice(int(y - 0.4 * reach), int(y + 1.1 * reach)), slice(int(x - reach), int(x + reach))


def movement(frames: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[box] for frame in frames]).astype(np.float32)
    return np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))


def test_the_mouth_moves_with_speech_and_rests_in_silence(generator, each_portrait):
    stream = generator.open(each_portrait, seed=1)
    box = mouth_box(each_portrait)
    quiet = movement(speak(generator, stream, voice.silence(0.8)), box)
    talking = movement(speak(generator, stream, np.concatenate([voice.vowel(v, 0.16) for v in "aiuaea"])), box)
    speak(generator, stream, voice.silence(0.12))
    after = movement(speak(generator, stream, voice.silence(0.6)), box)
    assert talking.mean() > 5 * max(quiet.mean(), after.mean())
    assert after.max() < 0.4 * talking.mean()


def test_the_dark_of_an_open_mouth_goes_with_the_audio(generator, portrait):
    stream = generator.open(portrait, seed=1)
    box = mouth_box(portrait)

    def dark(frames: np.ndarray) -> np.ndarray:
        return np.array([(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[box] < 45).mean() for p in frames])

    shut = dark(speak(generator, stream, voice.silence(0.4))).max()
    wide_open = dark(speak(generator, stream, voice.vowel("a", 0.4)))[3:]
    again = dark(speak(generator, stream, voice.silence(0.4)))[2:]
    assert wide_open.min() > shut + 0.04
    assert again.max() < shut + 0.02


def test_the_background_is_still(generator, portrait):
    stream = generator.open(portrait, seed=2)
    frames = speak(generator, stream, np.concatenate([voice.sentence(), voice.silence(2)]))
    moved = (frames.max(axis=0).astype(int) - frames.min(axis=0)).max(axis=2)
    face = fit(portrait, 512).face
    y, x = np.mgrid[0:512, 0:512]
    middle = (face.eyes[0].pupil + face.eyes[1].pupil) / 2
    far = (np.hypot((x - middle[0]) / 2.6, (y - middle[1] - 0.2 * face.span) / 3.4) > face.span) & (y < face.chin[1])
    assert far.mean() > 0.03
    assert moved[far].max() <= 2


def test_no_seams_where_the_moving_parts_end(portrait):
    # On a frame of even slopes, four levels a pixel, every tear or fold shows as a step.
    fitted = fit(portrait, 512)
    slope = np.abs((np.arange(1024) * 2) % 510 - 255).astype(np.uint8)
    texture = np.zeros((1024, 1024, 3), np.uint8)
    texture[:, :, 0], texture[:, :, 1] = slope[None], slope[:, None]
    moving = Rig(Fitted(texture, fitted.face, 512))
    poses = [Pose(), Pose(yaw=0.1, pitch=0.07, roll=0.04, sway=0.02, breath=1, brows=1, smile=1, lids=1, gaze_x=0.05)]
    poses.append(Pose(yaw=-0.1, pitch=-0.07, roll=-0.04, sway=-0.02, brows=-1, smile=-1, lids=0.6))
    mouth, eyes = mouth_box(portrait), [eye.pupil for eye in fitted.face.eyes]
    near = np.zeros((512, 512), bool)  # lips part and lids close here, as they should
    near[mouth[0].start : mouth[0].stop, mouth[1].start - 12 : mouth[1].stop + 12] = True
    for x, y in eyes:
        reach = int(0.58 * fitted.face.span)
        near[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach] = True
    for pose in poses:
        for shape in (
            MouthShape(),
            MouthShape(jaw=1, lift=1),
            MouthShape(jaw=0.5, wide=-1),
            MouthShape(wide=1, press=1),
        ):
            frame = moving.draw(shape, pose).astype(np.int16)
            for axis, still in ((1, ~near[:, 1:]), (0, ~near[1:])):
                assert np.abs(np.diff(frame, axis=axis))[still].max() <= 12


def test_same_portrait_seed_and_samples_give_the_same_bytes(portrait):
    audio = voice.sentence()[:16_000]
    first, second = (create(), create())
    one = speak(first, first.open(portrait, seed=7), audio, "yuv420p")
    two = speak(second, second.open(portrait, seed=7), audio, "yuv420p")
    other = speak(second, second.open(portrait, seed=8), audio, "yuv420p")
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_streams_do_not_depend_on_each_other(generator, portrait):
    audio_chunks = [voice.blocks(audio) for audio in (voice.vowel("a", 0.4), voice.vowel("u", 0.4), voice.silence(0.4))]
    alone = [speak(generator, generator.open(portrait, seed=i), s.ravel()) for i, s in enumerate(audio_chunks)]
    streams = [generator.open(portrait, seed=i) for i in range(3)]
    together = [
        [generator.step([Work(s, audio[n], 1)], "rgb24")[0] for s, audio in zip(streams, audio_chunks, strict=True)]
        for n in range(10)
    ]
    for i in range(3):
        assert np.array_equal(np.concatenate([step[i] for step in together]), alone[i])


def test_a_longer_hop_gives_the_same_frames(generator, portrait):
    audio = voice.vowel("e", 0.32)
    by_one = speak(generator, generator.open(portrait, seed=1), audio)
    stream = generator.open(portrait, seed=1)
    by_two = np.concatenate(
        [generator.step([Work(stream, audio[n : n + 1280], 2)], "rgb24")[0] for n in range(0, 5120, 1280)]
    )
    assert np.array_equal(by_one, by_two)


def test_it_blinks(generator, portrait):
    stream = generator.open(portrait, seed=1)
    face = fit(portrait, 512).face
    x, y = face.eyes[0].pupil
    r = int(0.12 * face.span)
    eye = (slice(int(y) - r, int(y) + r), slice(int(x) - r, int(x) + r))
    frames = speak(generator, stream, voice.silence(4))
    change = [np.abs(p[eye].astype(int) - frames[0][eye]).mean() for p in frames]
    assert max(change) > 15
    assert np.median(change) < 0.5 * max(change)


def test_after_an_interrupt_it_goes_on_from_what_was_shown(generator, portrait):
    stream = generator.open(portrait, seed=1)
    frames = speak(generator, stream, np.concatenate([voice.silence(0.2), voice.vowel("a", 0.4)]))
    shown, unshown = frames[-3], 2
    generator.rewind(stream, shown[None], unshown)
    after = speak(generator, stream, voice.silence(0.4))
    box = mouth_box(portrait)
    step = [np.abs(after[0][box].astype(int) - shown[box]).mean(), *movement(after, box)]
    assert max(step[3:]) < 1.0
    assert step[0] < 40  # part of the way, not a cut to something else
    generator.rewind(stream, shown[None], 1000)


@pytest.mark.parametrize("size", [64, 256, 360])
def test_other_sizes(portrait, size):
    small = create(size=size)
    frames = speak(small, small.open(portrait, seed=1), voice.vowel("a", 0.2), "yuv420p")
    assert frames.shape == (5, size * 3 // 2, size)
    assert frames.dtype == np.uint8


@pytest.mark.parametrize("shape", [(333, 471), (801, 433), (97, 120)])
def test_odd_portraits(generator, portrait, shape):
    height, width = shape
    side = min(shape)
    frame = np.full((height, width, 3), 90, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    frame[top : top + side, left : left + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    frames = speak(generator, generator.open(frame, seed=1), voice.vowel("a", 0.12))
    assert frames.shape == (3, 512, 512, 3)


def test_a_face_at_the_edge_of_a_tight_crop(generator, portrait):
    face = fit(portrait, 512).face
    scale = portrait.shape[0] / 512
    x, y, w, h = (v * scale for v in face.outline)
    tight = portrait[max(0, int(y - 1.2 * h)) : int(y + 1.05 * h), max(0, int(x - 1.2 * w)) : int(x + 1.2 * w)]
    assert speak(generator, generator.open(np.ascontiguousarray(tight), seed=1), voice.vowel("a", 0.2)).shape[0] == 5


def test_no_face_is_an_error(generator):
    with pytest.raises(PortraitError, match="No face"):
        generator.open(np.full((256, 256, 3), 200, np.uint8), seed=0)


def test_broken_work_is_refused(generator, portrait):
    stream = generator.open(portrait, seed=0)
    for pcm, hop in ((np.zeros(600, np.float32), 1), (np.zeros(640, np.float32), 2), (np.zeros(0, np.float32), 1)):
        with pytest.raises(ValueError, match="640"):
            generator.step([Work(stream, pcm, hop)])
    with pytest.raises(ValueError, match="one stream"):
        generator.step([Work(stream, np.zeros(640, np.float32), 1)] * 2)


def test_not_finite_samples_count_as_silence(generator, portrait):
    broken, calm = generator.open(portrait, seed=0), generator.open(portrait, seed=0)
    assert np.array_equal(
        speak(generator, broken, np.full(1280, np.nan, np.float32)), speak(generator, calm, voice.silence(0.08))
    )


def test_info_says_what_it_is(generator):
    info = generator.info
    assert info.name == "preview"
    assert (info.width, info.height, info.fps) == (512, 512, 25)
    assert {name: (p.hop, p.lookahead, p.max_delay_ms) for name, p in info.presets.items()} == {
        "low": (1, 0, 200),
        "balanced": (1, 0, 400),
        "throughput": (2, 0, 600),
    }


def test_close_twice_is_once(generator, portrait):
    stream = generator.open(portrait, seed=0)
    generator.close(stream)
    generator.close(stream)
