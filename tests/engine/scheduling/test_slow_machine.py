"""As many calls as are let in on a machine in its usual state, and then an hour in which all takes three times as long.

A session that gets 24 of its 25 frames a second in time holds 24 frames a second."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from simulation import Outcome, Session, simulate

from livehead.core.block import BLOCK_S
from livehead.engine.base import Preset
from livehead.engine.capacity.model import StepTime, capacity

PRESETS = {"low": Preset(1, 0, 200), "balanced": Preset(1, 0, 400), "throughput": Preset(2, 0, 600)}
SECONDS = 60.0
HELD = 24 / 25


def let_in(frame_ms: float, preset: str) -> int:
    steps = {name: [StepTime(1, it.hop * frame_ms / 1000, it.hop * frame_ms / 900)] for name, it in PRESETS.items()}
    return capacity(PRESETS, steps, cores=2.0, on_cpu=True).streams[preset]


def frames_of(frame_ms: float, seed: int) -> Callable[[int, int], float]:
    """Most take that long; one in twenty up to twice, as where other work comes between."""
    chance = random.Random(seed)

    def cost(batch: int, frames: int) -> float:
        spread = chance.uniform(0.9, 1.1) if chance.random() < 0.95 else chance.uniform(1.0, 2.0)
        return frames * frame_ms / 1000 * spread

    return cost


def serve(count: int, frame_ms: float, preset: str, slack: float, seed: int, **options: object) -> Outcome:
    chance = random.Random(seed)
    hop = PRESETS[preset].hop
    sessions = [Session(stream, chance.random() * hop * BLOCK_S, SECONDS, hop, slack) for stream in range(count)]
    return simulate(sessions, frames_of(frame_ms, seed), max_batch=1, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("usual_ms", [1.0, 1.5, 2.0, 2.5, 2.7, 4.0, 5.3, 7.5])
@pytest.mark.parametrize("preset", list(PRESETS))
def test_all_that_were_let_in_hold_their_rate_in_a_slow_hour(usual_ms: float, preset: str) -> None:
    count = let_in(usual_ms, preset)
    it = PRESETS[preset]
    for seed in range(3):
        outcome = serve(
            count, min(7.5, 3 * usual_ms), preset, it.max_delay_ms / 1000 - (it.hop + it.lookahead) * BLOCK_S, seed
        )
        assert min(outcome.share(stream) for stream in range(count)) >= HELD


def test_four_calls_are_let_in_where_a_frame_takes_2_6_ms() -> None:
    assert let_in(2.6, "low") == let_in(7.5, "low") == 4


@pytest.mark.parametrize("slack_ms", [40, 60, 160])
@pytest.mark.parametrize("seed", range(4))
def test_a_short_delay_does_where_frames_take_7_5_ms(slack_ms: int, seed: int) -> None:
    """The playout's delay is far below its bound mostly: windows are due a little more than a frame after they came."""
    outcome = serve(4, 7.5, "low", slack_ms / 1000, seed)
    assert min(outcome.share(stream) for stream in range(4)) >= HELD


def test_the_change_from_one_to_the_other_costs_less_than_a_second() -> None:
    outcome = serve(4, 2.6, "low", 0.06, 1, slowness=lambda now: 3.0 if 20.0 <= now < 40.0 else 1.0)
    assert min(outcome.share(stream) for stream in range(4)) >= HELD
    assert max(outcome.longest_gap.values()) < 0.2
    assert sum(not 20.0 <= at <= 40.5 for at, _ in outcome.missed) <= 4
