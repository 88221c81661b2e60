"""What a start-up, a hiccup and a slow or busy machine do to the delay, with one worker that makes a step at a time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from core.playout.playout_run import Run
from livehead.core.block import BLOCK_S
from livehead.core.playout.stats import Repeat, Skip
from livehead.core.playout.tick import Kind

STEP_S = 0.012
START = 1000.0
PRESETS = [(1, 0, 200), (2, 0, 400), (8, 1, 600), (24, 0, 1600)]

every_preset = pytest.mark.parametrize(("hop", "lookahead", "max_delay_ms"), PRESETS, ids=str)


class Worker:
    """A step begins when the one before is done. ``step(t)`` is what one takes that begins ``t`` seconds after the
    start."""

    def __init__(self, step: Callable[[float], float]) -> None:
        self.run: Run
        self._step = step
        self._free = 0.0

    def takes(self, k: int) -> float:
        begin = max(self.run.now, self._free)
        self._free = begin + self._step(begin - START)
        return self._free - self.run.now


def run(
    step: Callable[[float], float],
    seconds: float,
    preset: tuple[int, int, int] = PRESETS[0],
    level: Callable[[int], float] = lambda k: 0.0,
) -> Run:
    worker = Worker(step)
    worker.run = Run(*preset, takes=worker.takes, level=level)
    return worker.run.speak(round(seconds / BLOCK_S))


def once(at: float, lasts: float) -> Callable[[float], float]:
    """One step that begins after ``at`` takes ``lasts``; all others are quick."""
    done = False

    def step(t: float) -> float:
        nonlocal done
        if t < at or done:
            return STEP_S
        done = True
        return lasts

    return step


def delay_ms(run: Run, since: float, until: float = 1e9) -> float:
    """The largest delay between two times, seconds after the start."""
    return max(tick.delay_ms for time, tick in run.ticks if since <= time - START < until and tick.k is not None)


def repeats(run: Run, since: float) -> int:
    return sum(tick.kind is not Kind.FRESH for time, tick in run.ticks if time - START >= since)


def usual_ms(preset: tuple[int, int, int]) -> float:
    return (preset[0] + preset[1]) * 40 + STEP_S * 1000 + 8


@every_preset
@pytest.mark.parametrize("lasts", [0.1, 0.4, 1.0])
def test_a_slow_first_step_raises_no_delay_for_later(hop: int, lookahead: int, max_delay_ms: int, lasts: float) -> None:
    preset = (hop, lookahead, max_delay_ms)
    played = run(once(0, lasts), 14, preset)
    assert delay_ms(played, 5 + lasts + hop * 0.15) <= usual_ms(preset)
    assert repeats(played, 4 + lasts) == 0


@pytest.mark.parametrize("loud", [0.0, 0.3])
def test_a_machine_that_is_busy_while_a_session_starts_raises_no_delay_for_later(loud: float) -> None:
    """For a second and a half every third step is slow: encoders open, keys are made, the engine warms up."""
    played = run(lambda t: 0.09 if t < 1.5 and int(t / 0.12) % 3 == 0 else STEP_S, 14, level=lambda k: loud)
    assert delay_ms(played, 0, 2) > usual_ms(PRESETS[0]) + 30, "it is slow at first"
    assert delay_ms(played, 5 if loud == 0 else 7.5) <= usual_ms(PRESETS[0])
    assert repeats(played, 2) == 0


@every_preset
@pytest.mark.parametrize("lasts", [0.07, 0.12, 0.15])
def test_one_hiccup_is_forgotten_within_two_seconds(hop: int, lookahead: int, max_delay_ms: int, lasts: float) -> None:
    preset = (hop, lookahead, max_delay_ms)
    played = run(once(8, lasts), 20, preset)
    usual, late = usual_ms(preset), 8 + hop * BLOCK_S + lasts
    assert delay_ms(played, 4, 8) <= usual
    assert delay_ms(played, 8, 10 + hop * BLOCK_S) <= usual + lasts * 1000
    assert delay_ms(played, late + 2.9 + 0.3) <= usual + 39, "the blocks are skipped at once in silence"
    assert delay_ms(played, late + 2.9 + 0.3 + 1.6) <= usual, "the rest is a shift of the phase"
    stats = played.playout.stats
    assert set(stats.skips) <= {Skip.SHRINK}
    assert stats.skipped <= lasts / BLOCK_S
    assert repeats(played, 8) <= 2 * (lasts // BLOCK_S + 1) + hop
    assert repeats(played, late + 0.5 + hop * BLOCK_S) == 0


def test_one_hiccup_in_speech_is_forgotten_in_its_pauses() -> None:
    quiet = lambda k: 0.0 if k % 40 < 6 else 0.3  # noqa: E731 - a pause of 240 ms every 1.6 s
    played = run(once(8, 0.15), 20, level=quiet)
    assert delay_ms(played, 8.5, 10) > usual_ms(PRESETS[0]) + 60
    assert delay_ms(played, 14) <= usual_ms(PRESETS[0]) + 39
    assert delay_ms(played, 16) <= usual_ms(PRESETS[0])
    sent = {tick.k for _, tick in played.ticks}
    skipped = [k for k in range(200, 400) if k not in sent]
    assert len(skipped) in (2, 3)


def test_one_hiccup_is_forgotten_even_when_nobody_is_ever_quiet() -> None:
    played = run(once(8, 0.15), 20, level=lambda k: 0.3)
    assert delay_ms(played, 13.5) <= usual_ms(PRESETS[0]) + 39


@every_preset
def test_a_slow_machine_costs_what_it_takes_and_repeats_nothing(hop: int, lookahead: int, max_delay_ms: int) -> None:
    """Three times the usual."""
    played = run(lambda t: 3 * STEP_S, 40, (hop, lookahead, max_delay_ms))
    wait = (hop + lookahead) * 40 + 3 * STEP_S * 1000
    assert repeats(played, 4) == 0
    assert wait <= delay_ms(played, 10) <= wait + 10
    assert played.playout.stats.skipped == 0


@pytest.mark.parametrize("every", [0.3, 0.7, 1.5, 3.0, 4.5])
def test_a_machine_that_is_slow_again_and_again_keeps_its_delay_and_does_not_oscillate(every: float) -> None:
    turn = 0

    def step(t: float) -> float:
        nonlocal turn
        if t < (turn + 1) * every:
            return STEP_S
        turn += 1
        return 0.08

    played = run(step, 60)
    stats = played.playout.stats
    assert repeats(played, 2 * every + 3) == 0
    assert stats.skipped <= 2
    assert delay_ms(played, 30) >= 40 + 80


@pytest.mark.parametrize("seed", range(8))
def test_a_jittery_machine_repeats_next_to_nothing_once_it_is_known(seed: int) -> None:
    dice = random.Random(seed)
    played = run(lambda t: dice.uniform(0.008, 0.036) + (0.03 if dice.random() < 0.04 else 0), 60)
    stats = played.playout.stats
    assert repeats(played, 10) <= 15
    assert stats.skipped <= 8
    assert stats.repeats.get(Repeat.GROWTH, 0) <= stats.skipped + 5


@pytest.mark.parametrize("seed", range(8))
def test_rare_hiccups_cost_no_more_than_they_would_anyway(seed: int) -> None:
    """Every 20 s, say. A delay that comes down is not paid for with more repeats than there are hiccups."""
    dice = random.Random(seed)
    hiccups = 0

    def step(t: float) -> float:
        nonlocal hiccups
        if t > 3 and dice.random() < 0.002:
            hiccups += 1
            return dice.uniform(0.05, 0.14)
        return STEP_S

    played = run(step, 300)
    stats = played.playout.stats
    assert hiccups > 5
    assert stats.repeated <= 5 * hiccups + 5
    assert stats.skipped <= 3 * hiccups
    delays = sorted(tick.delay_ms for _, tick in played.ticks if tick.k is not None)
    assert delays[len(delays) // 2] <= usual_ms(PRESETS[0]), "most of the time it is as short as ever"
