"""Moves between presets, on a simulated clock: what is heard and seen of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from core.playout.playout_run import Run
from livehead.core.block import BLOCK_S
from livehead.core.playout.stats import Drop, Repeat, Skip
from livehead.core.playout.tick import Kind
from livehead.engine.base import Preset
from livehead.sessions.preset_move import CLIENT_PATIENCE_S, SERVER_PATIENCE_S, PresetMove

LOW, BALANCED, THROUGHPUT = Preset(4, 1, 600), Preset(8, 1, 900), Preset(24, 0, 1600)
PRESETS = [LOW, BALANCED, THROUGHPUT, Preset(1, 0, 200), Preset(1, 0, 400), Preset(2, 0, 600)]

PAUSE = 10
"""Quiet blocks after which nobody speaks."""

TWO_TICKS_S = 2 * BLOCK_S + 0.004
"""The phase of a tick may move by a millisecond."""


class Moving(Run):
    """A run whose preset is moved. ``loud(k)`` says which blocks are heard."""

    def __init__(
        self,
        preset: Preset,
        loud: Callable[[int], bool] = lambda k: True,
        takes: Callable[[int], float] = lambda k: 0.05,
    ) -> None:
        super().__init__(
            preset.hop,
            preset.lookahead,
            preset.max_delay_ms,
            takes=takes,
            level=lambda k: 0.3 if loud(k) else 0.0,
        )
        self.loud = loud
        self.taken: list[tuple[float, Preset]] = []
        self.told: list[Preset] = []
        self.move = PresetMove(preset, self.playout, self._take_preset)

    def want(self, preset: Preset, *, by_client: bool = False) -> None:
        self.bound = max(self.bound, preset.max_delay_ms / 1000)
        self.move.want(preset, self.now, by_client=by_client, on_taken=lambda: self.told.append(preset))
        self.prepares = self.move.under_way
        self.step()

    def step(self) -> None:
        if self.move.under_way:
            speaking = any(self.loud(k) for k in range(max(0, self.next_k - PAUSE), self.next_k))
            self.move.step(self.now, speaking=speaking, restarts=False, generate_ms=0.0)

    def push(self, k: int) -> None:
        super().push(k)
        self.step()

    def _take_preset(self, preset: Preset, now: float) -> None:
        self.taken.append((now, preset))
        self.windows.set_hop(preset.hop, preset.lookahead)
        self.prepares = False
        self._preset_bound = preset.max_delay_ms / 1000

    def seconds(self, seconds: float) -> Moving:
        self.speak(round(seconds / BLOCK_S))
        return self

    def unsent(self) -> list[int]:
        """Blocks that were never sent, though later ones were."""
        sent = [tick.k for _, tick in self.ticks if tick.k is not None]
        return [k for a, b in pairwise(sent) for k in range(a + 1, b)]

    def longest_picture_s(self, since: float) -> float:
        """The longest time between two new pictures."""
        shown = [at for at, tick in self.ticks if tick.kind is Kind.FRESH and at >= since]
        return max(b - a for a, b in pairwise(shown))

    def delay_ms(self) -> float:
        return next(tick.delay_ms for _, tick in reversed(self.ticks) if tick.k is not None)


def settled(preset: Preset, loud: Callable[[int], bool] = lambda k: True) -> Moving:
    """It has been so for a while."""
    return Moving(preset, loud).seconds(4)


def test_a_move_to_a_longer_delay_loses_nothing_and_holds_no_picture() -> None:
    run = settled(BALANCED)
    asked = run.now
    run.want(THROUGHPUT)
    run.seconds(12)
    (at, taken), *others = run.taken
    assert taken == THROUGHPUT
    assert others == []
    assert SERVER_PATIENCE_S <= at - asked < SERVER_PATIENCE_S + 4, "nobody was silent for a moment"
    assert run.unsent() == []
    assert run.longest_picture_s(asked - 1) <= TWO_TICKS_S
    assert run.delay_ms() == pytest.approx(24 * 40 + 50, abs=25)
    assert set(run.playout.stats.repeats) <= {Repeat.MOVE, Repeat.NO_FRAME, Repeat.GROWTH}
    moved = [tick for at, tick in run.ticks if at >= asked]
    assert {tick.kind for tick in moved} == {Kind.FRESH, Kind.HOLD}
    held = [index for index, tick in enumerate(moved) if tick.kind is Kind.HOLD]
    assert min(b - a for a, b in pairwise(held)) >= 5, "not in every word"


def test_in_silence_the_delay_grows_fast() -> None:
    run = settled(BALANCED, lambda k: k < 90)
    asked = run.now
    run.want(THROUGHPUT)
    run.seconds(6)
    (at, _), *_ = run.taken
    assert at - asked < 1.5
    assert run.unsent() == []
    assert run.longest_picture_s(asked) <= TWO_TICKS_S


def test_it_waits_for_a_pause_and_makes_use_of_it() -> None:
    pause = range(160, 200)
    run = settled(LOW, lambda k: k not in pause)
    asked = run.now
    run.want(BALANCED)
    run.seconds(10)
    (at, _), *_ = run.taken
    assert at - asked < 3.5
    held = [run.ticks[i + 1][1].k for i, (time, tick) in enumerate(run.ticks[:-1]) if tick.k is None and time > asked]
    assert held
    assert run.unsent() == []
    assert run.longest_picture_s(asked) <= TWO_TICKS_S


def test_a_client_that_chose_it_does_not_wait_long() -> None:
    run = settled(BALANCED)
    asked = run.now
    run.want(THROUGHPUT, by_client=True)
    run.seconds(8)
    (at, _), *_ = run.taken
    assert CLIENT_PATIENCE_S <= at - asked < 5
    assert run.longest_picture_s(asked) <= TWO_TICKS_S


def test_a_move_to_a_shorter_delay_takes_windows_at_once_and_skips_what_is_quiet() -> None:
    quiet = lambda k: k % 50 < 12  # noqa: E731 - a pause every two seconds
    run = settled(THROUGHPUT, lambda k: not quiet(k))
    asked = run.now
    run.want(LOW)
    assert run.taken == [(asked, LOW)]
    run.seconds(30)
    assert run.unsent()
    assert all(quiet(k) for k in run.unsent())
    assert run.delay_ms() < 5 * 40 + 50 + 25
    assert run.longest_picture_s(asked) <= TWO_TICKS_S
    assert run.playout.stats.max_delay_ms == 600


def test_who_never_pauses_keeps_the_delay_and_every_block() -> None:
    run = settled(THROUGHPUT)
    run.want(LOW)
    run.seconds(60)
    assert run.unsent() == []
    assert run.delay_ms() > 1000
    assert run.playout.moving


def test_but_not_if_the_client_chose_it() -> None:
    run = settled(THROUGHPUT)
    run.want(LOW, by_client=True)
    run.seconds(10)
    assert run.delay_ms() < 5 * 40 + 50 + 25
    skipped = run.unsent()
    assert min(b - a for a, b in pairwise(skipped)) >= 5


def test_noise_without_speech_may_be_skipped() -> None:
    run = settled(THROUGHPUT)
    run.silent = True
    run.want(LOW)
    run.seconds(6)
    assert run.delay_ms() < 5 * 40 + 50 + 25


def test_a_move_that_is_taken_back_is_forgotten() -> None:
    run = settled(BALANCED, lambda k: k < 225)
    run.want(THROUGHPUT)
    run.seconds(5)
    assert run.delay_ms() > 9 * 40 + 50 + 100
    run.want(BALANCED)
    assert run.told == [BALANCED]
    run.seconds(8)
    assert run.taken == []
    assert run.delay_ms() < 9 * 40 + 50 + 25
    assert run.playout.stats.max_delay_ms == 900


def test_an_engine_that_is_overloaded_does_not_stop_it() -> None:
    """The windows of a short hop come ever later: the delay grows all the same, and those of a long one are in time."""
    run = Moving(LOW, takes=lambda k: 0.05).seconds(4)
    late = random.Random(3)
    run.takes = lambda k: 0.05 if run.move.preset == THROUGHPUT else late.uniform(0.5, 2.0)
    run.seconds(1)
    asked = run.now
    run.want(THROUGHPUT)
    run.seconds(14)
    (at, _), *_ = run.taken
    assert at - asked < 3, "there is no use in waiting for silence"
    assert run.unsent() == []
    assert set(run.kinds(run.now - 3)) == {Kind.FRESH}


def test_an_engine_that_is_gone_does_not_stop_it() -> None:
    run = settled(LOW)
    run.takes = lambda k: None
    run.want(THROUGHPUT)
    run.seconds(9)
    assert run.move.preset == THROUGHPUT
    assert run.unsent() == []


def test_where_windows_restart_the_timeline_nothing_has_to_grow() -> None:
    run = settled(LOW)
    run.move.want(THROUGHPUT, run.now, by_client=False, on_taken=lambda: None)
    run.move.step(run.now, speaking=True, restarts=True, generate_ms=0.0)
    assert run.move.preset == THROUGHPUT


def test_before_anything_was_sent_it_is_taken_at_once() -> None:
    run = Moving(LOW)
    run.want(THROUGHPUT)
    assert run.move.preset == THROUGHPUT
    assert run.playout.stats.max_delay_ms == 1600


def test_before_a_picture_was_shown_it_is_taken_at_once() -> None:
    run = Moving(LOW, takes=lambda k: None).seconds(1)
    assert run.playout.sent_k is not None
    run.want(THROUGHPUT)
    assert run.move.preset == THROUGHPUT


acts = st.lists(
    st.tuples(st.sampled_from(PRESETS), st.booleans(), st.floats(0.0, 6.0)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    begin=st.sampled_from(PRESETS),
    takes=st.floats(0.002, 0.06),
    phrases=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    script=acts,
)
def test_whatever_is_wanted_and_when_frames_in_time_are_shown_in_time(
    seed: int, begin: Preset, takes: float, phrases: float, script: list[tuple[Preset, bool, float]]
) -> None:
    """With frames in time no picture stays for more than two ticks, no sound is lost but what is quiet, or the client
    gave up, and sound and picture are the same block's. :class:`Run` checks bounds and order at every tick."""
    loud = [random.Random(seed * 1009 + phrase).random() < phrases for phrase in range(400)]
    run = Moving(begin, lambda k: loud[k // 15 % 400], lambda k: takes).seconds(4)
    asked = run.now
    run.move.step(run.now, speaking=False, restarts=False, generate_ms=takes * 1000)
    clients = any(by_client for _, by_client, _ in script)
    for preset, by_client, seconds in script:
        run.want(preset, by_client=by_client)
        run.seconds(seconds)
    run.seconds(8)
    assert not run.move.under_way
    assert run.move.preset == script[-1][0]
    assert run.told[-1] == script[-1][0]
    moved = [tick for at, tick in run.ticks if at >= asked]
    assert {tick.kind for tick in moved} <= {Kind.FRESH, Kind.HOLD}
    assert all(tick.frame_k == tick.k for tick in moved if tick.k is not None)
    assert run.longest_picture_s(asked) <= TWO_TICKS_S
    assert clients or not any(run.loud(k) for k in run.unsent())
    stats = run.playout.stats
    assert set(stats.skips) <= {Skip.SHRINK}
    assert set(stats.drops) <= {Drop.SKIPPED, Drop.LATE}
    assert run.playout.stats.max_delay_ms >= run.move.preset.max_delay_ms
    event(f"{len(run.taken)} taken")
    run.check_totals()
