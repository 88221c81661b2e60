"""The playout in the situations of a real session, one at a time."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from core.playout.playout_run import Run, audio
from livehead.core.block import BLOCK_S, Block
from livehead.core.frame import Frame
from livehead.core.playout.playout import Playout
from livehead.core.playout.stats import Drop, Repeat, Skip
from livehead.core.playout.tick import Kind


def test_before_the_first_audio_nothing_is_due() -> None:
    playout = Playout(hop=1, lookahead=0, max_delay_ms=200)
    assert playout.due is None
    assert playout.tick(5.0) is None
    assert playout.deadline(0) == math.inf
    assert playout.interrupt() is None
    assert playout.stats.ticks == 0


@pytest.mark.parametrize(
    ("hop", "lookahead", "max_delay_ms"), [(1, 0, 40), (24, 0, 900), (4, 2, 240), (0, 0, 200), (1, -1, 200)]
)
def test_a_preset_that_cannot_work_is_refused(hop: int, lookahead: int, max_delay_ms: int) -> None:
    with pytest.raises(ValueError, match=r"max delay|hop"):
        Playout(hop=hop, lookahead=lookahead, max_delay_ms=max_delay_ms)


@pytest.mark.parametrize(("hop", "lookahead"), [(1, 0), (2, 0), (2, 1), (4, 0), (8, 3), (24, 0)])
def test_a_steady_engine_costs_a_few_ms_over_the_wait_and_never_a_repeat(hop: int, lookahead: int) -> None:
    wait_ms = (hop + lookahead) * 40
    run = Run(hop, lookahead, wait_ms + 200, takes=lambda k: 0.009).speak(500).drain()
    assert run.playout.stats.fresh >= 500 - hop - lookahead
    assert run.playout.stats.repeats.get(Repeat.NO_FRAME, 0) <= hop + lookahead  # the end of the audio fills no window
    assert all(wait_ms + 9 <= tick.delay_ms <= wait_ms + 9 + 6 for _, tick in run.ticks[:400])


def test_the_ticks_follow_the_phase_of_the_first_block() -> None:
    for phase in (0.0, 0.007, 0.0199, 0.0201, 0.039):
        run = Run(now=1000 + phase).speak(3)
        first = run.ticks[0][0]
        assert first == pytest.approx(1000 + phase + BLOCK_S + 0.014)


def test_delay_grows_at_once_to_what_the_engine_needs() -> None:
    run = Run(takes=lambda k: 0.010 if k < 50 else 0.055).speak(200)
    slow = 1000 + 50 * BLOCK_S
    repeats = [tick for time, tick in run.ticks if time > slow and tick.kind is not Kind.FRESH]
    assert 1 <= len(repeats) <= 3
    assert run.kinds(slow + 0.4) == [Kind.FRESH] * len(run.kinds(slow + 0.4))
    assert 95 <= run.ticks[-1][1].delay_ms <= 95 + 6
    assert max(run.gaps()) <= 0.06 + 1e-6


def test_a_creeping_engine_is_followed_without_a_repeat() -> None:
    run = Run(takes=lambda k: 0.010 + min(k, 4000) * 0.00002).speak(4500)
    assert run.playout.stats.repeated == 0
    assert run.playout.stats.skipped == 0
    assert 130 <= run.ticks[-1][1].delay_ms <= 130 + 6


def test_slow_frames_now_and_then_cost_a_repeat_in_ten_seconds_and_not_one_each() -> None:
    """27 of them, far under 5 in 100: the delay gives way once in ten seconds, no sooner."""
    run = Run(takes=lambda k: 0.060 if k % 75 == 74 else 0.010).speak(2000)
    assert run.playout.stats.repeats[Repeat.NO_FRAME] <= 7


def test_delay_shrinks_in_silence_ten_seconds_after_the_last_underrun() -> None:
    """Slow for 4 s, then fast; speech with one quiet moment, before patience runs out."""
    quiet = range(390, 410)
    run = Run(takes=lambda k: 0.012 if k > 100 else 0.110, level=lambda k: 0.0 if k in quiet else 0.3).speak(700)
    delays = {tick.k: tick.delay_ms for _, tick in run.ticks if tick.k is not None}
    assert delays[300] > 150
    assert delays[min(k for k in delays if k > 420)] < 75, "the quiet moment was used"
    assert run.playout.stats.skips == {Skip.SHRINK: 2}
    skipped = set(range(700)) - set(delays) - set(range(690, 700))
    assert skipped <= set(quiet)
    assert run.ticks[-1][1].delay_ms <= 52 + 7


def test_delay_shrinks_even_when_nobody_is_ever_quiet() -> None:
    run = Run(takes=lambda k: 0.012 if k > 100 else 0.110, level=lambda k: 0.3).speak(800)
    assert run.playout.stats.skips == {Skip.SHRINK: 2}
    assert run.ticks[-1][1].delay_ms < 60
    assert next(tick.delay_ms for _, tick in run.ticks if tick.k == 350) > 150, "not before ten clean seconds"


def test_small_gains_shift_the_phase_and_skip_nothing() -> None:
    run = Run(takes=lambda k: 0.040 if k < 50 else 0.012).speak(700)
    assert run.playout.stats.skipped == 0
    assert run.ticks[-1][1].delay_ms <= 52 + 6
    calm = list(run.gaps())[100:]
    assert min(calm) > 0.0389, "the phase is moved by a millisecond a tick"
    assert max(calm) < 0.0401


def test_an_engine_slower_than_the_bound_takes_neither_audio_nor_delay_along() -> None:
    run = Run(takes=lambda k: 0.010 if k < 50 else 1.0).speak(400).drain()
    stats = run.playout.stats
    assert stats.skipped == 0
    assert run.sent == 400
    assert stats.drops == {Drop.LATE: 350}
    assert run.ticks[300][1].delay_ms < 60, "waiting longer would have helped nobody"


def test_engine_down_audio_goes_on_the_last_frame_holds_and_frames_come_back() -> None:
    run = Run(takes=lambda k: None if 100 <= k < 200 else 0.010).speak(300).drain()
    assert run.sent == 300
    down = [tick for _, tick in run.ticks if tick.k is not None and 100 <= tick.k < 200]
    assert len(down) == 100
    assert {tick.kind for tick in down} == {Kind.REPEAT}
    assert {tick.frame_k for tick in down} == {99}
    assert run.playout.stats.repeats[Repeat.NO_FRAME] == 100
    assert run.fresh == 200
    assert run.ticks[250][1].delay_ms < 60


def test_audio_that_stops_leaves_silence_and_the_last_frame() -> None:
    run = Run().speak(50)
    run.run_until(run.now + 2.0)
    held = [tick for _, tick in run.ticks[-45:]]
    assert {tick.kind for tick in held} == {Kind.HOLD}
    assert {tick.frame_k for tick in held} == {49}
    assert run.playout.stats.repeats[Repeat.NO_AUDIO] >= 45


def test_audio_that_pauses_is_taken_up_where_it_is() -> None:
    """The sender's clock stood still for 5 s: what comes then is new, not late."""
    run = Run().speak(50).pause(5.0).speak(100).drain()
    assert run.playout.stats.skipped <= 1
    assert run.ticks[-250][1].delay_ms < 200
    assert next(t.delay_ms for _, t in run.ticks if t.k == 140) < 70


def test_a_blackout_that_ends_in_a_burst_costs_the_late_audio_and_no_delay() -> None:
    """2 s of audio come at once: the part beyond the bound is skipped, and the delay is what it was."""
    run = Run(late=lambda k: max(0.0, (150 - k) * BLOCK_S) if k >= 100 else 0.0).speak(400)
    back = 1000 + 151 * BLOCK_S
    stats = run.playout.stats
    assert 40 <= stats.skips[Skip.LATE] <= 52
    after = [tick for time, tick in run.ticks if time > back + 0.25]
    assert {tick.kind for tick in after} == {Kind.FRESH}
    assert max(tick.delay_ms for tick in after) < 60


def test_jitter_of_the_audio_within_the_bound_is_waited_for() -> None:
    rng = random.Random(4)
    run = Run(late=lambda k: rng.choice((0.0, 0.0, 0.02, 0.05))).speak(1000)
    stats = run.playout.stats
    assert stats.skipped == 0
    assert stats.repeated < 12
    assert set(run.kinds(1000 + 15)) == {Kind.FRESH}


def test_idle_then_the_first_word() -> None:
    """Idle blocks have negative k; the first sample jumps to 0 and is as quick as in a fresh session."""
    for phase in (0.001, 0.013, 0.02, 0.033):
        playout = Playout(hop=1, lookahead=0, max_delay_ms=200)
        start = -(1 << 30)
        times: list[float] = []
        kinds = []
        arrivals = [(1000 + (i + 1) * BLOCK_S, start + i) for i in range(100)]
        arrivals += [(1004 + phase + (i + 1) * BLOCK_S, i) for i in range(50)]
        events = [(at, 0, k) for at, k in arrivals] + [(at + 0.009, 1, k) for at, k in arrivals]
        first = None
        for at, what, k in sorted(events):
            while playout.due is not None and playout.due <= at:
                due = playout.due
                tick = playout.tick(due)
                assert tick is not None
                times.append(due)
                kinds.append(tick.kind)
                if tick.k == 0:
                    first = due
            if what == 1:
                playout.push_frames(k, [Frame(np.zeros((48, 32), np.uint8))], at)
                continue
            if k == 0:
                playout.seek(0)
            playout.push_audio(Block(k, audio(k, 0.1)), at)
        assert first is not None
        assert first - (1004 + phase) <= 0.040 + 0.014 + 1e-6, "no time is lost to the phase of the idling"
        assert all(0.02 - 1e-6 <= b - a <= 0.06 + 1e-6 for a, b in pairwise(times))
        assert sum(kind is not Kind.FRESH for kind in kinds) <= 1
        assert playout.stats.k is not None
        assert playout.stats.k > 40


def test_a_hop_at_hand_starts_without_waiting_for_real_time() -> None:
    """Speech from a backend comes faster than real time: its first hop is spoken as soon as it is generated."""
    playout = Playout(hop=8, lookahead=0, max_delay_ms=600)
    for k in range(8):
        playout.push_audio(Block(k, audio(k, 0.1)), 10.0)
    assert playout.due == pytest.approx(10.0 + 0.014)
    for k in range(8, 40):
        at = 10.0 + (k - 7) * BLOCK_S
        while playout.due is not None and playout.due < at:
            assert playout.tick(playout.due) is not None
        playout.push_audio(Block(k, audio(k, 0.1)), at)
    assert playout.stats.skipped == 0
    assert playout.stats.k == 31


def test_interrupt_drops_everything_unshown_and_says_what_was_shown() -> None:
    run = Run(8, 0, 600, takes=lambda k: 0.02).speak(100)
    shown = run.interrupt()
    assert shown is not None
    assert run.playout.waiting == 0
    before = run.next_k
    at = run.now
    run.speak(100).drain()
    after = [tick for time, tick in run.ticks if time > at]
    assert all(tick.k is None or tick.k >= before for tick in after)
    held = [tick for tick in after if tick.k is None][:8]
    assert {tick.frame_k for tick in held} == {shown}
    stats = run.playout.stats
    assert stats.skips[Skip.INTERRUPT] > 0
    assert stats.drops[Drop.INTERRUPT] > 0
    assert stats.repeats[Repeat.INTERRUPT] > 0
    assert {t.kind for _, t in run.ticks if t.k is not None and before + 8 <= t.k < before + 90} == {Kind.FRESH}


def test_frames_that_an_interrupt_made_useless_are_named_and_teach_nothing() -> None:
    run = Run(8, 0, 600, takes=lambda k: 0.01 if k != 96 else 0.3).speak(104)
    run.run_until(run.now + 0.01)
    run.interrupt()
    run.speak(200)
    stats = run.playout.stats
    assert stats.drops == {Drop.INTERRUPT: 8}
    assert run.ticks[-1][1].delay_ms < 345


def test_a_longer_way_through_the_network_is_paid_once() -> None:
    """From block 200 on all audio takes 60 ms longer. When that has become the rule, delay is counted from there."""
    run = Run(late=lambda k: 0.06 if k >= 200 else 0.0).speak(1000)
    after = [tick for time, tick in run.ticks if time > 1000 + 20]
    assert {tick.kind for tick in after} == {Kind.FRESH}
    assert max(tick.delay_ms for tick in after) < 75
    assert run.ticks[-1][0] - run.pushed[run.ticks[-1][1].k or 0] < 0.030


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_presets_change_while_live(level: float) -> None:
    run = Run(8, 0, 600, takes=lambda k: 0.02, level=lambda k: level).speak(200)
    assert run.ticks[-1][1].delay_ms >= 340
    run.set_preset(1, 0, 200)
    run.speak(300)
    assert run.ticks[-1][1].delay_ms <= 75
    assert set(run.kinds(run.now - 2)) == {Kind.FRESH}
    run.set_preset(8, 0, 600)
    run.speak(300)
    assert 340 <= run.ticks[-1][1].delay_ms <= 400
    assert set(run.kinds(run.now - 2)) == {Kind.FRESH}


def test_frames_of_the_old_preset_do_not_hold_the_new_one_up() -> None:
    run = Run(8, 0, 600, level=lambda k: 0.0).speak(207)
    run.set_preset(1, 0, 600)
    run.speak(60)
    assert run.ticks[-1][1].delay_ms < 75
    sent = [tick.k for _, tick in run.ticks if tick.k is not None]
    skips = [a for a, b in pairwise(sent) if b - a > 1]
    assert len(skips) == 7
    assert min(b - a for a, b in pairwise(skips)) >= 5, "not all at once"


def test_shrinking_never_gives_up_a_frame_for_one_that_is_missing() -> None:
    """A block without a frame may be skipped, but not one with a frame to get to one without."""
    rng = random.Random(1)
    missing = {k for k in range(207, 400) if rng.random() < 0.5}
    run = Run(8, 0, 600, takes=lambda k: None if k in missing else 0.010, level=lambda k: 0.0).speak(207)
    run.set_preset(1, 0, 600)
    run.speak(190)
    sent = [tick.k for _, tick in run.ticks if tick.k is not None]
    skips = [(a + 1, b) for a, b in pairwise(sent) if b - a > 1]
    assert len(skips) == 7
    assert any(skipped in missing for skipped, _ in skips)
    assert not any(after in missing and skipped not in missing for skipped, after in skips)


def test_more_audio_at_the_start_than_the_delay_holds_is_not_rushed() -> None:
    playout = Playout(hop=1, lookahead=0, max_delay_ms=400)
    for k in range(5):
        playout.push_audio(Block(k, audio(k, 0.1)), 10.0)
    times = []
    for k in range(5):
        due = playout.due
        assert due is not None
        tick = playout.tick(due)
        assert tick is not None
        assert tick.k == k
        times.append(due)
    assert times[0] == pytest.approx(10.0)
    assert min(b - a for a, b in pairwise(times)) > 0.038


def test_a_stalled_server_skips_what_it_missed_and_does_not_burst() -> None:
    run = Run(oversleeps=lambda n: 0.5 if n == 100 else 0.0).speak(300)
    stats = run.playout.stats
    assert stats.missed == 12
    assert 10 <= stats.skips[Skip.STALL] + stats.skips.get(Skip.BOUND, 0) <= 13
    indices = [tick.index for _, tick in run.ticks]
    assert max(b - a for a, b in pairwise(indices)) == 13, "media time goes on with real time"
    late = [tick for time, tick in run.ticks if time > run.ticks[100][0] + 0.3]
    assert {tick.kind for tick in late} == {Kind.FRESH}
    assert max(tick.delay_ms for tick in late) < 60


def test_a_tick_that_is_a_little_late_is_caught_up_gently() -> None:
    run = Run(oversleeps=lambda n: 0.07 if n % 50 == 49 else 0.0).speak(500)
    assert run.playout.stats.skipped == 0
    assert run.playout.stats.missed == 0
    assert min(run.gaps()) >= 0.02 - 1e-6


def test_one_late_tick_near_the_bound_costs_one_block_and_not_the_delay() -> None:
    """The frames need all the delay there is; a schedule that gave way would miss every one from then on."""
    run = Run(max_delay_ms=200, takes=lambda k: 0.140, oversleeps=lambda n: 0.03 if n == 200 else 0.0).speak(400)
    stats = run.playout.stats
    assert stats.skips == {Skip.BOUND: 1}
    assert [kind for kind in run.kinds(1003) if kind is not Kind.FRESH] == [Kind.HOLD]


def test_asked_too_early_it_sends_nothing() -> None:
    playout = Playout(hop=1, lookahead=0, max_delay_ms=200)
    playout.push_audio(Block(0, audio(0, 0.1)), 1.0)
    assert playout.due is not None
    assert playout.tick(playout.due - 0.005) is None
    assert playout.tick(playout.due) is not None
    assert playout.tick(playout.due - 0.03) is None


def test_blocks_that_do_not_rise_are_refused() -> None:
    playout = Playout(hop=1, lookahead=0, max_delay_ms=200)
    playout.push_audio(Block(5, audio(5, 0.1)), 1.0)
    with pytest.raises(ValueError, match="rise"):
        playout.push_audio(Block(5, audio(5, 0.1)), 1.04)
    with pytest.raises(ValueError, match="forward"):
        playout.seek(5)
    playout.seek(9)
    with pytest.raises(ValueError, match="moved"):
        playout.push_audio(Block(6, audio(6, 0.1)), 1.08)


def test_frames_nobody_asked_for_are_named() -> None:
    playout = Playout(hop=1, lookahead=0, max_delay_ms=200)
    frame = Frame(np.zeros((48, 32), np.uint8))
    playout.push_frames(0, [frame], 0.9)
    playout.push_audio(Block(0, audio(0, 0.1)), 1.0)
    playout.push_frames(0, [frame, frame], 1.001)
    playout.push_frames(0, [frame], 1.002)
    playout.push_frames(-5, [frame], 1.002)
    assert playout.stats.drops == {Drop.UNKNOWN: 2, Drop.DUPLICATE: 1, Drop.LATE: 1}


def test_the_deadline_of_a_window_is_when_its_first_block_is_sent() -> None:
    run = Run(4, 0, 400)
    run.speak(100)
    sent = {tick.k: time for time, tick in run.ticks}
    upcoming = run.playout.deadline(99)
    run.run_until(run.now + 1)
    sent = {tick.k: time for time, tick in run.ticks}
    assert sent[99] == pytest.approx(upcoming, abs=0.002)


@pytest.mark.parametrize("ppm", [-200, pytest.param(200, marks=pytest.mark.soak)])
def test_half_an_hour_on_a_audio_card_that_is_off_by_200_ppm(ppm: int) -> None:
    """0.36 s of drift, more than the whole bound: followed by the phase alone."""
    assert_drift_is_absorbed(ppm, hours=0.5)


@pytest.mark.soak
@pytest.mark.parametrize("ppm", [-200, 200])
def test_eight_hours_on_a_audio_card_that_is_off_by_200_ppm(ppm: int) -> None:
    assert_drift_is_absorbed(ppm, hours=8)


def assert_drift_is_absorbed(ppm: int, hours: float) -> None:
    rng = random.Random(ppm)
    run = Run(
        pace=1 + ppm * 1e-6,
        late=lambda k: rng.random() * 0.003,
        takes=lambda k: 0.008 + rng.random() * 0.003,
        keep_ticks=False,
    )
    for _ in range(round(hours * 3600 / 40)):
        run.speak(1000)
        _, last = run.recent[-1]
        assert last.kind is Kind.FRESH
        assert last.delay_ms <= 62
    stats = run.playout.stats
    assert stats.skipped == 0
    assert stats.repeated <= hours * 30
    run.check_totals()


def test_the_delay_is_no_less_than_what_frames_of_all_sessions_take() -> None:
    run = Run(hop=4, lookahead=1, max_delay_ms=600, takes=lambda k: 0.05)
    run.speak(100)
    alone = run.playout.stats.delay_ms
    run.playout.expect_usual(0.15)
    run.speak(300)
    assert alone < 5 * 40 + 50 + 30
    assert 5 * 40 + 150 <= run.playout.stats.delay_ms < 5 * 40 + 150 + 30
