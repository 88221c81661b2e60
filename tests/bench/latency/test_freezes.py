"""Freezes by the definition of W3C webrtc-stats."""

from __future__ import annotations

from itertools import accumulate

from livehead.bench.latency.freezes import freezes


def times(*gaps: float) -> list[float]:
    return list(accumulate(gaps, initial=100.0))


def test_a_steady_frame_does_not_freeze() -> None:
    assert freezes(times(*[0.04] * 100)) == 0
    assert freezes([]) == freezes([1.0]) == 0


def test_a_gap_of_the_average_plus_150_ms_is_a_freeze() -> None:
    assert freezes(times(*[0.04] * 30, 0.195, *[0.04] * 30)) == 1
    assert freezes(times(*[0.04] * 30, 0.185, *[0.04] * 30)) == 0


def test_at_a_low_rate_it_takes_three_times_the_average() -> None:
    assert freezes(times(*[0.2] * 30, 0.5)) == 0
    assert freezes(times(*[0.2] * 30, 0.61)) == 1
