"""Where a block's time goes adds up, and memory is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.core.latency import STAGES, Latency, Percentiles, Stamp, percentiles

ORDER = list(Stamp)


def follow(latency: Latency, k: int, start: float, steps: list[float]) -> float:
    at = start
    for stamp, step in zip(ORDER[:-1], [0.0, *steps], strict=False):
        at += step
        latency.stamp(k, stamp, at)
    return at + steps[-1]


def test_the_parts_are_the_times_between_the_stamps() -> None:
    latency = Latency()
    end = follow(latency, 7, 100.0, [0.060, 0.120, 0.005, 0.030, 0.008, 0.003])
    done = latency.sent(7, end)
    assert done is not None
    parts = (done.buffer, done.window, done.queue, done.generate, done.playout, done.send)
    assert parts == pytest.approx((60, 120, 5, 30, 8, 3))
    assert done.total == pytest.approx(226)


@given(st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=50))
def test_the_parts_add_up_to_the_total(steps: list[list[float]]) -> None:
    latency = Latency()
    for k, each in enumerate(steps):
        done = latency.sent(k, follow(latency, k, 5.0 + k, each))
        assert done is not None
        assert sum(getattr(done, stage) for stage in STAGES[:-1]) == pytest.approx(done.total, abs=1e-6)
        assert done.total == pytest.approx(sum(each) * 1000, abs=1e-6)
    mean = latency.mean()
    assert mean is not None
    assert sum(getattr(mean, stage) for stage in STAGES[:-1]) == pytest.approx(mean.total, abs=1e-6)


def test_a_step_stamps_its_whole_hop() -> None:
    latency = Latency()
    for k in range(4):
        latency.stamp(k, Stamp.CAPTURED, k * 0.04)
        latency.stamp(k, Stamp.CUT, k * 0.04 + 0.04)
    latency.generated(0, 4, submitted=0.16, started=0.17, finished=0.2)
    latency.stamp(2, Stamp.DUE, 0.29)
    done = latency.sent(2, 0.295)
    assert done is not None
    assert (done.window, done.queue, done.generate, done.playout) == pytest.approx((40, 10, 30, 90))
    assert latency.generate_ms.p50 == pytest.approx(30)


def test_blocks_without_a_frame_have_no_breakdown() -> None:
    latency = Latency()
    latency.stamp(0, Stamp.CAPTURED, 0.0)
    latency.stamp(0, Stamp.CUT, 0.04)
    latency.stamp(0, Stamp.DUE, 0.06)
    assert latency.sent(0, 0.061) is None
    assert latency.sent(0, 0.061) is None
    assert latency.mean() is None
    assert latency.breakdown()["total"] == Percentiles()


def test_the_first_stamp_counts_and_stamps_of_unknown_blocks_are_ignored() -> None:
    latency = Latency()
    latency.stamp(3, Stamp.GENERATED, 1.0)
    latency.stamp(3, Stamp.CAPTURED, 2.0)
    latency.stamp(3, Stamp.CAPTURED, 9.0)
    for stamp in ORDER[1:-1]:
        latency.stamp(3, stamp, 3.0)
    done = latency.sent(3, 3.0)
    assert done is not None
    assert done.total == pytest.approx(1000)


def test_memory_is_bounded() -> None:
    latency = Latency(window=10, open_blocks=20)
    for k in range(1000):
        latency.stamp(k, Stamp.CAPTURED, float(k))
        latency.generated(k, 1, submitted=0, started=0, finished=k)
    assert len(latency._open) == 20
    assert latency.generate_ms.p50 == pytest.approx(994_000)
    latency.forget(995)
    assert len(latency._open) == 5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_nearest_rank(values: list[float]) -> None:
    figures = percentiles(values)
    for share, figure in ((50, figures.p50), (95, figures.p95), (99, figures.p99)):
        assert figure == np.percentile(values, share, method="inverted_cdf")
