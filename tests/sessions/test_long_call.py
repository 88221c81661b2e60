"""A call of hours over a bad line, from packets to ticks, in time of the test's own: past all wraps."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from fault_rows import Recovery
from livehead.core.block import BLOCK_MS
from livehead.engine.base import Preset
from livehead.media.audio.jitter_buffer import MAX_HELD, MAX_MISSING
from sessions.test_pauses import PACKET, Call

CHUNK = 3000
"""Packets of a minute."""

PACKET_S = 0.02
BEGIN = 101.0
FIRST = 65_000
FIRST_TIMESTAMP = (1 << 32) - 500 * PACKET
"""Both wrap within the first seconds, and the sequence number every 22 minutes from then on."""

SHAPE = Preset(4, 1, 600)


class WrappingCall(Call):
    def packet(self, sequence: int, timestamp: int) -> None:
        wrapped = (FIRST + sequence) % (1 << 16), (FIRST_TIMESTAMP + timestamp) % (1 << 32)
        self.jitter.push(*wrapped, PACKET, sequence.to_bytes(4, "big"), self.now)
        self._drain()


def bad_line(hours: float, ppm: float) -> tuple[WrappingCall, int, int]:
    """Jitter of up to 15 ms, one packet in a hundred lost, and each minute a burst of ten; from second 20 to 25 of each
    minute the sender says nothing, and its timestamps go on; every ten minutes its machine sleeps for 8 s, and its
    clock with it. Returns the call, how many packets were sent, and how many of these were lost."""
    call, chance = WrappingCall(SHAPE), random.Random(round(ppm) + 1)
    second, slept, sequence, lost = 1 + ppm * 1e-6, 0.0, 0, 0
    kept: set[tuple[int, int, int]] = set()
    delays: list[float] = []
    for first in range(0, round(hours * 3600 / PACKET_S), CHUNK):
        if first and first % (10 * CHUNK) == 0:
            slept += 8.0
        for number in range(first, first + CHUNK):
            if 1000 <= number % CHUNK < 1250:
                continue
            sequence += 1
            burst = 2000 <= number % CHUNK < 2010
            if (burst or chance.random() < 0.01) and number > 10:
                lost += 1
                continue
            at = BEGIN + slept + PACKET_S * (number + 1) * second + chance.random() * 0.015
            call.at(at, lambda s=sequence - 1, n=number: call.packet(s, n * PACKET))  # type: ignore[misc]
        stats = call.run(BEGIN + slept + PACKET_S * (first + CHUNK) * second - 0.1)
        assert stats.skew_ms <= 40
        assert stats.delay_ms <= stats.max_delay_ms
        kept.add((len(call.jitter._held), len(call.jitter._missing), call.playout.waiting))
        delays.append(stats.delay_ms)
    assert max(held for held, _, _ in kept) <= MAX_HELD
    assert max(missing for _, missing, _ in kept) <= MAX_MISSING
    assert max(waiting for _, _, waiting in kept) <= SHAPE.max_delay_ms / BLOCK_MS + 2
    assert max(delays[len(delays) // 2 :]) <= max(delays[: len(delays) // 2]) + 40, "no longer than in the first half"
    return call, sequence, lost


def assert_nothing_else_was_lost(call: WrappingCall, sent: int, lost: int, hours: float) -> None:
    assert all(old < new for old, new in pairwise(call.heard)), "none twice, and all in order"
    sleeps = hours * 6
    missing = sent - lost - len(call.heard)
    assert missing <= 5 + 15 * sleeps, "what came late behind a sleep or a burst"


@pytest.mark.parametrize("ppm", [-300, 100])
def test_twelve_minutes_over_a_bad_line(ppm: float) -> None:
    call, sent, lost = bad_line(0.2, ppm)
    assert_nothing_else_was_lost(call, sent, lost, 0.2)


@pytest.mark.soak
@pytest.mark.fault(
    "load",
    "A call of eight hours, simulated",
    "As in its first minutes: the delay within its bound, voice and picture together, no sound twice and none lost but "
    "on the line.",
)
def test_eight_hours_over_a_bad_line(recovery: Recovery) -> None:
    call, sent, lost = bad_line(8, 150)
    assert_nothing_else_was_lost(call, sent, lost, 8)
    stats = call.playout.stats
    assert stats.k is not None
    assert stats.k > 1 << 16
    at_the_end = f"at the end a delay of {stats.delay_ms:.0f} ms, voice and picture {stats.skew_ms:.0f} ms apart"
    recovery(f"{sent:,} packets, {lost:,} of them lost; {at_the_end}")
