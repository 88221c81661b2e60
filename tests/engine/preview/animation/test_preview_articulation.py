"""Speech moves the mouth as it moves lips."""

from __future__ import annotations

import numpy as np
import pytest

import voice
from livehead.engine.preview.animation.articulation import Articulator, MouthShape
from livehead.engine.preview.audio.features import FeatureExtractor
from livehead.engine.preview.rig.mouth import CLOSE


def mouth_shapes(audio: np.ndarray) -> list[MouthShape]:
    extractor, mouth = FeatureExtractor(), Articulator()
    return [mouth.follow(extractor.extract(block)) for block in voice.blocks(audio)]


def steady(audio: np.ndarray) -> MouthShape:
    """The shape audio is held with, after some speech to learn the level from."""
    return mouth_shapes(np.concatenate([voice.vowel("e", 0.4), audio]))[-1]


def test_open_vowels_open_the_mouth():
    jaws = {name: steady(voice.vowel(name, 0.4)).jaw for name in voice.VOWELS}
    assert jaws["a"] > 0.6
    assert jaws["a"] > jaws["e"] > jaws["i"] > 0.05
    assert jaws["a"] > jaws["o"] > jaws["u"]


def test_lips_spread_and_round():
    assert steady(voice.vowel("i", 0.4)).wide > 0.4
    assert steady(voice.vowel("u", 0.4)).wide < -0.5
    assert steady(voice.vowel("o", 0.4)).wide < -0.2
    assert abs(steady(voice.vowel("a", 0.4)).wide) < 0.3


def test_a_hum_presses_the_lips():
    shape = steady(voice.hum(0.3, level=0.15))
    assert shape.press > 0.5
    assert shape.jaw < 0.1


def test_a_hiss_shows_the_teeth_with_the_jaw_nearly_shut():
    shape = steady(voice.hiss(0.3))
    assert shape.jaw < 0.3
    assert shape.lift > 0.15
    assert shape.wide > 0.2


@pytest.mark.parametrize("name", list(voice.VOWELS))
def test_shut_within_120_ms_of_silence(name):
    shapes = mouth_shapes(np.concatenate([voice.vowel(name, 0.4), voice.silence(0.2)]))
    first_silent = 10
    assert shapes[first_silent - 1].jaw > 0.05
    for shape in shapes[first_silent + 2 :]:
        assert shape.jaw == 0
        assert shape.lift == 0


def test_a_smile_gives_way_to_speech_and_comes_back():
    shapes = mouth_shapes(np.concatenate([voice.silence(0.4), *[voice.vowel("a", 0.3)] * 3, voice.silence(2.4)]))
    keep = [shape.keep for shape in shapes]
    assert keep[:10] == [1.0] * 10
    assert max(keep[14:32]) < 0.45
    assert max(keep[34:43]) < 0.1  # the silence of p, t and k is no rest
    assert keep[-1] == 1.0


def test_a_hum_closes_a_smile():
    shape = steady(voice.hum(0.3, level=0.15))
    assert shape.keep * max(0.0, 1 - CLOSE * shape.press) == 0
    assert shape.jaw < 0.01


def test_silence_keeps_it_shut():
    assert all(shape.jaw == 0 for shape in mouth_shapes(voice.silence(2)))


@pytest.mark.parametrize("level", [0.001, 0.003, 0.01])
def test_room_noise_alone_keeps_it_shut(level):
    noise = np.random.default_rng(3).normal(0, level, 16_000 * 6).astype(np.float32)
    assert max(shape.jaw for shape in mouth_shapes(noise)[75:]) < 0.05


def test_speech_in_a_noisy_room_still_moves_and_rests():
    noise = np.random.default_rng(3).normal(0, 0.006, 16_000 * 10).astype(np.float32)
    audio = np.concatenate([voice.silence(4), *[np.concatenate([voice.vowel("a", 0.3), voice.silence(0.5)])] * 7])
    audio = audio + noise[: audio.size]
    jaws = np.array([shape.jaw for shape in mouth_shapes(audio)])[-100:].reshape(5, 20)
    assert jaws.max(axis=1).min() > 0.5
    assert jaws.min(axis=1).max() < 0.1


@pytest.mark.parametrize("level", [0.02, 0.5])
def test_it_adapts_to_the_speaker(level):
    words = [np.concatenate([voice.vowel("a", 0.3, level), voice.silence(0.1)]) for _ in range(12)]
    late = mouth_shapes(np.concatenate(words))[-20:]
    assert max(shape.jaw for shape in late) > 0.5


@pytest.mark.parametrize(
    "audio",
    [
        np.full(6400, np.nan, np.float32),
        np.full(6400, np.inf, np.float32),
        np.sign(np.sin(np.arange(6400) * 0.1)).astype(np.float32) * 1e6,
        np.full(6400, 1e-30, np.float32),
        np.ones(6400, np.float32),
    ],
    ids=["nan", "inf", "clipped", "denormal", "constant"],
)
def test_extreme_audio_gives_a_sane_mouth(audio):
    for shape in mouth_shapes(np.concatenate([audio, voice.vowel("a", 0.2)])):
        assert 0 <= shape.jaw <= 1
        assert 0 <= shape.lift <= 1
        assert -1 <= shape.wide <= 1
        assert 0 <= shape.press <= 1


def test_the_mouth_follows_the_loudness():
    audio = voice.sentence()
    jaws = np.array([shape.jaw for shape in mouth_shapes(audio)])
    level = np.sqrt((voice.blocks(audio) ** 2).mean(axis=1))
    lags = {lag: np.corrcoef(np.roll(level, lag)[5:-5], jaws[5:-5])[0, 1] for lag in range(-3, 4)}
    assert max(lags, key=lambda lag: lags[lag]) in (0, 1)
    assert max(lags.values()) > 0.5


def openings(audio: np.ndarray) -> np.ndarray:
    return np.array([max(shape.jaw, shape.lift) for shape in mouth_shapes(audio)])


def phrases(count: int) -> np.ndarray:
    """Sentences with two seconds of digital silence after each."""
    return np.concatenate([np.concatenate([voice.sentence(), voice.silence(2)]) for _ in range(count)])


def gated(audio: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """``audio`` as a voice gate lets it through: from 160 ms before each phrase of ``speech`` to 640 ms after it."""
    loud = np.abs(voice.blocks(speech)).max(axis=1) > 0
    shut = np.convolve(loud, np.ones(21), "full")[: loud.size] == 0
    shut &= np.convolve(loud[::-1], np.ones(5), "full")[: loud.size][::-1] == 0
    through = voice.blocks(audio).copy()
    through[shut] = 0
    return through.ravel()


@pytest.mark.parametrize("level", [0.0056, 0.0178], ids=["-45 dBFS", "-35 dBFS"])
@pytest.mark.parametrize("gate", [False, True], ids=["open", "gated"])
def test_noise_around_speech_moves_no_lips(level, gate):
    """Once two phrases were heard, whether a gate keeps the noise back between phrases or not."""
    speech = phrases(5)
    audio = speech + np.random.default_rng(3).normal(0, level, speech.size).astype(np.float32)
    clean, open_ = openings(speech), openings(gated(audio, speech) if gate else audio)
    known = 2 * open_.size // 5
    at_rest = (np.convolve(clean > 0, np.ones(5), "same") == 0)[known:]
    assert at_rest.sum() > 3 * 40
    assert open_[known:][at_rest].max() < 0.05


@pytest.mark.parametrize("level", [0.0, 0.0018, 0.0056], ids=["silent", "-55 dBFS", "-45 dBFS"])
def test_behind_a_gate_the_mouth_begins_no_later(level):
    speech = phrases(4)
    audio = speech + np.random.default_rng(3).normal(0, level, speech.size).astype(np.float32)
    first = [
        [int(np.argmax(each > 0.04)) for each in openings(sound).reshape(4, -1)]
        for sound in (audio, gated(audio, speech))
    ]
    assert all(behind <= before for before, behind in zip(*np.array(first)[:, 1:], strict=True))


def test_in_silence_the_mouth_comes_to_rest():
    for sound in (voice.vowel("u", 0.4), voice.hum(0.4), voice.hiss(0.4)):
        shapes = mouth_shapes(np.concatenate([sound, voice.silence(3)]))
        assert shapes[-1] == MouthShape()
