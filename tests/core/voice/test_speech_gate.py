"""What is speech, window by window: early enough for lips to move in time, and no more than that."""

from __future__ import annotations

from livehead.core.voice.activity import HANGOVER, WINDOW
from livehead.core.voice.speech_gate import CLICK, LAG, TRIAL, WARY, JudgedWindow, SpeechGate

QUIET = [0.02] * 10


def judged(probabilities: list[float], start: int = 0) -> SpeechGate:
    gate = SpeechGate()
    judge(gate, probabilities, start)
    return gate


def judge(gate: SpeechGate, probabilities: list[float], start: int) -> int:
    """Returns where the next window begins."""
    for number, probability in enumerate(probabilities):
        gate.judge(JudgedWindow(start + number * WINDOW, probability))
    return start + len(probabilities) * WINDOW


def speech(gate: SpeechGate, windows: int) -> list[int]:
    """The windows that are speech."""
    return [n for n in range(windows) if gate.is_speech(n * WINDOW, (n + 1) * WINDOW)]


def test_everything_is_speech_before_a_model_says_what_is() -> None:
    gate = SpeechGate()
    assert gate.onset(5000) == 0
    assert gate.is_speech(4000, 4640)
    judge(gate, QUIET, 5120)
    assert gate.onset(5120 + 10 * WINDOW) is None
    assert gate.is_speech(4000, 4640), "nobody knows of it"
    assert not gate.is_speech(6000, 6640)


def test_what_a_model_that_fell_behind_has_not_judged_is_speech() -> None:
    gate = judged(QUIET)
    assert gate.onset(10 * WINDOW + LAG) is None
    assert gate.onset(10 * WINDOW + LAG + 1) == 10 * WINDOW
    assert gate.is_speech(10 * WINDOW, 10 * WINDOW + LAG + 1)


def test_it_opens_with_the_first_trace_and_counts_the_window_before_in() -> None:
    gate = judged([*QUIET, 0.12])
    assert gate.onset(11 * WINDOW) == 9 * WINDOW
    judge(gate, [0.4, 0.8, 0.9, 0.9], 11 * WINDOW)
    assert speech(gate, 15) == [9, 10, 11, 12, 13, 14]


def test_soft_sounds_before_a_wary_gates_onset_count_as_far_back_as_they_reach() -> None:
    gate = judged([*QUIET, 0.2, 0.0, 0.0])
    at = judge(gate, [0.0, 0.3, 0.2, 0.4], 13 * WINDOW)
    assert gate.onset(at) is None, "a false alarm made it wary"
    judge(gate, [0.7], at)
    assert gate.onset(at + WINDOW) == 13 * WINDOW


def test_speech_goes_on_over_pauses_and_ends_behind_the_hangover() -> None:
    words = [0.9] * 10 + [0.0] * (HANGOVER - 1) + [0.9] * 5
    gate = judged([*QUIET, *words])
    end = 10 + len(words)
    judge(gate, [0.0] * (HANGOVER - 1), end * WINDOW)
    assert gate.onset((end + HANGOVER - 1) * WINDOW) == 9 * WINDOW
    judge(gate, [0.0] * 2, (end + HANGOVER - 1) * WINDOW)
    assert gate.onset((end + HANGOVER + 1) * WINDOW) is None
    assert speech(gate, end + HANGOVER + 1) == list(range(9, end + HANGOVER))


def test_a_click_is_taken_back_as_if_it_had_never_been() -> None:
    gate = judged([*QUIET, 0.3])
    assert gate.onset(11 * WINDOW) is not None
    judge(gate, [0.02] * CLICK, 11 * WINDOW)
    assert gate.onset((11 + CLICK) * WINDOW) is None
    assert speech(gate, 11 + CLICK) == []


def test_a_doubtful_hum_is_taken_back_and_does_not_open_the_gate_again() -> None:
    gate, at, opened = judged(QUIET), 10 * WINDOW, 0
    for _ in range(TRIAL + WARY):
        at = judge(gate, [0.3], at)
        opened += gate.onset(at) is not None
    assert opened == TRIAL


def test_clatter_opens_a_wary_gate_no_more_and_speech_does() -> None:
    gate, at, openings = judged(QUIET), 10 * WINDOW, 0
    for _ in range(12):
        for probability in [0.2, 0.0, 0.0, 0.0, 0.0, 0.0]:
            was = gate.onset(at) is not None
            at = judge(gate, [probability], at)
            openings += gate.onset(at) is not None and not was
    assert openings == 1
    at = judge(gate, [0.6, 0.9, 0.9], at)
    assert gate.onset(at) == at - 4 * WINDOW


def test_sound_that_follows_further_on_goes_on_as_it_was() -> None:
    gate = judged([*QUIET, 0.9, 0.9, 0.9, 0.9])
    gate.move(7 * WINDOW)
    judge(gate, [0.9], 21 * WINDOW)
    assert gate.onset(22 * WINDOW) == 9 * WINDOW


def test_a_hole_in_the_judgement_ends_what_was_before() -> None:
    gate = judged([*QUIET, 0.9, 0.9, 0.9, 0.9])
    judge(gate, QUIET, 40 * WINDOW)
    assert gate.onset(50 * WINDOW) is None
    assert gate.is_speech(12 * WINDOW, 13 * WINDOW)
    assert not gate.is_speech(45 * WINDOW, 46 * WINDOW)
