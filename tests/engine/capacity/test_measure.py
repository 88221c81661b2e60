import time
from dataclasses import replace

import pytest

import fakes
from livehead.cores import usable_cores
from livehead.engine.capacity.measure import measure, measure_profile


def test_steps_are_timed_at_every_preset_and_batch():
    found, _ = measure(fakes.create(step_seconds=0.004, item_seconds=0.002, max_batch=4), fakes.portrait(1), 5.0)
    assert set(found) == {"low", "balanced", "throughput"}
    for steps in found.values():
        assert [step.batch for step in steps] == [1, 2, 4]
        for step in steps:
            assert 0.004 + 0.002 * step.batch <= step.p50 <= step.p95


def test_only_the_batches_that_others_are_made_of_are_timed():
    class Recorded(fakes.FakeGenerator):
        info = property(lambda self: replace(super().info, batches=(1, 4)))

    found, _ = measure(Recorded(max_batch=4), fakes.portrait(1), 1.0)
    assert [step.batch for step in found["throughput"]] == [1, 4]


def test_what_cannot_be_in_time_is_not_tried_larger():
    found, _ = measure(fakes.create(step_seconds=0.05), fakes.portrait(1), 5.0)
    assert [step.batch for step in found["low"]] == [1]  # 50 ms for 40
    assert [step.batch for step in found["throughput"]] == [1, 2, 4]


def test_a_generator_far_from_real_time_is_not_measured_for_long():
    class Counted(fakes.FakeGenerator):
        steps = 0

        def step(self, *given, **named):
            Counted.steps += 1
            return super().step(*given, **named)

    found, _ = measure(Counted(step_seconds=0.7), fakes.portrait(1), 1.0)
    assert Counted.steps <= 5
    assert [len(found[preset]) for preset in ("low", "balanced", "throughput")] == [1, 0, 0]


def test_one_that_fails_holds_one_session_and_what_it_can():
    class Small(fakes.FakeGenerator):
        def open(self, portrait, seed):
            if seed > 1:
                raise MemoryError("out of device memory")
            return super().open(portrait, seed)

    found, _ = measure(Small(max_batch=8, step_seconds=0.002), fakes.portrait(1), 5.0)
    assert [step.batch for step in found["low"]] == [1, 2]
    faceless = measure_profile(fakes.create(), fakes.portrait(0)).capacity()
    assert faceless.streams == {"low": 1, "balanced": 1, "throughput": 1}


def test_streams_that_were_measured_are_closed():
    closed = []

    class Watched(fakes.FakeGenerator):
        def close(self, stream):
            closed.append(stream)

    measure(Watched(max_batch=4), fakes.portrait(1), 1.0)
    assert len({id(stream) for stream in closed}) == 4


def test_there_is_a_core():
    assert usable_cores() > 0


@pytest.mark.parametrize("item_seconds", [0.008, 0.020])
def test_capacity_follows_the_generator(item_seconds):
    held = measure_profile(fakes.create(max_batch=1, item_seconds=item_seconds), fakes.portrait(1)).capacity()
    assert held.streams["low"] <= 0.9 * 0.040 / item_seconds
    assert held.streams["low"] >= 0.5 * 0.040 / item_seconds - 1


class Silenced(fakes.FakeGenerator):
    """Draws silence for nothing."""

    def step(self, work, pixel_format="yuv420p"):
        if any(item.pcm.any() for item in work):
            time.sleep(0.004)
        return super().step(work, pixel_format)


def test_silence_is_timed_where_it_may_take_less_than_speech():
    _, silence = measure(Silenced(max_batch=1, device="cpu", silence_hop=4), fakes.portrait(1), 0.5)
    assert silence is not None
    assert silence.hop == 4
    assert silence.steps[0].p50 < 0.004
    steps, silence = measure(
        Silenced(max_batch=1, silence_hop=4), fakes.portrait(1), 0.5
    )  # throughput looks ahead, so it is another
    assert silence is not None
    assert silence.steps != steps["throughput"]
    assert measure(fakes.create(max_batch=1), fakes.portrait(1), 0.2)[1] is None


def test_on_a_device_silence_is_what_a_preset_of_the_same_windows_takes():
    steps, silence = measure(Silenced(max_batch=1, silence_hop=2), fakes.portrait(1), 0.5)  # balanced's
    assert silence is not None
    assert silence.steps is steps["balanced"]
