"""Which segment of an agent's speech the portrait's sound belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.client import PlaybackResult
from livehead.integrations.livekit.segment import Samples, Segment, first_sound
from livehead.integrations.livekit.segment_sequence import LONGEST_LAG, UNTOLD, SegmentSequence, Taken

RATE = 24_000
BLOCK = 1920


def speech(seconds: float, *, silent: float = 0.0) -> Samples:
    wave = np.full(round(seconds * RATE), 8000, np.int16)
    wave[: round(silent * RATE)] = 0
    return wave


def segment(seconds: float = 0.4, *, silent: float = 0.0) -> Segment:
    given = Segment()
    given.push(speech(seconds, silent=silent), RATE)
    given.complete = True
    return given


def block(loud: float = 1.0) -> Samples:
    """A block of sound at 48 kHz whose last part of ``loud`` is loud."""
    samples = np.zeros(BLOCK, np.int16)
    samples[BLOCK - round(loud * BLOCK) :] = 8000
    return samples


SILENT = block(0)


def finish(given: Segment, spoken: float | None = None) -> None:
    given.settle(PlaybackResult("finished", round((given.pushed if spoken is None else spoken) * 1000), None))


def interrupt(given: Segment, spoken: float) -> None:
    given.settle(PlaybackResult("interrupted", round(spoken * 1000), None))


def played(sequence: SegmentSequence, *sounds: Samples) -> list[Taken]:
    return [sequence.take(sound) for sound in sounds]


def test_the_onset_is_the_first_sample_that_is_heard() -> None:
    given = Segment()
    given.push(np.zeros(2400, np.int16), RATE)
    assert (given.pushed, given.onset) == (0.1, None)
    given.push(speech(0.1, silent=0.05), RATE)
    assert given.pushed == pytest.approx(0.2)
    assert given.onset == pytest.approx(0.15)
    assert first_sound(np.array([0, -32768], np.int16)) == 1


def test_nothing_is_played_while_nobody_speaks() -> None:
    sequence = SegmentSequence()
    for taken in played(sequence, SILENT, block(), SILENT):
        assert (taken.picture, taken.sound, taken.began, taken.ended) == (True, False, None, [])


def test_a_segment_begins_with_its_first_sound_even_before_it_is_told() -> None:
    sequence, given = SegmentSequence(), segment()
    sequence.append(given)
    silent, first, second = played(sequence, SILENT, block(0.5), block())
    assert not silent.sound
    assert first.sound
    assert first.began is given
    assert second.sound
    assert second.began is None
    assert given.played == pytest.approx(0.06)  # the first sound was in the middle of a block


def test_a_segment_that_begins_with_silence_is_counted_from_its_beginning() -> None:
    sequence, given = SegmentSequence(), segment(1.0, silent=0.5)
    sequence.append(given)
    given.started = True
    played(sequence, SILENT, SILENT, block())
    assert given.played == pytest.approx(0.54)


def test_a_segment_ends_after_its_last_sound_and_once() -> None:
    sequence, given = SegmentSequence(), segment(0.2)
    sequence.append(given)
    told = [bool(taken.ended) for taken in played(sequence, *[block()] * 4)]
    finish(given)  # what is told comes before the sound that it tells of
    told += [bool(taken.ended) for taken in played(sequence, block(), SILENT, SILENT)]
    assert told == [False] * 4 + [True, False, False]
    assert given.position == pytest.approx(0.2)
    assert not given.interrupted


def test_sound_that_lags_behind_what_is_told_is_played_all_the_same() -> None:
    sequence, given = SegmentSequence(), segment(0.08)
    sequence.append(given)
    given.started = True
    finish(given)
    taken = played(sequence, *[SILENT] * 5, block(), block(), SILENT)
    assert [bool(each.ended) for each in taken] == [False] * 6 + [True, False]


def test_a_silent_segment_ends_too() -> None:
    sequence, given = SegmentSequence(), segment(0.2, silent=0.2)
    sequence.append(given)
    finish(given)
    assert sum(len(taken.ended) for taken in played(sequence, *[SILENT] * LONGEST_LAG)) == 1


def test_segments_that_follow_without_a_gap_are_told_apart_by_counting() -> None:
    sequence, first, second = SegmentSequence(), segment(0.2), segment(0.4, silent=0.1)
    sequence.append(first)
    sequence.append(second)
    played(sequence, *[block()] * 3)
    finish(first)
    second.started = True
    taken = played(sequence, *[block()] * 4)
    assert [each.ended for each in taken] == [[], [first], [], []]
    assert taken[2].began is second
    assert second.played == pytest.approx(0.08)


def test_segments_are_told_apart_by_counting_before_their_end_is_told() -> None:
    sequence, first, second = SegmentSequence(), segment(0.2), segment(0.4)
    sequence.append(first)
    sequence.append(second)
    taken = played(sequence, *[block()] * 6)
    assert [each.ended for each in taken] == [[], [], [], [], [first], []]
    assert taken[5].began is second
    assert first.position == pytest.approx(0.2)


def test_a_segment_that_waited_for_samples_ends_when_its_end_is_told_and_the_next_has_started() -> None:
    sequence, first, second = SegmentSequence(), segment(0.2), segment(0.4)
    first.complete = False
    sequence.append(first)
    played(sequence, block())
    first.complete = True
    sequence.append(second)
    played(sequence, *[block()] * 6)
    finish(first)
    second.started = True
    taken = played(sequence, block(), block())
    assert [each.ended for each in taken] == [[first], []]
    assert taken[1].began is second
    assert second.played == pytest.approx(0.16)


def test_after_a_clear_nothing_of_what_was_pushed_before_comes_out() -> None:
    sequence, given, waiting = SegmentSequence(), segment(2.0), segment(1.0)
    sequence.append(given)
    sequence.append(waiting)
    played(sequence, *[block()] * 5)
    assert sequence.clear() == [given, waiting]
    taken = played(sequence, *[block()] * 3)
    interrupt(given, 0.32)
    interrupt(waiting, 0)
    taken += played(sequence, block(), block())
    assert not any(each.picture or each.sound or each.ended for each in taken)
    assert sequence.take(SILENT).picture
    assert (given.position, waiting.position) == (pytest.approx(0.2), 0.0)
    assert given.interrupted
    assert waiting.interrupted


def test_what_is_pushed_after_a_clear_begins_when_the_old_sound_has_ended() -> None:
    sequence, old, new = SegmentSequence(), segment(2.0), segment(0.4)
    sequence.append(old)
    played(sequence, block())
    sequence.clear()
    interrupt(old, 0.08)
    sequence.append(new)
    taken = played(sequence, block(), block(), SILENT, block())
    assert [each.sound for each in taken] == [False, False, False, True]
    assert taken[3].began is new


def test_a_clear_that_is_never_answered_silences_the_portrait_for_a_second_only() -> None:
    sequence, old = SegmentSequence(), segment(9.0)
    sequence.append(old)
    played(sequence, block())
    sequence.clear()
    assert [each.picture for each in played(sequence, *[block()] * UNTOLD)] == [False] * (UNTOLD - 1) + [True]


def test_a_clear_that_is_not_answered_yet_is_done_when_the_sound_has_ended() -> None:
    sequence, old = SegmentSequence(), segment(9.0)
    sequence.append(old)
    played(sequence, block())
    sequence.clear()
    pictures = [each.picture for each in played(sequence, *[block()] * 3, *[SILENT] * LONGEST_LAG)]
    assert pictures == [False] * (LONGEST_LAG - 1) + [True] * 4


def test_a_segment_ends_without_being_told_once_it_is_counted_and_silent() -> None:
    sequence, given = SegmentSequence(), segment(0.2)
    sequence.append(given)
    taken = played(sequence, *[block()] * 5, *[SILENT] * 4)
    assert [bool(each.ended) for each in taken] == [False] * 7 + [True, False]
    assert given.position == pytest.approx(0.2)


def test_a_position_is_no_more_than_the_server_has_spoken() -> None:
    sequence, given = SegmentSequence(), segment(2.0)
    sequence.append(given)
    played(sequence, *[block()] * 10)
    sequence.clear()
    interrupt(given, 0.24)  # it waited for samples in between
    assert given.position == pytest.approx(0.24)


def test_silence_that_was_not_pushed_is_not_counted() -> None:
    sequence, given = SegmentSequence(), segment(2.0)
    sequence.append(given)
    played(sequence, block(), block(), *[SILENT] * 5, block())
    assert given.played == pytest.approx(0.12)


def test_an_interruption_by_somebody_else_ends_the_segment_at_once() -> None:
    sequence, given = SegmentSequence(), segment(2.0)
    sequence.append(given)
    played(sequence, block(), block())
    interrupt(given, 0.12)
    (taken,) = played(sequence, block())
    assert taken.ended == [given]
    assert not taken.sound
    assert given.interrupted
    assert given.position == pytest.approx(0.08)
    assert not sequence.take(block()).picture
