"""Whole sessions at one simulated device: what the scheduler, silence and the pipelines make of it together."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_card import VirtualCard

from livehead.bench.load.calls.call_results import calls_row
from livehead.core.governor.costs import Costs

ORDER = ("low", "balanced", "throughput")
COSTS = Costs(ORDER, {"low": 0.306, "balanced": 0.142, "throughput": 0.0457}, dict.fromkeys(ORDER, 0.0391))


def held(card: VirtualCard, callers: int, speech: float, seconds: float = 25.0) -> dict[str, Any]:
    for _ in range(callers):
        card.join(speech)
    return calls_row(card.run(seconds))


@pytest.mark.parametrize("seed", [1, 2])
def test_six_callers_at_the_lowest_hop_meet_every_deadline(seed: int) -> None:
    """Each speaks for 40 % of the time. Were all to speak, three would fit."""
    row = held(VirtualCard("low", seed=seed), 6, 0.4)
    assert row["all_met"]
    assert row["speech"]["rewinds"] > 0
    assert row["speech"]["silent_frames"] > 2 * row["speech"]["silent_windows"]
    assert set(row["speech"]["hops"]) == {"4"}


def test_seven_who_all_talk_at_the_lowest_hop_lose_nothing_while_their_delay_is_long() -> None:
    card = VirtualCard("low", lead_s=5)
    row = held(card, 7, 1.0)
    assert row["all_met"]
    assert card.share > 0.95


def test_silent_callers_cost_little() -> None:
    card = VirtualCard("low")
    row = held(card, 10, 0.0)
    assert row["all_met"]
    assert card.share < 0.5  # a step of 44 ms for each in 960 ms
    assert row["speech"]["silent_frames"] == 1.0


def test_a_governed_row_of_three_who_talk() -> None:
    row = held(VirtualCard("auto", costs=COSTS, lead_s=20), 3, 1.0, 35.0)
    assert row["in_time"] > 0.995
    assert row["governed"]["presets"] == {"low": 1.0}
    assert row["governed"]["delay_ms"]["p95"] <= 300


def test_seven_who_all_talk_take_turns_and_wait_for_nobody() -> None:
    """Windows become whole one after the other: a step of 38 ms and seven of them in the 320 ms of a hop."""
    costs = Costs(ORDER, {"low": 0.27, "balanced": 0.134, "throughput": 0.0445}, dict.fromkeys(ORDER, 0.0445))
    card = VirtualCard("auto", cost=lambda batch, hop: 0.038 * batch, costs=costs, lead_s=20)
    row = held(card, 7, 1.0, 30.0)
    assert row["in_time"] == 1.0
    assert row["governed"]["presets"] == {"balanced": 1.0}
    assert row["governed"]["delay_ms"]["p95"] <= 450
