"""Simulated live sessions, what becomes of their frames, and the figures made of that."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import LoadRecord, WindowResult, row, steps
from livehead.bench.load.simulated_session import (
    SimulatedSession,
    WindowSpec,
    churning_slots,
    phases,
    voice,
    window_specs,
)
from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.base import Preset
from livehead.engine.host.host import WindowTiming
from livehead.errors import UsageError

PRESETS = {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)}
SPEC = WindowSpec("low", 4, 1, 0.5)


def session(start: float = 100.0) -> SimulatedSession:
    return SimulatedSession(SPEC, start, voice(1))


def test_a_shape_is_that_of_a_preset_and_leaves_what_its_bound_leaves() -> None:
    (low,) = window_specs(PRESETS, "low", (), None)
    assert (low.preset, low.hop, low.lookahead, round(low.delay_s, 3)) == ("low", 4, 1, 0.590)
    eight, most = window_specs(PRESETS, "low", (8, 24), None)
    assert (eight.preset, most.preset) == ("balanced", "throughput")
    (tight,) = window_specs(PRESETS, "throughput", (), 0.1)
    assert round(tight.delay_s, 3) == 1.06


def test_a_hop_of_no_preset_is_shaped_like_the_one_that_is_named() -> None:
    (spec,) = window_specs(PRESETS, "balanced", (10,), None)
    assert (spec.preset, spec.hop, spec.lookahead) == ("balanced", 10, 1)
    assert round(spec.delay_s - spec.floor_s, 3) == 0.530


def test_more_than_the_bound_leaves_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves 630 ms"):
        window_specs(PRESETS, "throughput", (), 0.7)


def test_windows_follow_each_other_and_share_the_lookahead() -> None:
    one = session()
    assert one.complete_at == pytest.approx(100.2)
    first, second = one.cut(), one.cut()
    assert (first.k, second.k, first.hop, first.lookahead) == (0, 4, 4, 1)
    assert len(first.pcm) == 5 * BLOCK_SAMPLES
    assert np.array_equal(first.pcm[-BLOCK_SAMPLES:], second.pcm[:BLOCK_SAMPLES])
    assert one.complete_at == pytest.approx(100.52)
    assert (one.windows, one.asked, one.pending) == (2, 8, 2)
    for _ in range(100):
        assert len(one.cut().pcm) == 5 * BLOCK_SAMPLES  # the voice begins again


@pytest.mark.parametrize(("came", "late"), [(100.4, 0), (100.5, 0), (100.51, 1), (100.57, 2), (100.9, 4)])
def test_each_frame_has_its_own_deadline(came: float, late: int) -> None:
    one = session()
    one.cut()
    one.frames(0, 4, came)
    one.end()
    assert (one.in_time, one.late, one.never, one.gap) == (4 - late, late, 0, late)


def test_what_does_not_come_is_lost_and_makes_a_gap() -> None:
    one = session()
    for _ in range(4):
        one.cut()
    one.frames(0, 4, 100.3)
    one.missing(4)
    one.frames(8, 4, 101.33)  # due at 100.82 … 100.94
    one.frames(4, 4, 100.3)  # was given up
    assert (one.asked, one.in_time, one.late, one.never) == (16, 4, 4, 4)
    one.end()
    assert (one.never, one.lost, one.gap, one.pending) == (8, 12, 12, 0)


def test_who_leaves_waits_for_nothing() -> None:
    one = session()
    one.cut()
    one.frames(0, 4, 100.3)
    one.cut()
    one.leave()
    one.frames(4, 4, 109.0)
    one.end()
    assert (one.windows, one.asked, one.in_time, one.lost, one.gap) == (1, 4, 4, 0, 0)


def test_phases_are_spread_evenly_or_drawn() -> None:
    assert phases(4, None) == [0.0, 0.25, 0.5, 0.75]
    assert phases(4, 1) == phases(4, 1) != phases(4, 2)


@pytest.mark.parametrize(("count", "moving"), [(1, 1), (2, 1), (3, 1), (4, 2), (20, 10)])
def test_half_of_the_places_move(count: int, moving: int) -> None:
    assert len(churning_slots(count)) == moving
    assert churning_slots(count)[-1] == count - 1


def test_no_two_portraits_are_the_same() -> None:
    portraits = TintedPortraits(1)
    one, other = portraits.next(), portraits.next()
    assert one.dtype == np.uint8
    assert one.shape == other.shape
    assert not np.array_equal(one, other)


def result(
    started: float, done: float, batch: int, submitted: float = 0.0, arrived: float | None = None
) -> WindowResult:
    return WindowResult(WindowTiming(submitted, started, done, batch), arrived or done, submitted - 0.2, stays=True)


def test_windows_of_one_step_are_counted_once() -> None:
    made = steps([result(2.0, 2.4, 2), result(1.0, 1.1, 1), result(2.0, 2.5, 2)])
    assert [(step.batch, round(step.seconds, 3)) for step in made] == [(1, 0.1), (2, 0.5)]


def test_a_row_of_figures() -> None:
    record = LoadRecord(SPEC, 2, begin=10.0, end=12.0)
    record.results = [
        result(10.1, 10.2, 1, submitted=10.0, arrived=10.25),
        result(11.0, 11.3, 2, submitted=10.9),
        result(11.0, 11.31, 2, submitted=10.9),
    ]
    one = session()
    one.cut()
    one.frames(0, 4, 100.51)
    one.end()
    record.stayed = [one]
    record.dropped["late"] = 1
    found = row(record)
    assert found["frames"] == {"asked": 4, "in_time": 3, "late": 1, "never": 0}
    assert (found["in_time"], found["all_met"], found["longest_gap_ms"]) == (0.75, False, 40)
    assert found["batches"] == {"1": 1, "2": 1}
    assert found["busy"] == pytest.approx((0.1 + 0.31) / 2)
    assert found["step_ms"]["max"] == pytest.approx(310)
    assert found["window_ms"]["max"] == pytest.approx(410)
    assert found["needed_ms"] == pytest.approx(610)
    assert [(each["batch"], each["steps"]) for each in found["by_batch"]] == [(1, 1), (2, 1)]
    assert found["by_batch"][0]["window_ms"]["p50"] == pytest.approx(250)
    assert (found["first_window_ms"], found["first_window_batch"]) == (pytest.approx(100), 1)
    assert (found["churn"], found["joins_ms"], found["dropped"]) == (None, None, {"late": 1})


def test_no_engine_is_busy_for_longer_than_it_was_watched() -> None:
    record = LoadRecord(SPEC, 1, begin=10.0, end=12.0)
    record.results = [result(9.0, 10.5, 1), result(11.5, 13.0, 1), result(13.0, 14.0, 1)]
    assert row(record)["busy"] == 0.5


def test_a_row_of_nothing() -> None:
    found = row(LoadRecord(SPEC, 1, begin=10.0, end=12.0))
    assert (found["all_met"], found["busy"], found["window_ms"], found["first_window_ms"]) == (False, 0.0, None, None)
