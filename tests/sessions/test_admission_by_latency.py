"""Who is let in beside whom, by what each chose as latency."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from livehead.bench.load.day import lite_on_h100
from livehead.sessions.admission.admission import Admission

CARD = lite_on_h100().capacity()
"""Holds 6 at low, 12 at balanced, 22 at throughput."""


def admission(limit: int | None = None) -> Admission:
    host: Any = SimpleNamespace(capacity=CARD)
    return Admission(limit, host)


def let_in(taken: Counter[str], latency: str, limit: int | None = None) -> int:
    """How many more come in, one after the other."""
    count = 0
    while admission(limit).refuse(taken + Counter({latency: count}), latency) is None:
        count += 1
    return count


def test_nobody_is_refused_before_the_card_is_full_at_the_preset_that_takes_least() -> None:
    assert let_in(Counter(), "auto") == 22
    assert let_in(Counter(auto=21), "low") == 0, "low takes more than there is left"
    assert let_in(Counter(auto=21), "auto") == let_in(Counter(auto=21), "throughput") == 1
    assert let_in(Counter(low=3), "auto") == 11
    assert let_in(Counter(), "low") == 6
    assert let_in(Counter(), "auto", limit=5) == 5


def test_a_refusal_names_what_there_is_room_for() -> None:
    refusal = admission().refuse(Counter(auto=21), "balanced")
    assert refusal is not None
    assert "at balanced: 21 take 95 %" in str(refusal)
    assert "There is room at throughput and auto." in str(refusal)
    full = admission().refuse(Counter(auto=22), "auto")
    assert full is not None
    assert "no room for one more session: 22 take 100 %" in str(full)


@pytest.mark.parametrize(
    ("before", "after", "fits"), [("auto", "low", False), ("low", "auto", True), ("auto", "throughput", True)]
)
def test_one_that_leaves_its_preset_to_the_server_may_always_and_one_that_takes_it_back_needs_room(
    before: str, after: str, fits: bool
) -> None:
    taken = Counter(auto=20) + Counter([before])
    assert (admission().refuse_change(taken, before, after) is None) == fits


def test_what_is_shown() -> None:
    taken, at = Counter(auto=4, low=1), Counter(low=3, balanced=2)
    shown = admission().describe(taken, at)
    assert shown["low"] == {"active": 3, "max": 6, "room": 3}
    assert shown["throughput"] == {"active": 0, "max": 22, "room": 14}
    assert admission().describe_auto(taken) == {"active": 4, "max": 22, "room": 14}
    assert admission().load(taken) == pytest.approx(1 / 6 + 4 / 22)
