"""Microphones whose clock is off, over a long call: from packets to ticks, on a clock of the test's own."""

from __future__ import annotations

import random

import pytest

from livehead.core.block import BLOCK_MS
from livehead.engine.base import Preset
from sessions.test_pauses import PACKET, Call

CHUNK = 3000
"""Packets of a minute."""

every_clock = pytest.mark.parametrize("ppm", [-200, 200])
small_and_large = pytest.mark.parametrize("preset", [Preset(1, 0, 200), Preset(24, 0, 1600)], ids=str)


@every_clock
@small_and_large
def test_a_quarter_of_an_hour_on_a_audio_card_that_is_off_by_200_ppm(preset: Preset, ppm: int) -> None:
    """180 ms of drift: more than a block could hide."""
    assert_the_delay_stays(preset, ppm, hours=0.25)


@pytest.mark.soak
@every_clock
@small_and_large
def test_eight_hours_on_a_audio_card_that_is_off_by_200_ppm(preset: Preset, ppm: int) -> None:
    assert_the_delay_stays(preset, ppm, hours=8)


def assert_the_delay_stays(preset: Preset, ppm: int, hours: float) -> None:
    call, chance = Call(preset), random.Random(ppm)
    second = 1 + ppm * 1e-6
    packets = round(hours * 3600 * 50)
    for first in range(0, packets, CHUNK):
        for i in range(first, first + CHUNK):
            late = chance.random() * 0.004
            call.at(101 + 0.02 * (i + 1) * second + late, lambda i=i: call.packet(i, i * PACKET))
        stats = call.run(101 + 0.02 * (first + CHUNK) * second)
        assert stats.delay_ms <= (preset.hop + preset.lookahead) * BLOCK_MS + 60
    assert stats.skipped == 0
    # Where the clock is fast, the end of a block moves into the next packet every 100 s, and its frame is late once.
    assert stats.repeated <= 5 + 40 * hours
    assert (call.jitter.late, call.jitter.lost, call.jitter.resets) == (0, 0, 0)
    assert len(call.heard) >= packets - 2
