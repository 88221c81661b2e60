from __future__ import annotations

import pytest

from livehead.core.voice.activity import HANGOVER, WINDOW, Change, VoiceActivity


def changes(probabilities: list[float], start: int = 0) -> list[tuple[int, Change]]:
    """What changed, and with which window."""
    activity = VoiceActivity(start)
    told = [(k, activity.update(each)) for k, each in enumerate(probabilities)]
    return [(k, change) for k, change in told if change is not None]


def test_speech_begins_with_its_third_window_and_ends_after_the_hangover() -> None:
    told = changes([0.0] * 10 + [0.9] * 20 + [0.0] * 40, start=1000)
    assert told == [
        (12, Change(True, 1000 + 9 * WINDOW)),
        (29 + HANGOVER, Change(False, 1000 + 30 * WINDOW)),
    ]


@pytest.mark.parametrize("click", [[0.9], [0.9, 0.9], [0.9, 0.0, 0.0, 0.9], [0.49] * 50])
def test_what_is_short_or_doubtful_is_no_speech(click: list[float]) -> None:
    assert changes([0.0] * 10 + click + [0.0] * 30) == []


def test_one_window_in_between_may_be_missing() -> None:
    assert [change.speaking for _, change in changes([0.0] * 5 + [0.9, 0.2, 0.9, 0.9] + [0.0])] == [True]


def test_the_onset_lies_before_its_soft_beginning() -> None:
    told = changes([0.0] * 10 + [0.12, 0.2, 0.4, 0.9, 0.9, 0.9])
    assert told == [(15, Change(True, 9 * WINDOW))]
    long = changes([0.0] * 10 + [0.2] * 30 + [0.9, 0.9, 0.9])
    assert 33 * WINDOW <= long[0][1].at <= 36 * WINDOW, "not for ever"


def test_pauses_and_weak_sounds_within_a_sentence_do_not_end_it() -> None:
    sentence = [0.9] * 10 + [0.0] * (HANGOVER - 1) + [0.4] + [0.0] * (HANGOVER - 1) + [0.9] * 10
    assert [change.speaking for _, change in changes(sentence + [0.0] * HANGOVER)] == [True, False]


def test_it_can_begin_again_at_once() -> None:
    told = changes([0.9] * 4 + [0.0] * HANGOVER + [0.9] * 4)
    assert [change.speaking for _, change in told] == [True, False, True]
    assert told[1][1].at < told[2][1].at
