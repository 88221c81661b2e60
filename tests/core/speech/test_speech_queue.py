"""The queue of pushed speech: every sample is spoken once and in order, and every utterance is told of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.messages.from_server import Playback
from livehead.core.speech_queue import LULL_S, QUEUE_S, SpeechQueue


def ramp(start: int, count: int) -> np.ndarray:
    """Samples that say where they belong; none of them is silence."""
    return (np.arange(start, start + count) % 8191 + 1).astype(np.float32) / 8192


def speak(speech: SpeechQueue, blocks: int, now: float = 0.0, *, end: bool = True) -> None:
    speech.push(ramp(0, blocks * BLOCK_SAMPLES), now)
    if end:
        speech.end()


def test_an_utterance_is_told_when_its_first_and_last_block_were_sent() -> None:
    speech = SpeechQueue()
    speak(speech, 3)
    assert [speech.take(k) is None for k in range(5, 9)] == [False, False, False, True]
    assert speech.news(None) == speech.news(4) == []
    assert speech.news(5) == [Playback("started", 5)]
    assert speech.news(6) == []
    assert speech.news(7) == [Playback("finished", 7)]
    assert speech.news(8) == []


def test_the_last_block_is_filled_up_and_the_next_utterance_begins_with_a_block() -> None:
    speech = SpeechQueue()
    speech.push(ramp(0, 700), 0)
    speech.end()
    speech.push(ramp(0, 640), 0)
    assert np.array_equal(speech.take(0), ramp(0, 640))
    last = speech.take(1)
    assert last is not None
    assert np.array_equal(last[:60], ramp(640, 60))
    assert not last[60:].any()
    assert np.array_equal(speech.take(2), ramp(0, 640))
    assert speech.news(2) == [Playback("started", 1), Playback("finished", 1), Playback("started", 2)]


def test_an_end_that_comes_after_all_was_spoken_is_told_at_once() -> None:
    speech = SpeechQueue()
    speak(speech, 2, end=False)
    speech.take(0)
    speech.take(1)
    assert speech.news(9) == [Playback("started", 1)]
    speech.end()
    assert speech.news(9) == [Playback("finished", 1)]


def test_an_end_without_speech_says_nothing() -> None:
    speech = SpeechQueue()
    speech.end()
    speech.end()
    assert speech.take(0) is None
    assert speech.news(9) == []
    assert not speech.clear(refuse_rest=False)


def test_part_of_a_block_waits_for_the_rest() -> None:
    speech = SpeechQueue()
    speech.push(ramp(0, 639), 0)
    assert speech.take(0) is None
    assert speech.unfinished
    speech.push(ramp(639, 1), 0)
    assert np.array_equal(speech.take(0), ramp(0, 640))


def test_it_is_ready_with_enough_or_all_of_an_utterance_or_when_the_rest_does_not_come() -> None:
    speech = SpeechQueue()
    assert not speech.ready(1, 0)
    speak(speech, 5, 10.0, end=False)
    assert speech.ready(5, 10.0)
    assert not speech.ready(6, 10.0)
    assert speech.ready(6, 10.0 + LULL_S + 0.01)
    speech.end()
    assert speech.ready(6, 10.0)


def test_it_holds_three_minutes() -> None:
    speech = SpeechQueue()
    assert speech.room == QUEUE_S * 16_000 == 2_880_000
    speech.push(np.zeros(speech.room, np.float32), 0)
    assert speech.room == 0
    with pytest.raises(ValueError, match="room"):
        speech.push(np.zeros(1, np.float32), 0)
    speech.take(0)
    assert speech.room == BLOCK_SAMPLES
    speech.clear(refuse_rest=False)
    assert speech.room == 2_880_000


@pytest.mark.parametrize("samples", [1, 20, 641])
def test_short_utterances_count_as_the_blocks_that_they_are_spoken_in(samples: int) -> None:
    """However many there are, what is queued is spoken in three minutes."""
    speech = SpeechQueue()
    utterances = 0
    while speech.room >= samples:
        speech.push(ramp(0, samples), 0)
        speech.end()
        utterances += 1
    spoken = 0
    while speech.take(spoken) is not None:
        spoken += 1
    assert QUEUE_S - 0.08 <= spoken * 0.04 <= QUEUE_S
    assert utterances == spoken // -(-samples // BLOCK_SAMPLES)


def test_samples_that_come_one_by_one_take_no_more_memory_than_their_blocks() -> None:
    speech = SpeechQueue()
    for i in range(10 * BLOCK_SAMPLES):
        speech.push(ramp(i, 1), 0)
    assert sum(block.nbytes for block in speech._waiting[0].blocks) == 10 * BLOCK_SAMPLES * 4
    heard = np.concatenate([block for k in range(10) if (block := speech.take(k)) is not None])
    assert np.array_equal(heard, ramp(0, 10 * BLOCK_SAMPLES))


def test_the_rest_of_what_was_dropped_from_elsewhere_is_dropped_too() -> None:
    speech = SpeechQueue()
    speak(speech, 5, end=False)
    assert speech.clear(refuse_rest=True)
    speak(speech, 5, 0.1, end=False)
    assert not speech.ready(1, 5.0)
    speech.end()
    speak(speech, 1, 0.1)
    assert speech.ready(1, 0.1)


def test_a_lull_ends_the_rest_of_what_was_dropped() -> None:
    speech = SpeechQueue()
    speak(speech, 5, end=False)
    speech.clear(refuse_rest=True)
    speak(speech, 1, LULL_S + 0.1)
    assert speech.ready(1, 1)


def test_who_left_is_told_nothing_and_heard_to_the_end() -> None:
    speech = SpeechQueue()
    speak(speech, 2, end=False)
    speech.take(0)
    speech.leave()
    speak(speech, 1)
    assert [speech.take(k) is None for k in (1, 2, 3)] == [False, False, True]
    assert speech.news(2) == [Playback("started", 2), Playback("finished", 2)]


@pytest.mark.parametrize("ended", [True, False])
def test_the_one_who_interrupts_himself_goes_on_with_something_new(ended: bool) -> None:
    speech = SpeechQueue()
    speak(speech, 5, end=ended)
    speech.take(0)
    assert speech.clear(refuse_rest=False)
    assert speech.news(100) == []
    speak(speech, 1)
    assert speech.take(200) is not None
    assert speech.news(200) == [Playback("started", 200), Playback("finished", 200)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=30),
    st.lists(st.integers(0, 4), max_size=60),
)
def test_every_sample_is_spoken_once_and_every_utterance_told_in_order(
    pushes: list[tuple[int, bool]], takes: list[int]
) -> None:
    speech, k, spoken, news = SpeechQueue(), 0, [np.zeros(0, np.float32)], []
    pushed, utterances, open_ = [np.zeros(0, np.float32)], 0, False

    def take(count: int) -> None:
        nonlocal k
        for _ in range(count):
            block = speech.take(k)
            if block is not None:
                spoken.append(block[block > 0])
            news.extend(speech.news(k))
            k += 1

    for i, (count, end) in enumerate([*pushes, (1, True)]):
        pushed.append(ramp(sum(map(len, pushed)), count))
        speech.push(pushed[-1], 0)
        utterances += count > 0 and not open_
        open_ = (open_ or count > 0) and not end
        if end:
            speech.end()
        take(takes[i] if i < len(takes) else 0)
    take(300)
    assert np.array_equal(np.concatenate(spoken), np.concatenate(pushed))
    assert [each.state for each in news] == ["started", "finished"] * utterances
    assert [each.k for each in news] == sorted(each.k for each in news)
