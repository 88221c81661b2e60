"""Voice activity detection on sounds: what counts as speech and what does not."""

from __future__ import annotations

import numpy as np
import pytest

import rooms
from ears import loud, speech
from livehead.core.voice.activity import WINDOW, Change, VoiceActivity
from livehead.errors import MediaError
from livehead.media.audio import activity as module
from livehead.media.audio.activity import SpeechDetector

RATE = 16_000


def changes(audio: np.ndarray) -> list[Change]:
    detect, activity = SpeechDetector(), VoiceActivity()
    windows = audio[: len(audio) // WINDOW * WINDOW].reshape(-1, WINDOW)
    return [change for window in windows if (change := activity.update(detect(window)))]


@pytest.mark.parametrize(
    "sound",
    [
        rooms.silence(5),
        rooms.white(5, -30),
        rooms.pink(5, -25),
        rooms.hum(5, -25),
        rooms.keyboard(5),
        rooms.keyboard(5) + rooms.pink(5, -40),
        rooms.breath(6),
        rooms.music(6, -30),
        rooms.music(6, -20),
    ],
    ids=["silence", "white", "pink", "hum", "keyboard", "keyboard-fan", "breath", "music", "loud-music"],
)
def test_noises_are_no_speech(sound: np.ndarray) -> None:
    assert changes(sound) == []


@pytest.mark.parametrize("level_db", [-20, -35, -50])
@pytest.mark.parametrize("snr_db", [30, 20, 10, 5])
def test_speech_is_found_in_noise(level_db: float, snr_db: float) -> None:
    audio = np.concatenate([rooms.silence(1), speech(level_db), rooms.silence(1)])
    onset = RATE + int(np.argmax(np.abs(speech(-20)) > 0.02))
    found = changes(audio + rooms.pink(len(audio) / RATE, level_db - snr_db))
    assert found[0].speaking
    assert abs(found[0].at - onset) < 0.15 * RATE
    assert not found[-1].speaking
    talked = sum(end.at - begin.at for begin, end in zip(found[::2], found[1::2], strict=True))
    assert talked > 0.75 * len(speech())


def test_a_soft_onset_is_found() -> None:
    """The voice fades in over a second."""
    voice = speech(-20)[: 3 * RATE]
    voice[:RATE] *= np.linspace(0.0, 1.0, RATE) ** 2
    audio = np.concatenate([rooms.silence(1), voice])
    found = changes(audio + rooms.pink(len(audio) / RATE, -70))
    assert found[0].at < 1.3 * RATE


def test_streams_do_not_know_of_one_another() -> None:
    one, other = SpeechDetector(), SpeechDetector()
    windows = speech()[: WINDOW * 40].reshape(-1, WINDOW)
    alone = [one(window) for window in windows]
    noise = loud(np.random.default_rng(0).normal(size=WINDOW), -20)
    again = SpeechDetector()
    beside = []
    for window in windows:
        beside.append(again(window))
        other(noise)
    assert alone == beside
    assert max(alone) > 0.9


def test_a_closed_one_is_told() -> None:
    detector = SpeechDetector()
    detector.close()
    detector.close()
    with pytest.raises(MediaError, match="closed"):
        detector(np.zeros(WINDOW, np.float32))


def test_a_model_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rate: int) -> None:
        raise RuntimeError(f"no model for {rate}")

    monkeypatch.setattr(module, "SileroVAD", broken)
    with pytest.raises(MediaError, match="no model for 16000"):
        SpeechDetector()
