"""The playout under random arrival, loss, lateness, overload, discontinuities and interrupts.

The invariants stand in :class:`core.playout.playout_run.Run`, which checks them at every tick.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import event, given, settings
from hypothesis import strategies as st

from core.playout.playout_run import Run, held
from livehead.core.playout.stats import Repeat, Skip
from livehead.core.playout.tick import Kind


@dataclass(frozen=True)
class Conditions:
    """How rough a stretch of a session is. Times in seconds, shares of 1."""

    audio_jitter: float
    audio_burst: float  # share of blocks that are held up
    burst_s: float
    generate: float
    generate_jitter: float
    lost: float  # share of windows that never come back
    stuck: float  # share of windows that take very long
    oversleep: float
    stall: float  # share of ticks that are asked for very late
    loud: float


calm = Conditions(0.004, 0.0, 0.0, 0.010, 0.004, 0.0, 0.0, 0.002, 0.0, 0.5)

any_conditions = st.builds(
    Conditions,
    audio_jitter=st.sampled_from([0.0, 0.003, 0.02, 0.06]),
    audio_burst=st.sampled_from([0.0, 0.0, 0.01, 0.2]),
    burst_s=st.floats(0.02, 3.0),
    generate=st.floats(0.0, 0.3),
    generate_jitter=st.sampled_from([0.0, 0.005, 0.05, 0.3]),
    lost=st.sampled_from([0.0, 0.0, 0.05, 1.0]),
    stuck=st.sampled_from([0.0, 0.0, 0.05]),
    oversleep=st.sampled_from([0.0, 0.002, 0.03]),
    stall=st.sampled_from([0.0, 0.0, 0.02]),
    loud=st.sampled_from([0.0, 0.5, 1.0]),
)

presets = st.tuples(st.sampled_from([1, 1, 2, 4, 8]), st.integers(0, 3)).flatmap(
    lambda shape: st.tuples(
        st.just(shape[0]), st.just(shape[1]), st.integers(10, 600).map(lambda room: sum(shape) * 40 + room)
    )
)

acts = st.one_of(
    st.tuples(st.just("speak"), st.integers(1, 120), any_conditions),
    st.tuples(st.just("speak"), st.integers(1, 120), any_conditions),
    st.tuples(st.just("pause"), st.floats(0.0, 4.0)),
    st.tuples(st.just("seek"), st.sampled_from([0, 1, 7, 1 << 20])),
    st.tuples(st.just("interrupt")),
    st.tuples(st.just("preset"), presets, st.booleans()),
    st.tuples(st.just("prepare"), presets),
    st.tuples(st.just("unprepare")),
    st.tuples(st.just("strange frames"), st.integers(-50, 50), st.integers(1, 9)),
)


class Simulation:
    """Draws a run's lateness from a seed, under the conditions of the moment."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.conditions = calm

    def late(self, k: int) -> float:
        conditions = self.conditions
        held_up = conditions.burst_s if self.dice.random() < conditions.audio_burst else 0.0
        return self.dice.random() * conditions.audio_jitter + held_up

    def takes(self, k: int) -> float | None:
        conditions = self.conditions
        if self.dice.random() < conditions.lost:
            return None
        stuck = 2.0 if self.dice.random() < conditions.stuck else 0.0
        return conditions.generate + self.dice.random() * conditions.generate_jitter + stuck

    def oversleeps(self, n: int) -> float:
        conditions = self.conditions
        stall = 0.8 * self.dice.random() if self.dice.random() < conditions.stall else 0.0
        return self.dice.random() * conditions.oversleep + stall

    def level(self, k: int) -> float:
        # the same for each k, whenever it is asked
        return 0.3 if random.Random(k).random() < self.loud else 0.0

    loud = 0.5

    def run(self, hop: int, lookahead: int, max_delay_ms: int) -> Run:
        return Run(
            hop, lookahead, max_delay_ms, late=self.late, takes=self.takes, oversleeps=self.oversleeps, level=self.level
        )


def play(run: Run, simulation: Simulation, script: list[tuple]) -> None:
    for act in script:
        match act:
            case ("speak", blocks, conditions):
                simulation.conditions = conditions
                run.speak(blocks)
            case ("pause", seconds):
                run.pause(seconds)
            case ("seek", blocks):
                run.seek(blocks)
            case ("interrupt",):
                run.interrupt()
            case ("preset", (hop, lookahead, max_delay_ms), quiet_only):
                run.set_preset(hop, lookahead, max_delay_ms, quiet_only=quiet_only)
            case ("prepare", (hop, lookahead, max_delay_ms)):
                run.prepare(hop, lookahead, max_delay_ms)
            case ("unprepare",):
                run.unprepare()
            case ("strange frames", offset, count):
                run.give(run.next_k + offset, count)
        run.check_totals()


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    preset=presets,
    loud=st.sampled_from([0.0, 0.5, 1.0]),
    script=st.lists(acts, max_size=12),
)
def test_whatever_happens_the_invariants_hold(
    seed: int, preset: tuple[int, int, int], loud: float, script: list[tuple]
) -> None:
    simulation = Simulation(seed)
    simulation.loud = loud
    run = simulation.run(*preset)
    play(run, simulation, script)
    simulation.conditions = calm
    run.drain()
    for reason in (*run.playout.stats.repeats, *run.playout.stats.skips, *run.playout.stats.drops):
        event(f"{type(reason).__name__} {reason}")
    assert held(run.playout) < 3000


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), preset=presets, script=st.lists(acts, max_size=6))
def test_after_any_trouble_the_session_is_as_good_as_new(
    seed: int, preset: tuple[int, int, int], script: list[tuple]
) -> None:
    """15 s of calm later every frame is fresh and the delay is near the least that is possible."""
    simulation = Simulation(seed)
    run = simulation.run(*preset)
    play(run, simulation, script)
    hop, lookahead, max_delay_ms = 2, 1, 120 + 120
    run.set_preset(hop, lookahead, max_delay_ms)
    simulation.conditions = calm
    run.speak(40 * 25)
    last = [tick for _, tick in run.ticks[-100:]]
    assert {tick.kind for tick in last} == {Kind.FRESH}
    assert max(tick.delay_ms for tick in last) < 120 + 10 + 4 + 4 + 12


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), conditions=any_conditions, loud=st.sampled_from([0.0, 0.5]))
def test_audio_is_never_held_up_by_frames(seed: int, conditions: Conditions, loud: float) -> None:
    """Whatever the engine does, audio that comes in time is sent: a block can only be skipped to
    shrink a delay that had grown, and silence is only put in where the delay grows."""
    simulation = Simulation(seed)
    simulation.loud = loud
    simulation.conditions = Conditions(
        0.003,
        0.0,
        0.0,
        conditions.generate,
        conditions.generate_jitter,
        conditions.lost,
        conditions.stuck,
        0.002,
        0.0,
        0.5,
    )
    run = simulation.run(1, 0, 400).speak(600)
    stats = run.playout.stats
    run.run_until(run.now + 1)
    assert set(stats.skips) <= {Skip.SHRINK}
    assert set(stats.repeats) <= {Repeat.NO_FRAME, Repeat.GROWTH}
    assert stats.repeats.get(Repeat.GROWTH, 0) <= 9 + stats.skips.get(Skip.SHRINK, 0)
    assert run.sent + stats.skipped == 600


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    script=st.lists(st.tuples(st.just("speak"), st.integers(20, 200), any_conditions), min_size=1, max_size=4),
)
def test_ticks_come_25_times_a_second(seed: int, script: list[tuple]) -> None:
    simulation = Simulation(seed)
    run = simulation.run(1, 0, 300)
    for name, blocks, conditions in script:
        smooth = Conditions(**{**vars_of(conditions), "oversleep": 0.002, "stall": 0.0})
        play(run, simulation, [(name, blocks, smooth)])
    times = [time for time, _ in run.ticks]
    for first in range(0, len(times) - 25, 5):
        # growth by a part of a block makes one gap up to 60 ms or down to 20 ms; slewing moves 1 ms a tick
        assert 0.85 < times[first + 25] - times[first] < 1.15
    # Never too few. Where audio comes too late silence is sent meanwhile, and the delay may grow by less than that:
    # such ticks run ahead of the clock. A phase that is moved by a millisecond a tick does so too.
    ahead = len(times) - 1 - (times[-1] - times[0]) / 0.04
    late = any(conditions.audio_burst for _, _, conditions in script)
    assert -2.5 - 0.005 * len(times) < ahead < 2.5 + (0.045 if late else 0.005) * len(times)


def vars_of(conditions: Conditions) -> dict[str, float]:
    return {name: getattr(conditions, name) for name in conditions.__dataclass_fields__}


def test_memory_stays_where_it_is_over_a_long_rough_session() -> None:
    simulation = Simulation(11)
    simulation.conditions = Conditions(0.02, 0.01, 1.0, 0.03, 0.05, 0.05, 0.02, 0.01, 0.005, 0.5)
    run = simulation.run(2, 1, 400)
    run.keep_ticks = False
    sizes = []
    for turn in range(20):
        run.speak(500)
        if turn % 5 == 4:
            run.interrupt()
            run.seek(3)
        sizes.append(held(run.playout))
    assert max(sizes[10:]) <= max(sizes[:10]) * 1.2
    assert max(sizes) < 2500
