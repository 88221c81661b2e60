"""The queue of pushed speech: every sample is spoken once and in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.speech.queue import LULL_S, MAX_S, MAX_UTTERANCES, QUEUE_S, SpeechQueue


def ramp(start: int, count: int) -> np.ndarray:
    """Samples that say where they belong; none of them is silence."""
    return (np.arange(start, start + count) % 8191 + 1).astype(np.float32) / 8192


def speak(speech: SpeechQueue, blocks: int, now: float = 0.0, *, end: bool = True) -> None:
    speech.push(ramp(0, blocks * BLOCK_SAMPLES), now)
    if end:
        speech.end()


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


def test_an_end_without_speech_is_no_utterance() -> None:
    speech = SpeechQueue()
    speech.end()
    speech.end()
    assert speech.take(0) is None
    assert speech.empty


def test_an_utterance_that_is_too_short_for_a_sample_is_a_block_of_silence() -> None:
    speech = SpeechQueue()
    begun = speech.push(np.zeros(0, np.float32), 0)
    assert begun is not None
    speech.end()
    assert speech.ready(10, 0)
    block = speech.take(0)
    assert block is not None
    assert not block.any()
    assert begun.ms == 0
    assert speech.empty


def test_utterances_are_numbered_for_each_who_speaks() -> None:
    speech = SpeechQueue()
    numbers = []
    for _ in range(3):
        begun = speech.push(ramp(0, 10), 0)
        assert begun is not None
        assert speech.push(ramp(0, 10), 0) is None, "the same one goes on"
        numbers.append(begun.number)
        speech.end()
    speech.leave()
    begun = speech.push(ramp(0, 10), 0)
    assert begun is not None
    assert [*numbers, begun.number] == [0, 1, 2, 0]


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


def test_it_holds_ten_minutes() -> None:
    speech = SpeechQueue()
    assert speech.room == MAX_S * 16_000 == 9_600_000
    while speech.room:
        speech.push(np.zeros(min(speech.room, 160_000), np.float32), 0)
    assert speech.seconds == MAX_S > QUEUE_S
    with pytest.raises(ValueError, match="room"):
        speech.push(np.zeros(1, np.float32), 0)
    speech.take(0)
    assert speech.room == BLOCK_SAMPLES
    speech.clear(refuse_rest=False)
    assert speech.room == 9_600_000


@pytest.mark.parametrize("samples", [1, 20, 641])
def test_short_utterances_count_as_the_blocks_that_they_are_spoken_in(samples: int) -> None:
    speech = SpeechQueue()
    for utterances in range(1, 200):
        speech.push(ramp(0, samples), 0)
        speech.end()
        assert speech.seconds == pytest.approx(utterances * -(-samples // BLOCK_SAMPLES) * 0.04)
    spoken = 0
    while speech.take(spoken) is not None:
        spoken += 1
    assert spoken == 199 * -(-samples // BLOCK_SAMPLES)


def test_so_many_utterances_wait_at_most_and_the_last_one_may_go_on() -> None:
    speech = SpeechQueue()
    for _ in range(MAX_UTTERANCES):
        assert speech.room > 0
        speech.push(ramp(0, 1), 0)
        assert speech.room > 0
        speech.end()
    assert speech.room == 0
    speech.take(0)
    assert speech.room > 0


def test_samples_that_come_one_by_one_take_no_more_memory_than_their_blocks() -> None:
    speech = SpeechQueue()
    for i in range(10 * BLOCK_SAMPLES):
        speech.push(ramp(i, 1), 0)
    assert sum(block.nbytes for block in speech._waiting[0]._blocks) == 10 * BLOCK_SAMPLES * 2
    heard = np.concatenate([block for k in range(10) if (block := speech.take(k)) is not None])
    assert np.array_equal(heard, ramp(0, 10 * BLOCK_SAMPLES))


def test_the_rest_of_what_was_dropped_from_elsewhere_is_dropped_too() -> None:
    speech = SpeechQueue()
    speak(speech, 5, end=False)
    speech.clear(refuse_rest=True)
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


def test_who_left_is_heard_to_the_end() -> None:
    speech = SpeechQueue()
    speak(speech, 2, end=False)
    speech.take(0)
    speech.leave()
    speak(speech, 1)
    assert [speech.take(k) is None for k in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize("ended", [True, False])
def test_the_one_who_interrupts_himself_goes_on_with_something_new(ended: bool) -> None:
    speech = SpeechQueue()
    speak(speech, 5, end=ended)
    speech.take(0)
    speech.clear(refuse_rest=False)
    assert speech.empty
    speak(speech, 1)
    assert speech.take(200) is not None


def test_what_is_beyond_full_scale_is_clipped() -> None:
    speech = SpeechQueue()
    speech.push(np.linspace(-3, 3, 640).astype(np.float32), 0)
    heard = speech.take(0)
    assert heard is not None
    assert (heard.min(), heard.max()) == (-1, 32767 / 32768)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=30),
    st.lists(st.integers(0, 4), max_size=60),
)
def test_every_sample_is_spoken_once(pushes: list[tuple[int, bool]], takes: list[int]) -> None:
    speech, k, spoken = SpeechQueue(), 0, [np.zeros(0, np.float32)]
    pushed, utterances, open_ = [np.zeros(0, np.float32)], 0, False

    def take(count: int) -> None:
        nonlocal k
        for _ in range(count):
            block = speech.take(k)
            if block is not None:
                spoken.append(block[block > 0])
            k += 1

    for i, (count, end) in enumerate([*pushes, (1, True)]):
        pushed.append(ramp(sum(map(len, pushed)), count))
        begun = speech.push(pushed[-1], 0)
        assert (begun is not None) == (not open_)
        utterances += begun is not None
        open_ = not end
        if end:
            speech.end()
        take(takes[i] if i < len(takes) else 0)
    take(300)
    assert np.array_equal(np.concatenate(spoken), np.concatenate(pushed))
    assert speech.empty
