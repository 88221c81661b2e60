"""Token buckets let a burst through, then their rate, for each client alone."""

from __future__ import annotations

import pytest

from livehead.access.rates import MOST_BUCKETS, Rate
from livehead.errors import RateLimitError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def passed(rate: Rate, *who: str, tries: int = 100) -> int:
    count = 0
    for _ in range(tries):
        try:
            rate.take(*who)
        except RateLimitError:
            continue
        count += 1
    return count


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    rate = Rate("offers", 5.0, clock)
    assert passed(rate, "a") == 20
    assert passed(rate, "b") == 20
    clock.now += 1.0
    assert passed(rate, "a") == 5
    clock.now += 1000.0
    assert passed(rate, "a") == 20


def test_a_refusal_says_when_to_come_back_and_counts_nothing() -> None:
    clock = Clock()
    rate = Rate("uploads", 0.2, clock)
    assert passed(rate, "a") == 5
    with pytest.raises(RateLimitError, match=r"12 a minute.*in 5 s") as refusal:
        rate.take("a")
    assert refusal.value.retry_after == pytest.approx(5.0)
    clock.now += 5.0
    rate.take("a")


def test_who_has_too_many_under_one_name_takes_nothing_of_the_other() -> None:
    rate = Rate("offers", 1.0, Clock())
    assert passed(rate, "address 1", "key alice") == 5
    assert passed(rate, "address 2", "key alice") == 0
    assert passed(rate, "address 2", "key bob") == 5


def test_a_check_counts_nothing() -> None:
    rate = Rate("wrong credentials", 1.0, Clock())
    for _ in range(100):
        rate.check("a")
    assert passed(rate, "a") == 5
    with pytest.raises(RateLimitError):
        rate.check("a")


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    clock = Clock()
    rate = Rate("offers", 1.0, clock)
    assert passed(rate, "busy") == 5
    for i in range(2 * MOST_BUCKETS):
        rate.take(f"address {i}")
        if i % 100 == 0:
            assert passed(rate, "busy", tries=1) == 0
    assert len(rate._buckets) == MOST_BUCKETS


def test_a_clock_that_stands_still_or_is_passed_twice_gives_nothing() -> None:
    clock = Clock()
    rate = Rate("offers", 0.25, clock)
    assert passed(rate, "a") == 5
    assert passed(rate, "a") == 0
