"""Windows of a stream that lags are stepped as one: load turns into delay before it turns into loss."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Job, Session, simulate

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.forecast import Forecast
from livehead.engine.scheduling.merging import Merging
from livehead.engine.scheduling.scheduler import Scheduler
from livehead.engine.scheduling.step_times import StepTimes

HOPS = (4, 8, 24)
WINDOW = 28
STEP_S = 0.044


def lite(batch: int, frames: int) -> float:
    """FlashHead Lite on an H100: recorded for one stream and for four, other batches put together from those."""
    return 0.157 * (batch // 4) + STEP_S * (batch % 4)


def preview(batch: int, frames: int) -> float:
    return 0.0027 * frames


def crowd(count: int, seconds: float, hop: int, slack: float, seed: int = 1) -> list[Session]:
    chance = random.Random(seed)
    return [Session(stream, chance.random() * hop * BLOCK_S, seconds, hop, slack) for stream in range(count)]


def merging(*hops: int, measured: dict[int, float] | None = None) -> Merging:
    flat = dict.fromkeys(hops or HOPS, STEP_S)
    return Merging(StepTimes(), hops=hops or HOPS, window=WINDOW, measured=flat if measured is None else measured)


def windows(count: int, hop: int = 4, due: float = 10.0, lookahead: int = 1) -> list[Job]:
    return [Job(1, n * hop, hop, due + n * hop * BLOCK_S, lookahead) for n in range(count)]


@pytest.mark.parametrize(
    ("waiting", "merged"), [(1, 1), (2, 2), (3, 2), (5, 2), (6, 6), (9, 6)], ids=lambda number: str(number)
)
def test_as_many_as_make_a_presets_hop(waiting: int, merged: int) -> None:
    assert merging().best(windows(waiting), 0.0) == merged


def test_what_does_not_follow_or_does_not_fit_is_not_merged() -> None:
    one, other = windows(2)
    assert merging().best([one, Job(1, 5, 4, other.deadline)], 0.0) == 1
    assert merging().best(windows(3, hop=8, lookahead=4), 0.0) == 3
    assert merging().best(windows(3, hop=8, lookahead=5), 0.0) == 1  # 24 + 5 is more than a window
    assert merging().best(windows(2, hop=24), 0.0) == 1


def test_windows_of_different_hops_are_merged_too() -> None:
    small, large = windows(2), [Job(1, 8 + 8 * n, 8, 10.32 + n * 0.32) for n in range(2)]
    assert merging().best([*small, *large], 0.0) == 4


def test_a_hop_that_was_not_timed_takes_no_longer_than_the_next_larger_one() -> None:
    hops = (4, 8, 16, 24)
    flat = Merging(StepTimes(), hops=hops, window=WINDOW, measured={4: STEP_S, 8: STEP_S, 24: STEP_S})
    assert flat.best(windows(2, hop=8), 0.0) == 2
    dear = Merging(StepTimes(), hops=hops, window=WINDOW, measured={4: STEP_S, 8: STEP_S, 24: 2 * STEP_S})
    assert dear.best(windows(2, hop=8), 0.0) == 1


def test_what_costs_by_the_frame_or_is_not_known_is_not_merged() -> None:
    assert merging(measured={}).best(windows(2), 0.0) == 1
    assert merging(1, 2, measured={1: 0.0042, 2: 0.0082}).best(windows(2, hop=1), 0.0) == 1
    assert (
        merging(1, 2, measured={1: 0.0042, 2: 0.0076}).best(windows(2, hop=1), 0.0) == 1
    )  # a step has a cost of its own
    assert merging(1, 2, measured={1: 0.0042, 2: 0.0050}).best(windows(2, hop=1), 0.0) == 2


def test_what_was_seen_lately_counts_before_what_was_measured() -> None:
    times = StepTimes()
    measured = dict.fromkeys(HOPS, STEP_S)
    seen = Merging(times, hops=HOPS, window=WINDOW, measured=measured)
    times.observe(1, 8, 2 * STEP_S, 0.0)
    assert seen.best(windows(2), 0.0) == 1
    times.forget(60.0)
    assert seen.best(windows(2), 60.0) == 2


def test_nothing_is_late_that_would_be_in_time_by_itself() -> None:
    slower = {4: 0.04, 8: 0.06, 24: 0.2}
    assert merging(measured=slower).best(windows(2, due=0.06), 0.0) == 2
    assert merging(measured=slower).best(windows(2, due=0.05), 0.0) == 1  # one by one the first is there after 40 ms
    assert merging(measured=slower).best(windows(2, due=-0.07), 0.0) == 1  # one by one two of its frames are in time
    assert merging(measured=slower).best(windows(2, due=-0.11), 0.0) == 2  # in time either way is one of its frames


def test_a_stream_that_failed_steps_its_windows_one_by_one() -> None:
    careful: Scheduler[Job] = Scheduler(max_batch=4, backlog=8, merging=merging())
    careful.isolate([1])
    for job in windows(3):
        careful.add(job)
    (run,) = careful.next(0.0).batch
    assert run.hop == 4
    careful.observe([run], STEP_S, 0.0)
    (run,) = careful.next(0.0).batch
    assert (run.k, run.hop, len(run.windows)) == (4, 8, 2)


def test_a_batch_is_of_equal_hops() -> None:
    picky: Scheduler[Job] = Scheduler(max_batch=4, backlog=8, mixed_hops=False, merging=merging())
    for stream, hop in ((1, 8), (2, 4), (3, 8)):
        picky.add(Job(stream, 0, hop, 1.0))
    assert [(run.stream, run.hop) for run in picky.next(0.0).batch] == [(1, 8), (3, 8)]
    assert [(run.stream, run.hop) for run in picky.next(0.0).batch] == [(2, 4)]


def test_a_window_that_could_still_be_merged_shares_no_step() -> None:
    """While it takes its time, three windows of each would come to wait, and only two can be merged."""
    for slack, size in ((0.4, 1), (0.2, 2)):
        lone: Scheduler[Job] = Scheduler(max_batch=4, backlog=8, mixed_hops=False, merging=merging())
        for stream in (1, 2):
            lone.add(Job(stream, 0, 4, slack, 1, submitted=0.0))
        assert len(lone.next(0.0).batch) == size


@pytest.mark.parametrize(("count", "hop"), [(5, 4), (6, 4), (7, 4)])
def test_load_turns_into_delay_before_it_turns_into_loss(count: int, hop: int) -> None:
    """At hop 4 three fit; with what the bound of 600 ms leaves nobody loses a frame up to seven."""
    for seed in range(3):
        sessions = crowd(count, 60.0, hop, 0.4, seed)
        without = simulate(sessions, lite, max_batch=4, mixed_hops=False)
        merged = simulate(sessions, lite, max_batch=4, mixed_hops=False, hops=HOPS)
        assert without.total < 0.85
        assert merged.total == 1.0


def test_where_all_fit_nothing_changes() -> None:
    for count, hop, slack in ((3, 4, 0.4), (7, 8, 0.54), (20, 24, 0.64)):
        outcome = simulate(crowd(count, 30.0, hop, slack), lite, max_batch=4, mixed_hops=False, hops=HOPS)
        assert (outcome.total, outcome.merged) == (1.0, 0)


def test_a_model_that_costs_by_the_frame_merges_nothing() -> None:
    sessions = crowd(16, 3.0, 1, 0.15)
    outcome = simulate(sessions, preview, max_batch=1, hops=(1, 2))
    assert outcome.merged == 0
    assert outcome.in_time == simulate(sessions, preview, max_batch=1).in_time


def test_merged_windows_share_a_step_only_where_the_rest_could_not_be_in_time_otherwise() -> None:
    for due, size in ((0.3, 1), (0.15, 4)):
        busy: Scheduler[Job] = Scheduler(max_batch=4, backlog=8, mixed_hops=False, merging=merging())
        for count, seconds in ((1, 0.044), (2, 0.088), (3, 0.132), (4, 0.14)):
            busy.observe([Job(9 + n, 0, 8, 0.0) for n in range(count)], seconds, 0.0)
        for stream in range(4):
            for window in windows(2, due=due):
                busy.add(Job(stream, window.k, 4, window.deadline))
        assert len(busy.next(0.0).batch) == size


def test_silence_is_not_given_up_for_speech() -> None:
    """A window of it shows as much as many others, for one step."""
    times = StepTimes()
    full: Scheduler[Job] = Scheduler(max_batch=1, backlog=8, mixed_hops=False, times=times, hops=HOPS)
    times.observe(1, 4, STEP_S, 0.0)
    full.add(Job(1, 0, 24, deadline=0.03, silent=True))
    for stream in (2, 3, 4):
        full.add(Job(stream, 0, 4, deadline=0.045))
    assert [run.stream for run in full.next(0.0).batch] == [1]


def test_silent_windows_share_a_step_as_far_as_those_who_speak_can_wait() -> None:
    for slack, size in ((0.4, 4), (0.1, 1)):
        times = StepTimes()
        forecast = Forecast(times, max_batch=4, mixed_hops=False)
        mixed: Scheduler[Job] = Scheduler(
            max_batch=4, backlog=8, mixed_hops=False, times=times, hops=HOPS, forecast=forecast
        )
        times.observe(1, 4, STEP_S, 0.0)
        for count, seconds in ((1, 0.044), (2, 0.088), (3, 0.132), (4, 0.157)):
            mixed.observe([Job(9 + n, 0, 24, 0.0) for n in range(count)], seconds, 0.0)
        forecast.submitted(Job(1, 0, 4, slack), 0.0)  # the next one comes at 0.16
        for stream in range(2, 6):
            mixed.add(Job(stream, 0, 24, deadline=1.0, silent=True))
        assert len(mixed.next(0.1).batch) == size


Load = Sequence[tuple[float, float, int, float]]
LOADS = st.lists(
    st.tuples(st.floats(0, 2), st.floats(0.1, 4), st.sampled_from(HOPS), st.floats(0.05, 0.7)), min_size=1, max_size=9
)


def sessions_of(load: Load) -> list[Session]:
    return [
        Session(stream, start, start + length, hop, slack) for stream, (start, length, hop, slack) in enumerate(load)
    ]


@settings(max_examples=60, deadline=None)
@given(LOADS, st.integers(1, 4), st.booleans(), st.integers(1, 8), st.floats(0.01, 0.15), st.floats(0, 0.01))
def test_any_load_is_answered_once_and_in_order(
    load: Load, max_batch: int, mixed: bool, backlog: int, base: float, each: float
) -> None:
    """The simulation asserts the order of each stream, and what a run is made of."""
    sessions = sessions_of(load)
    chance = random.Random(len(load))
    outcome = simulate(
        sessions,
        lambda batch, frames: (base * batch + each * frames) * chance.uniform(0.8, 1.3),
        max_batch=max_batch,
        mixed_hops=mixed,
        backlog=backlog,
        hops=HOPS,
    )
    asked = {(session.stream, job.k): 1 for session in sessions for _, job in session.arrivals()}
    assert dict(outcome.answers) == asked


@settings(max_examples=100, deadline=None)
@given(LOADS, st.sampled_from([0.012, 0.03, 0.044, 0.06]))
def test_what_was_in_time_is_in_time_with_merging(load: Load, step: float) -> None:
    sessions = sessions_of(load)
    without = simulate(sessions, lambda batch, frames: step * batch, max_batch=1, mixed_hops=False)
    if without.total == 1.0:
        merged = simulate(sessions, lambda batch, frames: step * batch, max_batch=1, mixed_hops=False, hops=HOPS)
        assert merged.total == 1.0
        assert merged.busy <= without.busy
