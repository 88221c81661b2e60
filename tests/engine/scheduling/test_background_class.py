"""Work behind live streams: these lose nothing by it, and it gets done wherever there is room."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from background_simulation import Render, simulate_both
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Job, Session
from steptables import LITE_FASTER, LITE_RECORDED, PREVIEW, Device

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.background import BackgroundScheduler
from livehead.engine.scheduling.forecast import FIRST_S, QUIET_S, RESERVE_S, Forecast
from livehead.engine.scheduling.step_times import StepTimes

STEP_S = 0.01


def informed(max_batch: int = 1, **steps: float) -> tuple[Forecast, BackgroundScheduler[Job]]:
    """Schedulers that know what a live step takes, 10 ms unless told otherwise."""
    times = StepTimes()
    times.observe(1, 1, steps.get("live", STEP_S), 0.0)
    forecast = Forecast(times, max_batch=max_batch, mixed_hops=True)
    behind = BackgroundScheduler[Job](times, forecast, max_batch=max_batch, backlog=4, mixed_hops=True)
    return forecast, behind


def live(forecast: Forecast, stream: int, at: float, slack: float, hop: int = 1) -> None:
    forecast.submitted(Job(stream, 0, hop, at + slack), at)


def test_without_live_streams_nothing_waits() -> None:
    _, behind = informed()
    for stream in (1, 2):
        for k in range(2):
            behind.add(Job(stream, k, 1, 1e9))
    served = [(job.stream, job.k) for _ in range(4) for job in behind.next(0.0)]
    assert served == [(1, 0), (2, 0), (1, 1), (2, 1)]  # in turns
    assert behind.next(0.0) == []


def test_a_gap_that_is_long_enough_is_used_and_a_shorter_one_is_not() -> None:
    forecast, behind = informed()
    behind.add(Job(9, 0, 1, 1e9))
    live(forecast, 1, 0.0, slack=STEP_S + RESERVE_S)  # the next comes at 0.04, and can wait for nothing
    assert behind.next(0.035) == []
    assert behind.next(0.028) != []


def crowded(slack: float, streams: int) -> tuple[Forecast, BackgroundScheduler[Job]]:
    """A window that takes longer than any gap between the live ones: it came at 0.001, and now it is 0.125."""
    forecast, behind = informed()
    behind.observe([Job(9, 0, 1, 1e9)], 0.05, 0.0)
    behind.add(Job(9, 0, 1, 1e9))
    for stream in range(streams):
        live(forecast, stream, 0.001 * stream, slack)
    assert behind.next(0.003) == []  # there may be a longer gap
    for stream in range(streams):
        live(forecast, stream, 0.12 + 0.001 * stream, slack)
    return forecast, behind


def test_where_no_gap_is_long_enough_live_windows_wait_if_they_can() -> None:
    _, behind = crowded(slack=0.12, streams=1)
    assert behind.next(0.125) != []
    _, behind = crowded(slack=0.04, streams=1)
    assert behind.next(0.125) == []


def test_all_that_comes_after_the_delay_counts_too() -> None:
    """Three live streams close to one another: the first could wait, and then the third would be late."""
    forecast, behind = crowded(slack=0.06, streams=3)
    assert behind.next(0.125) == []
    forecast.forget(2)
    assert behind.next(0.125) != []


def test_a_live_stream_that_was_opened_is_waited_for_but_not_for_ever() -> None:
    forecast, behind = informed()
    behind.add(Job(9, 0, 1, 1e9))
    forecast.opened(1, 0.0)
    assert behind.next(0.1) == []
    assert behind.next(FIRST_S + 0.01) != []


def test_a_live_stream_that_fell_silent_is_not_waited_for() -> None:
    forecast, behind = informed()
    live(forecast, 1, 0.0, slack=STEP_S)
    behind.add(Job(9, 0, 1, 1e9))
    assert behind.next(0.04 + QUIET_S - 0.01) == []
    assert behind.next(0.04 + QUIET_S + 0.01) != []


def test_a_full_queue_drops_the_streams_own_oldest() -> None:
    _, behind = informed()
    assert [behind.add(Job(1, k, 1, 1e9)) for k in range(5)] == [None] * 4 + [Job(1, 0, 1, 1e9)]
    assert len(behind) == 4
    assert len(behind.forget(1)) == 4
    assert not behind.next(0.0)


def test_streams_of_a_failed_step_go_alone_until_they_do_well() -> None:
    _, behind = informed(max_batch=4)
    behind.isolate([1])
    for stream in (1, 2, 3):
        behind.add(Job(stream, 0, 1, 1e9))
    steps = [behind.next(0.0), behind.next(0.0)]
    assert [[job.stream for job in batch] for batch in steps] == [[1], [2, 3]]
    behind.observe(steps[0], 0.01, 0.0)
    for stream in (1, 2):
        behind.add(Job(stream, 1, 1, 1e9))
    assert len(behind.next(0.0)) == 2


def test_a_batch_shrinks_to_the_room_there_is() -> None:
    forecast, behind = informed(max_batch=4)
    for size, seconds in ((1, 0.01), (2, 0.015), (4, 0.025)):
        behind.observe([Job(stream, 0, 1, 1e9) for stream in range(size)], seconds, 0.0)
    live(forecast, 1, 0.0, slack=STEP_S + RESERVE_S)
    for stream in range(4):
        behind.add(Job(10 + stream, 0, 1, 1e9))
    assert len(behind.next(0.021)) == 2
    assert len(behind.next(0.041 + QUIET_S)) == 2


def steady(device: Device) -> Callable[[int, int], float]:
    """What a step takes, the same every time: as long as the slow ones."""
    by_frames = {preset.hop: device.times[name] for name, preset in device.presets.items()}
    any_hop = next(iter(device.times.values()))

    def cost(batch: int, frames: int) -> float:
        times = by_frames[frames] if device.on_cpu else any_hop
        if device.parts and batch not in times:
            return batch // 4 * cost(4, 0) + batch % 4 * cost(1, 0)
        return times[min(size for size in times if size >= batch)][1] / 1000

    return cost


def loads(device: Device) -> st.SearchStrategy[list[Session]]:
    """Live sessions as many as are admitted at most, at presets of the device, with any slack from tight to all."""

    def build(drawn: list[tuple[str, float, float, float, float]]) -> list[Session]:
        held, share, sessions = device.capacity(), 0.0, []
        for stream, (name, start, length, phase, ease) in enumerate(drawn):
            preset = device.presets[name]
            share += 1 / held.streams[name]
            if share > 1:
                break
            most = preset.max_delay_ms / 1000 - (preset.hop + preset.lookahead) * BLOCK_S
            p95 = device.times[name][1][1] / 1000
            slack = min(most, p95 + 0.004 + ease * most)
            begin = start + phase * preset.hop * BLOCK_S
            sessions.append(Session(stream, begin, begin + length, preset.hop, slack))
        return sessions

    unit = st.floats(0, 1)
    session = st.tuples(st.sampled_from(sorted(device.presets)), st.floats(0, 8), st.floats(2, 12), unit, unit)
    return st.lists(session, min_size=1, max_size=24).map(build)


@pytest.mark.parametrize("device", [PREVIEW, LITE_RECORDED, LITE_FASTER], ids=["preview", "recorded", "faster"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_live_sessions_lose_nothing_by_renders(device: Device, data: st.DataObject) -> None:
    """Where they are in time alone, they are with three renders behind them. And these get done."""
    sessions = data.draw(loads(device))
    hop = data.draw(st.sampled_from(sorted(preset.hop for preset in device.presets.values())))
    renders = [Render(1000 + n, data.draw(st.floats(0, 4)), 50 * hop, hop) for n in range(3)]
    # One window a step: of larger ones the live scheduler tries what it has not seen, whoever waits.
    alone = simulate_both(sessions, [], steady(device))
    beside = simulate_both(sessions, renders, steady(device))
    assert alone.late or not beside.late
    assert beside.made == {render.stream: render.frames for render in renders}


@pytest.mark.parametrize("device", [PREVIEW, LITE_RECORDED, LITE_FASTER], ids=["preview", "recorded", "faster"])
def test_a_full_house_loses_nothing_and_three_renders_finish(device: Device) -> None:
    """As many live sessions as are let in, at random times, with steps that take longer now and then."""
    for preset, held in device.capacity().streams.items():
        it = device.presets[preset]
        chance, hop_s = random.Random(held), it.hop * BLOCK_S
        slack = it.max_delay_ms / 1000 - (it.hop + it.lookahead) * BLOCK_S - 0.01
        sessions = [Session(n, chance.random() * hop_s, 60.0, it.hop, slack) for n in range(held)]
        renders = [Render(1000 + n, 1.0, 12 * it.hop, it.hop) for n in range(3)]
        options = {"max_batch": device.capacity().max_batch or 1, "mixed_hops": device.mixed_hops}
        seen = simulate_both(sessions, renders, device.cost(3), **options)  # type: ignore[arg-type]
        assert not seen.late, preset
        assert max(seen.done.values()) < 55, (preset, seen.done)


def test_where_live_sessions_take_all_there_is_renders_wait() -> None:
    """And then they are done."""
    sessions = [Session(n, 0.003 * n, 20.0, 1, 0.16) for n in range(12)]  # of 4.2 to 5.1 ms each, every 40
    seen = simulate_both(sessions, [Render(99, 5.0, 50, 1)], PREVIEW.cost(3))
    assert seen.made == {99: 50}
    assert seen.done[99] > 20.0
