"""Capacity that follows a machine, on a simulated clock."""

import random

import pytest

from livehead.core.block import BLOCK_S
from livehead.engine.base import Preset
from livehead.engine.capacity.model import StepTime
from livehead.engine.capacity.profile import Profile
from livehead.engine.capacity.tracker import CapacityTracker

CPU = {"low": Preset(1, 0, 200), "throughput": Preset(2, 0, 600)}
GPU = {"low": Preset(4, 1, 600), "throughput": Preset(24, 0, 1600)}


def on_cpu(frame_ms: float) -> Profile:
    steps = {name: [StepTime(1, it.hop * frame_ms / 1000, it.hop * frame_ms / 900)] for name, it in CPU.items()}
    return Profile(CPU, steps, cores=2.0, on_cpu=True)


def on_gpu() -> Profile:
    times = [StepTime(1, 0.046, 0.047), StepTime(4, 0.164, 0.166)]
    return Profile(GPU, dict.fromkeys(GPU, times), cores=64.0, on_cpu=False)


class Machine:
    """``streams`` streams at ``hop``, each step with ``batch`` of them taking what is asked for."""

    def __init__(self, profile: Profile, *, hop: int = 1, batch: int = 1, streams: int = 4, seed: int = 1) -> None:
        self.tracker = CapacityTracker(profile)
        self.hop, self.batch, self.streams = hop, batch, streams
        self.now = 0.0
        self.changes: list[tuple[float, int]] = []
        self._chance = random.Random(seed)

    @property
    def room(self) -> int:
        return self.tracker.capacity.streams["low"]

    def serve(self, seconds: float, step_ms: float, spread: float = 0.1) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += self.hop * BLOCK_S * self.batch / self.streams
            taken = step_ms / 1000 * self._chance.uniform(1 - spread, 1 + spread)
            for _ in range(self.batch):
                if self.tracker.observe(self.batch, self.hop, taken, self.now):
                    self.changes.append((self.now, self.room))


def test_as_measured_while_steps_are():
    machine = Machine(on_cpu(8.0))
    assert machine.room == 4
    machine.serve(600, 8.0, spread=0.15)
    assert machine.room == 4
    assert not machine.changes


def test_a_machine_that_becomes_slow_takes_no_more_within_seconds():
    machine = Machine(on_cpu(2.6))
    assert machine.room == 4
    machine.serve(60, 2.6)
    machine.serve(60, 7.5)
    assert machine.room == 4  # this much was kept in reserve
    machine.serve(6.5, 15.0)
    assert machine.room == 2
    assert len(machine.changes) == 1


def test_a_device_without_a_reserve_shrinks_before_one_too_many_is_let_in():
    machine = Machine(on_gpu(), hop=24, batch=4, streams=8)
    before = machine.tracker.capacity.streams["throughput"]
    machine.serve(60, 164.0)
    assert machine.tracker.capacity.streams["throughput"] == before
    machine.serve(10, 3 * 164.0)
    assert machine.tracker.capacity.streams["throughput"] <= before / 3 + 1
    assert machine.room == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_hiccup_changes_nothing(seed):
    machine = Machine(on_cpu(8.0), seed=seed)
    for _ in range(20):
        machine.serve(20, 8.0)
        machine.serve(1.9, 40.0)
    assert not machine.changes


def test_it_grows_again_when_the_slow_hour_is_surely_over():
    machine = Machine(on_cpu(8.0))
    machine.serve(20, 8.0)
    machine.serve(30, 16.0)
    shrunk = machine.room
    assert shrunk == 2
    machine.serve(40, 8.0)  # fast minutes of a slow hour
    assert machine.room == shrunk
    machine.serve(10, 16.0)
    machine.serve(40, 8.0)
    assert machine.room == shrunk
    machine.serve(40, 8.0)
    assert machine.room == 4
    assert [room for _, room in machine.changes] == [2, 4]


def test_a_machine_that_was_measured_in_a_bad_moment_grows_too():
    machine = Machine(on_cpu(16.0))
    assert machine.room == 2
    machine.serve(50, 8.0)
    assert machine.room == 2
    machine.serve(60, 8.0)
    assert machine.room == 4


def test_without_steps_everything_stays():
    machine = Machine(on_cpu(8.0))
    machine.serve(20, 16.0)
    machine.now += 3600
    assert machine.room == 2
    machine.serve(10, 8.0)
    assert machine.room == 2


def test_steps_that_were_not_measured_say_nothing():
    machine = Machine(on_cpu(8.0), hop=3)
    machine.serve(60, 500.0)
    assert not machine.changes


def test_never_fewer_than_one():
    machine = Machine(on_cpu(8.0))
    machine.serve(60, 5000.0)
    assert machine.room == 1
