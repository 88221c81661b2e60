"""The verdict on series whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from livehead.bench.soak.leaks import LEAST, Resource, Sample, judge

MEMORY = Resource("memory", "MB", allowed=10.0, allowed_hour=5.0)
THREADS = Resource("threads", "", allowed=2.0)


def series(value, seconds: int = 3600, every: float = 2.0, noise: float = 0.0, seed: int = 1) -> list[Sample]:
    """``value`` is a function of the time in seconds; noise is uniform, and goes upwards only."""
    draw = random.Random(seed)
    times = [number * every for number in range(int(seconds / every))]
    return [Sample(at, value(at) + draw.uniform(0, noise)) for at in times]


@pytest.mark.parametrize("seed", range(5))
def test_noise_on_a_level_is_none(seed: int) -> None:
    growth = judge(MEMORY, series(lambda at: 300, noise=40, seed=seed))
    assert not growth.leaks
    assert abs(growth.grown) < 4
    assert growth.begin == pytest.approx(320, abs=3)
    assert str(growth).startswith("memory kept level, from 3")


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_leak_under_noise_is_one(seed: int) -> None:
    growth = judge(MEMORY, series(lambda at: 300 + 30 * at / 3600, noise=40, seed=seed))
    assert growth.leaks
    assert 20 < growth.per_hour < 36  # of the two slopes the smaller counts
    assert growth.grown == pytest.approx(growth.per_hour * 0.6, rel=0.01)


def test_the_sentence_says_what_grew_and_how_fast() -> None:
    growth = judge(MEMORY, series(lambda at: 300 + at / 60))
    assert str(growth) == ("memory grew from 324.0 to 360.0 MB in 36 min, 60.0 MB an hour; 13.0 MB is allowed")
    short = judge(THREADS, series(lambda at: 10 + at / 10, seconds=120))
    assert str(short) == "threads grew from 14.8 to 21.8 in 70 s, 360.0 an hour; 2.0 is allowed"


def test_a_leak_within_the_allowance_of_its_hours_is_none() -> None:
    assert not judge(MEMORY, series(lambda at: 300 + 4 * at / 3600, seconds=10 * 3600, every=20)).leaks
    assert judge(MEMORY, series(lambda at: 300 + 8 * at / 3600, seconds=10 * 3600, every=20)).leaks


@pytest.mark.parametrize("at_step", [0.5, 0.7, 0.9])
def test_one_step_is_none(at_step: float) -> None:
    assert not judge(MEMORY, series(lambda at: 300 + 100 * (at > at_step * 3600), noise=5)).leaks


def test_step_after_step_is_one() -> None:
    growth = judge(MEMORY, series(lambda at: 300 + 20 * (at // 300), noise=5))
    assert growth.leaks
    assert growth.per_hour == pytest.approx(240, rel=0.2)


@pytest.mark.parametrize("period", [10, 60, 200])
def test_a_saw_tooth_is_none(period: int) -> None:
    assert not judge(MEMORY, series(lambda at: 300 + 100 * (at % period) / period)).leaks


def test_a_saw_tooth_that_climbs_is_one() -> None:
    growth = judge(MEMORY, series(lambda at: 300 + 100 * (at % 60) / 60 + at / 60))
    assert growth.leaks
    assert growth.per_hour == pytest.approx(60, rel=0.1)


@pytest.mark.parametrize("half_life", [100, 300, 600])
def test_a_warm_up_that_levels_off_is_none(half_life: float) -> None:
    assert not judge(MEMORY, series(lambda at: 300 - 100 * math.exp(-at / half_life), noise=10)).leaks


def test_what_begins_to_leak_late_is_one() -> None:
    assert judge(MEMORY, series(lambda at: 300 + max(0, at - 2000) / 10)).leaks


def test_what_shrinks_is_none() -> None:
    growth = judge(MEMORY, series(lambda at: 300 - at / 60))
    assert not growth.leaks
    assert growth.per_hour == pytest.approx(-60)


def test_a_count_that_comes_and_goes_with_the_callers_is_none() -> None:
    draw = random.Random(3)
    callers = [draw.randint(0, 5) for _ in range(100)]
    samples = series(lambda at: 20 + 4 * callers[int(at // 36)])
    assert not judge(THREADS, samples).leaks


def visits(seed: int, callers: int = 5, seconds: float = 600.0) -> Callable[[float], float]:
    """What callers hold at a time: each comes, holds 20 to 50 MB for 8 to 45 s, and goes for a moment."""
    draw = random.Random(seed)
    held: list[tuple[float, float, float]] = []
    for _ in range(callers):
        at = draw.uniform(0, 10)
        while at < seconds:
            length = draw.uniform(8, 45)
            held.append((at, at + length, draw.uniform(20, 50)))
            at += length + draw.uniform(0, 10)
    return lambda at: sum(size for begins, ends, size in held if begins <= at < ends)


@pytest.mark.parametrize("seed", range(25))
def test_ten_minutes_of_callers_who_come_and_go_are_none_and_with_a_leak_they_are(seed: int) -> None:
    bound = Resource("memory", "MB", allowed=48.0, allowed_hour=8.0)
    held = visits(seed)
    assert not judge(bound, series(lambda at: 150 + held(at), seconds=600)).leaks
    assert judge(bound, series(lambda at: 150 + held(at) + at / 2, seconds=600)).leaks


def test_what_goes_up_and_down_again_is_level() -> None:
    growth = judge(MEMORY, series(lambda at: 300 + 100 * math.sin(math.pi * max(0, at - 1440) / 2160)))
    assert growth.grown == 0
    assert 350 < growth.begin < 400


def test_one_more_for_each_call_is_one() -> None:
    assert judge(THREADS, series(lambda at: 20 + at // 60, noise=10)).leaks


def test_too_few_samples_say_nothing() -> None:
    with pytest.raises(ValueError, match=f"{LEAST - 1} samples of memory after the warm-up"):
        judge(MEMORY, series(lambda at: 1, seconds=LEAST - 1, every=1), warm_up=0.0)
    with pytest.raises(ValueError, match="0 samples"):
        judge(MEMORY, [])
