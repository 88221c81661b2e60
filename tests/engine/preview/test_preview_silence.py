"""A face that hardly moves is drawn seldom; frames that are taken back and made again, or elsewhere, are the same."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

import voice
from livehead.engine.base import Resuming, Work
from livehead.engine.preview.animation.articulation import REST, MouthShape
from livehead.engine.preview.animation.idle import IdleMotion, Pose
from livehead.engine.preview.audio.features import Features
from livehead.engine.preview.generator import PreviewGenerator, create
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.rig import Rig
from livehead.engine.preview.shown import STILL, Shown, next_shown
from livehead.engine.preview.stream import PreviewStream

SIZE = 256


@pytest.fixture(scope="module")
def small() -> PreviewGenerator:
    return create(size=SIZE)


@pytest.fixture(scope="module")
def rig(portrait: np.ndarray) -> Rig:
    return Rig(fit(portrait, 512))


def made(generator: PreviewGenerator, stream: PreviewStream, audio: np.ndarray, hop: int = 1) -> np.ndarray:
    cuts = audio[: audio.size // (640 * hop) * 640 * hop].reshape(-1, 640 * hop)
    return np.concatenate([generator.step([Work(stream, pcm, hop)])[0] for pcm in cuts])


def shown_in_silence(rig: Rig, seed: int, frames: int) -> list[tuple[Shown, Pose]]:
    """What each frame of a silent face shows, and the pose that it is in by then."""
    idle, shown, seen = IdleMotion(seed), None, []
    for _ in range(frames):
        before, idle = idle.pose, idle.next(Features())
        shown = next_shown(shown, REST, idle.pose, before, rig)
        seen.append((shown, idle.pose))
    return seen


def test_what_is_shown_is_where_the_face_is_to_a_fraction_of_a_pixel(rig: Rig) -> None:
    seen = shown_in_silence(rig, 1, 750)
    for shown, pose in seen:
        assert rig.distance(shown.head, pose) <= STILL
        assert rig.gaze_distance(shown.eyes, pose) <= STILL
        assert shown.eyes.lids == pose.lids, "a blink is drawn in every frame"
    heads = [shown.head for shown, _ in seen]
    steps = [(rig.distance(*pair), at) for at, pair in enumerate(pairwise(heads)) if pair[0] != pair[1]]
    larger = [step > 1.05 * max(STILL, rig.distance(seen[at][1], seen[at + 1][1])) for step, at in steps]
    assert np.mean(larger) < 0.05, "no larger steps than those of the face itself, but where it turns at once"
    assert len(steps) < 0.7 * len(seen)


def test_a_frame_that_is_not_drawn_differs_less_than_coding_does(rig: Rig) -> None:
    """From the one that it stands for, in dB; H.264 is not asked for more than 46 to 47 dB."""
    errors = []
    for shown, pose in shown_in_silence(rig, 1, 120)[::4]:
        held, exact = (
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
            for frame in (rig.frame(rig.turn(shown.head), shown.mouth, shown.eyes), rig.draw(REST, pose))
        )
        errors.append(float(np.mean((held - exact) ** 2)))
    assert 10 * np.log10(255**2 / np.mean([error for error in errors if error])) > 46


def test_the_distance_is_that_of_the_point_that_moves_most(rig: Rig) -> None:
    one, other = Pose(yaw=0.02, brows=0.3, breath=0.2), Pose(yaw=0.01, pitch=0.01, roll=-0.01, sway=0.01)
    apart = (rig.turn(one).places - rig.turn(other).places) / 2
    assert rig.distance(one, other) == pytest.approx(float(np.hypot(apart[..., 0], apart[..., 1]).max()), rel=0.05)
    assert rig.distance(one, one) == 0


def test_silence_repeats_frames_to_the_byte_and_speech_does_not(small: PreviewGenerator, portrait: np.ndarray) -> None:
    stream = small.open(portrait, seed=1)
    frames = made(small, stream, np.concatenate([voice.silence(4), *[voice.vowel(each, 0.2) for each in "aeiou"]]))
    same = np.array([np.array_equal(*pair) for pair in pairwise(frames)])
    assert same[:99].mean() > 0.3
    assert not same[101:].any()


def test_frames_that_are_taken_back_are_made_again_to_the_byte(small: PreviewGenerator, portrait: np.ndarray) -> None:
    """Silence was made ahead, speech began, and what was not shown is made anew."""
    audio = voice.silence(3)
    through = made(small, small.open(portrait, seed=5), audio)
    stream = small.open(portrait, seed=5)
    until = 0
    for shown, ahead in ((6, 8), (20, 4), (41, 12)):
        until += len(made(small, stream, audio[until * 640 : (shown + ahead) * 640]))
        small.rewind(stream, np.zeros((1, SIZE, SIZE, 3), np.uint8), ahead)
        until = shown
    assert np.array_equal(made(small, stream, audio[until * 640 :]), through[until:])


@pytest.mark.parametrize("hop", [2, 4, 8])
def test_windows_of_any_length_make_the_same_frames(small: PreviewGenerator, portrait: np.ndarray, hop: int) -> None:
    audio = np.concatenate([voice.silence(0.64), voice.vowel("a", 0.32), voice.silence(0.96)])
    by_one = made(small, small.open(portrait, seed=1), audio)
    assert np.array_equal(made(small, small.open(portrait, seed=1), audio, hop), by_one)


def test_nothing_that_a_caller_does_to_a_frame_comes_back(small: PreviewGenerator, portrait: np.ndarray) -> None:
    stream, untouched = small.open(portrait, seed=1), small.open(portrait, seed=1)
    for _ in range(12):
        frames, expected = (small.step([Work(each, voice.silence(0.04), 1)])[0] for each in (stream, untouched))
        assert np.array_equal(frames, expected)
        frames[:] = 0


@pytest.mark.parametrize("seed", range(4))
def test_idle_motion_jumps_to_where_it_would_be(seed: int) -> None:
    random = np.random.default_rng(seed)
    idle = IdleMotion(seed)
    for level in random.uniform(0, 1.2, 60 + 7 * seed):
        idle = idle.next(Features(level=level, onset=level / 2))
    slow, count = idle, 0
    for frames in sorted(int(each) for each in random.integers(0, 2500, 5)):
        while count < frames:
            slow, count = slow.next(Features()), count + 1
        quick = idle.after(frames)
        assert (quick.count, quick.blink_at, quick.blinked) == (slow.count, slow.blink_at, slow.blinked)
        for name in Pose.__dataclass_fields__:
            assert getattr(quick.pose, name) == pytest.approx(getattr(slow.pose, name), abs=1e-12)


def test_a_stream_goes_on_elsewhere_where_it_was(small: PreviewGenerator, portrait: np.ndarray) -> None:
    assert isinstance(small, Resuming)
    audio = np.concatenate([voice.silence(20), voice.vowel("a", 0.6), voice.vowel("i", 0.4), voice.vowel("a", 0.4)])
    heard, coming = audio[:-3200], audio[-3200:]
    there, here = small.open(portrait, seed=3), small.open(portrait, seed=3)
    last = made(small, there, heard)[-1]
    small.resume(here, np.zeros((1, SIZE, SIZE, 3), np.uint8), heard[-8 * 16_000 :], heard.size // 640)
    expected, frames = (made(small, each, coming).astype(int) for each in (there, here))
    assert np.abs(frames - expected).mean() < 0.5, "in levels of 255"
    begun_anew = made(small, small.open(portrait, seed=3), coming).astype(int)
    assert np.abs(begun_anew - expected).mean() > 3 * np.abs(frames - expected).mean()
    assert np.abs(frames[0] - last).mean() < 0.5, "nothing jumps"


def test_a_stream_that_made_nothing_resumes_at_its_beginning(small: PreviewGenerator, portrait: np.ndarray) -> None:
    resumed, fresh = small.open(portrait, seed=3), small.open(portrait, seed=3)
    small.resume(resumed, np.zeros((1, SIZE, SIZE, 3), np.uint8), np.zeros(0, np.float32), 0)
    audio = voice.vowel("a", 0.2)
    assert np.array_equal(made(small, resumed, audio), made(small, fresh, audio))


def test_a_mouth_as_in_the_portrait_is_not_drawn(rig: Rig) -> None:
    first = next_shown(None, MouthShape(tongue=0.9), Pose(), Pose(), rig)
    assert first.mouth == REST
    assert next_shown(first, MouthShape(keep=0.4), Pose(), Pose(), rig) == first
    assert next_shown(first, MouthShape(jaw=0.2), Pose(), Pose(), rig) != first
