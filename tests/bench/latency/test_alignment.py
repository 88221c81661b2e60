"""Finding out from the frames' loudness alone which moment of the microphone they show."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.bench.latency.alignment import align
from livehead.bench.latency.stimulus import RATE, Stimulus, bursts
from livehead.core.test_pattern import loudness
from livehead.errors import LiveheadError


def blocks(source: Stimulus, shift_ms: float, first: int, last: int) -> list[tuple[int, int]]:
    """What the frames of a server say for which block k begins at k · 40 ms + shift of the microphone."""
    found = []
    for k in range(first, last):
        begin = round((k * 0.040 + shift_ms / 1000) * RATE)
        pcm = source.pcm[max(0, begin) : max(0, begin + RATE // 25)].astype(np.float32) / 32768
        found.append((k, loudness(pcm)))
    return found


@pytest.mark.parametrize("shift", [-47.0, -7.1, 0.0, 12.5, 33.3, 900.0])
def test_the_shift_is_found_to_a_millisecond(shift: float) -> None:
    source = bursts(40, seed=3)
    found = align(source.power, blocks(source, shift, 100, 700))
    for k in (100, 300, 699):
        assert found.heard_ms(k) == pytest.approx(k * 40 + shift, abs=1.0)
    assert found.agreement > 0.97


def test_a_timeline_that_moves_is_followed() -> None:
    source = bursts(60, seed=4)
    moved = blocks(source, -7.0, 100, 600) + blocks(source, -827.0, 600, 1400)
    found = align(source.power, moved)
    assert found.heard_ms(150) == pytest.approx(150 * 40 - 7, abs=1.0)
    assert found.heard_ms(1300) == pytest.approx(1300 * 40 - 827, abs=1.0)


def test_lost_frames_and_a_few_wrong_ones_do_no_harm() -> None:
    source = bursts(40, seed=5)
    seen = [(k, 0 if k % 50 == 0 else level) for k, level in blocks(source, -7.0, 100, 700) if k % 7]
    assert align(source.power, seen).heard_ms(200) == pytest.approx(200 * 40 - 7, abs=1.5)


def test_another_audio_is_not_taken_for_ours() -> None:
    with pytest.raises(LiveheadError, match="fits only"):
        align(bursts(40, seed=1).power, blocks(bursts(40, seed=2), 0.0, 100, 700))


def test_too_few_frames_are_said_so() -> None:
    source = bursts(10, seed=1)
    with pytest.raises(LiveheadError, match="only 5 frames"):
        align(source.power, blocks(source, 0.0, 20, 25))
