"""How much a client may send, and when it is a flood. No clock but the test's."""

from __future__ import annotations

import pytest

from livehead.media.peer.budget import BURST_S, Budget

RATE = 500.0


def send(budget: Budget, rate: float, seconds: float, *, begin: float = 0.0, wanted: bool = True) -> int:
    """How many are let through of ``rate`` a second, evenly spaced, until it is a flood."""
    taken = 0
    for n in range(int(rate * seconds)):
        taken += budget.take(begin + n / rate, wanted=wanted)
        if budget.flooded:
            break
    return taken


def test_what_keeps_to_the_rate_is_let_through_for_ever() -> None:
    budget = Budget(RATE, 0.0)
    assert send(budget, RATE * 0.99, 60) == int(RATE * 0.99 * 60)
    assert not budget.flooded


def test_what_was_held_up_on_the_way_comes_at_once() -> None:
    budget = Budget(RATE, 0.0)
    assert send(budget, RATE * 9, BURST_S / 9) == int(RATE * BURST_S)
    assert not budget.flooded


def test_a_little_too_much_is_dropped_and_no_flood() -> None:
    budget = Budget(RATE, 0.0)
    assert send(budget, RATE * 1.5, 60) == pytest.approx(RATE * (60 + BURST_S), abs=2)
    assert not budget.flooded


def test_what_stays_far_too_much_is_a_flood() -> None:
    budget = Budget(RATE, 0.0)
    taken = send(budget, RATE * 3, 60)
    assert budget.flooded
    assert taken <= RATE * (BURST_S + 11)
    budget.take(1000.0)
    assert budget.flooded, "it stays one"


def test_ten_times_the_rate_in_a_second_is_a_flood_at_once() -> None:
    budget = Budget(RATE, 0.0)
    send(budget, RATE * 100, 1)
    assert budget.flooded


def test_what_is_not_wanted_counts_as_dropped() -> None:
    budget = Budget(RATE, 0.0)
    assert send(budget, RATE * 0.5, 20, wanted=False) == 0
    assert budget.flooded


def test_a_few_packets_are_no_flood_whatever_they_are() -> None:
    budget = Budget(RATE, 0.0)
    assert send(budget, 5, 60, wanted=False) == 0
    assert not budget.flooded
