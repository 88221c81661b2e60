"""The host with real worker processes and the fake generator."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fakes
from engine.host.viewer import Viewer
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import CheckpointError, EngineDownError, EngineError, PortraitError


@asynccontextmanager
async def engine(factory: str = "create", /, **options: Any) -> AsyncIterator[EngineHost]:
    settings = {name: options.pop(name) for name in ("heartbeat", "stuck", "backlog", "backoff") if name in options}
    async with EngineHost(EngineSpec(f"fakes:{factory}", options), **settings) as host:
        await host.ready()
        yield host


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event to wait on
            await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    """No such process, not even a zombie."""
    return not Path(f"/proc/{pid}").exists()


def living(group: int) -> list[int]:
    """Processes of a group, less those dead ones that whoever inherited them has not looked after yet."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(stat.parent.name))
    return found


async def test_frames_come_back_with_their_k_and_their_times():
    async with engine() as host:
        assert host.state == "ready"
        assert (host.info.name, host.restarts, host.reason) == ("fake", 0, None)
        viewer = await Viewer(50).open(host)
        before = time.monotonic()
        assert viewer.say(0.25)
        viewer.k = 1000  # the timeline jumps
        assert viewer.say(-0.5, hop=4, lookahead=1)
        await until(lambda: viewer.answered == 5)
        assert [k for k, _ in viewer.seen] == [0, 1000, 1001, 1002, 1003]
        assert [seen.made for _, seen in viewer.seen] == [0, 1, 2, 3, 4]
        assert [seen.sample for _, seen in viewer.seen] == [0.25, -0.5, -0.5, -0.5, -0.5]
        for timing in viewer.timings:
            assert before <= timing.submitted <= timing.started <= timing.done <= time.monotonic()
            assert timing.batch == 1


async def test_every_window_of_every_viewer_is_answered_and_nobody_sees_anothers_frame():
    async with engine(step_seconds=0.002, max_batch=4) as host:
        viewers = [await Viewer(tag).open(host) for tag in (30, 60, 90, 120, 150, 180)]
        for _ in range(60):
            for index, viewer in enumerate(viewers):
                viewer.say(viewer.tag / 1000, hop=1 + index % 3)
            await asyncio.sleep(0.004)
        await until(lambda: all(viewer.answered == viewer.k for viewer in viewers))
        for viewer in viewers:
            assert {seen.tag for _, seen in viewer.seen} == {viewer.tag}
            assert {seen.sample for _, seen in viewer.seen} == {np.float32(viewer.tag / 1000)}
            ks = [k for k, _ in viewer.seen]
            assert ks == sorted(set(ks))
        assert max(seen.batch for viewer in viewers for _, seen in viewer.seen) > 1


async def test_a_portrait_without_a_face_is_refused_as_such():
    async with engine() as host:
        with pytest.raises(PortraitError, match="no face"):
            await Viewer(0).open(host)
        assert host.streams == 0
        await Viewer(1).open(host)


async def test_out_of_memory_at_open_is_typed_and_harms_nobody():
    async with engine() as host:
        viewer = await Viewer(9).open(host)
        with pytest.raises(EngineError, match="out of device memory"):
            await Viewer(8).open(host, fakes.NO_MEMORY)
        viewer.say()
        await until(lambda: viewer.answered == 1)
        assert viewer.seen
        assert host.restarts == 0


async def test_a_failing_step_costs_its_batch_only():
    async with engine() as host:
        one, other = await Viewer(1).open(host), await Viewer(2).open(host)
        one.say(fakes.RAISE)
        await until(lambda: one.dropped == [(0, 1)])
        for _ in range(3):
            one.say()
            other.say()
        await until(lambda: one.answered == 4 and other.answered == 3)
        assert (len(one.seen), len(other.seen)) == (3, 3)
        assert (host.faults, host.dropped["fault"], host.restarts, host.state) == (1, 1, 0, "ready")


async def test_a_stream_that_always_fails_takes_nobody_with_it():
    async with engine(step_seconds=0.002) as host:
        bad, good = await Viewer(1).open(host, fakes.ALWAYS_RAISES), await Viewer(2).open(host)
        taken = 0
        for _ in range(40):
            taken += bad.say()
            good.say()
            await asyncio.sleep(0.01)
        await until(lambda: bad.answered == taken and good.answered == 40)
        assert taken >= 6
        assert bad.states == ["down"]  # until it is tried again
        assert not bad.seen
        assert len(good.seen) >= 39
        assert host.restarts == 0


async def test_a_broken_generator_is_replaced():
    async with engine(backoff=(0.0,)) as host:
        viewer = await Viewer(1).open(host)
        viewer.say(fakes.BREAK)
        while host.restarts == 0:
            viewer.say()
            await asyncio.sleep(0.01)
        await until(lambda: viewer.stream.state == "ready")
        viewer.say()
        await until(lambda: viewer.seen)
        assert viewer.states == ["down", "ready"]


async def test_killed_in_mid_stream_frames_come_back():
    async with engine(step_seconds=0.005) as host:
        states: list[EngineState] = []
        host.subscribe(states.append)
        viewers = [await Viewer(tag).open(host, seed=tag) for tag in (20, 40)]
        ids = [viewer.stream.id for viewer in viewers]
        for viewer in viewers:
            viewer.say()
        await until(lambda: all(viewer.seen for viewer in viewers))
        for viewer in viewers:  # some of these are under way when it dies
            for _ in range(10):
                viewer.say()
        pid = host.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: host.state == "down")
        assert "signal 9" in (host.reason or "")
        assert not viewers[0].say()  # not taken, and the session knows
        taken = 11
        await until(lambda: all(viewer.answered == taken for viewer in viewers))
        await until(lambda: all(viewer.stream.state == "ready" for viewer in viewers))
        before = [len(viewer.seen) for viewer in viewers]
        for viewer in viewers:
            assert viewer.say(0.5)
        await until(lambda: all(len(viewer.seen) > old for viewer, old in zip(viewers, before, strict=True)))
        assert [viewer.stream.id for viewer in viewers] == ids
        assert [viewer.seen[-1][1].tag for viewer in viewers] == [20, 40]
        assert all(viewer.states == ["down", "ready"] for viewer in viewers)
        assert states == ["down", "ready"]
        assert (host.restarts, host.reason) == (1, None)
        assert gone(pid)


@pytest.mark.parametrize(("how", "reason"), [(fakes.HANG, "stuck"), (fakes.SEIZE, "silent"), (fakes.DIE, "signal 9")])
async def test_a_stuck_silent_or_dead_worker_is_replaced(how, reason):
    async with engine(heartbeat=1.0, stuck=1.0) as host:
        reasons: list[str | None] = []
        host.subscribe(lambda _: reasons.append(host.reason))
        viewer = await Viewer(1).open(host)
        viewer.say(how)
        await until(lambda: viewer.dropped == [(0, 1)])
        await until(lambda: viewer.stream.state == "ready")
        viewer.say()
        await until(lambda: viewer.seen)
        assert reason in (reasons[0] or "")


async def test_a_long_step_is_not_stuck():
    async with engine(heartbeat=0.5, stuck=2.0, step_seconds=1.0) as host:
        viewer = await Viewer(1).open(host)
        viewer.say()
        await until(lambda: viewer.seen)
        assert host.restarts == 0


async def test_live_streams_go_on_while_a_crowd_is_opened():
    async with engine() as host:
        viewer = await Viewer(1).open(host)
        crowd = [asyncio.create_task(Viewer(tag).open(host, fakes.SLOW_TO_OPEN)) for tag in range(2, 6)]
        await asyncio.sleep(0.05)
        viewer.say()
        await until(lambda: viewer.seen)
        assert not crowd[-1].done()
        await asyncio.gather(*crowd)


async def test_a_portrait_that_takes_long_keeps_nobody_waiting():
    async with engine("create_preparing") as host:
        viewer = await Viewer(1).open(host)
        opening = asyncio.create_task(Viewer(fakes.SLOW_TO_PREPARE).open(host))
        await asyncio.sleep(0.05)
        for _ in range(5):
            viewer.say()
        await until(lambda: len(viewer.seen) == 5)
        assert not opening.done()
        newcomer = await opening
        newcomer.say()
        await until(lambda: newcomer.seen)
        assert newcomer.seen[0][1].tag == fakes.SLOW_TO_PREPARE


async def test_what_is_wrong_with_a_portrait_made_ready_meanwhile_is_told():
    async with engine("create_preparing") as host:
        with pytest.raises(PortraitError, match="no face"):
            await Viewer(0).open(host)
        with pytest.raises(EngineDownError, match="exit code 3"):
            await Viewer(fakes.DIE_IN_PREPARE).open(host)
        assert host.streams == 0


async def test_opening_can_be_given_up_while_the_portrait_is_made_ready():
    async with engine("create_preparing") as host:
        opening = asyncio.create_task(Viewer(fakes.SLOW_TO_PREPARE).open(host))
        await asyncio.sleep(0.05)
        opening.cancel()
        await asyncio.wait([opening])
        viewer = await Viewer(fakes.SLOW_TO_PREPARE).open(host)  # behind the other one
        viewer.say()
        await until(lambda: viewer.seen)
        assert host.streams == 1
        assert host.faults == 0


async def test_a_portrait_that_is_never_ready_ends_the_worker():
    async with engine("create_preparing", stuck=1.0) as host:
        viewer = await Viewer(1).open(host)
        with pytest.raises(EngineDownError, match="stuck"):
            await Viewer(fakes.HANG_IN_PREPARE).open(host)
        await until(lambda: viewer.stream.state == "ready")


async def test_the_machine_is_measured_once(tmp_path):
    steps = tmp_path / "steps"
    async with engine("create_noting_steps", path=str(steps), max_batch=1, item_seconds=0.011) as host:
        assert host.capacity is not None
        assert host.capacity.talking["low"] in (1, 2, 3)  # 11 ms each, 36 ms of 40 are given away
        measured = steps.stat().st_size
        assert measured > 3
        viewer = await Viewer(1).open(host)
        assert host.pid is not None
        before = host.capacity
        os.kill(host.pid, signal.SIGKILL)
        await until(lambda: viewer.states == ["down", "ready"])
        assert steps.stat().st_size == measured  # frames are back soon
        assert host.capacity == before


async def test_dying_in_open_is_told_to_the_one_who_opened():
    async with engine() as host:
        viewer = await Viewer(1).open(host)
        with pytest.raises(EngineDownError, match="exit code 3"):
            await Viewer(2).open(host, fakes.DIE_IN_OPEN)
        await until(lambda: viewer.states == ["down", "ready"])
        assert host.streams == 1


async def test_a_helper_of_the_generator_cannot_hide_its_end():
    async with engine("create_with_helper", heartbeat=1.0) as host:
        viewer = await Viewer(1).open(host)
        first = host.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: viewer.states == ["down", "ready"])
        await until(lambda: not living(first))
        second = host.pid
        assert second is not None
    await until(lambda: not living(second))


async def test_late_work_is_dropped_and_said():
    async with engine() as host:
        viewer = await Viewer(1).open(host)
        viewer.say(hop=2, within=-1.0)
        viewer.say()
        await until(lambda: viewer.answered == 3)
        assert viewer.dropped == [(0, 2)]
        assert host.dropped["late"] == 1


async def test_a_crowded_stream_loses_its_oldest_and_never_blocks_the_caller():
    async with engine(backlog=4) as host:
        viewer, calm = await Viewer(1).open(host), await Viewer(2).open(host)
        viewer.say(fakes.BE_SLOW)
        await asyncio.sleep(0.05)
        for _ in range(2000):  # far more than a pipe holds
            assert viewer.say(lookahead=4)
        calm.say()
        await until(lambda: viewer.answered == 2001)
        assert viewer.seen[-1][0] == 2000  # the newest came through
        assert host.dropped["full"] + len(viewer.seen) > 1000
        await until(lambda: calm.seen)


async def test_a_worker_that_does_not_read_never_stalls_the_loop():
    async with engine(heartbeat=30.0) as host:
        viewer = await Viewer(1).open(host)
        assert host.pid is not None
        os.kill(host.pid, signal.SIGSTOP)
        for _ in range(2000):
            viewer.say(lookahead=8)
        opening = asyncio.create_task(host.open(np.full((700, 700, 3), 9, np.uint8), 0, viewer._on_frames))
        await asyncio.sleep(0.05)
        assert len(viewer.dropped) > 1000
        os.kill(host.pid, signal.SIGCONT)
        await (await opening).close()
        await until(lambda: viewer.answered == 2000)


async def test_rewind_goes_on_from_the_frame_shown():
    async with engine(motion_frames=2) as host:
        viewer = await Viewer(70).open(host)
        for _ in range(3):
            viewer.say(hop=2)
        await until(lambda: len(viewer.seen) == 6)
        viewer.say(fakes.BE_SLOW)  # under way and queued while the listener interrupts
        viewer.say()
        viewer.stream.rewind(3)
        viewer.k = 50
        viewer.say(0.5)
        await until(lambda: viewer.answered == 9)
        assert viewer.dropped == [(6, 1), (7, 1)]
        k, seen = viewer.seen[-1]
        assert (k, seen.sample, seen.rewinds) == (50, 0.5, 1)
        assert seen.made == 4  # frames 0 … 3 were shown
        assert seen.unshown in (2, 3)  # the slow one may have been made before the rewind came, or not
        assert abs(seen.level - fakes.level_of(3)) <= 2


async def test_rewind_before_anything_was_shown_starts_from_the_portrait():
    async with engine() as host:
        viewer = await Viewer(70).open(host)
        viewer.say(hop=2)
        await until(lambda: len(viewer.seen) == 2)
        viewer.stream.rewind(-1)
        viewer.say(hop=2)
        await until(lambda: len(viewer.seen) == 4)
        assert [seen.made for _, seen in viewer.seen] == [0, 1, 0, 1]
        assert not viewer.states


async def test_closing_is_final_and_twice_is_once():
    async with engine() as host:
        viewer, other = await Viewer(1).open(host), await Viewer(2).open(host)
        viewer.say(fakes.BE_SLOW)
        await asyncio.sleep(0.05)
        viewer.say()
        await viewer.stream.close()
        await viewer.stream.close()
        assert not viewer.say()
        other.say()
        await until(lambda: other.seen)
        assert viewer.answered == 0
        assert host.streams == 1


async def test_opening_can_be_given_up():
    async with engine() as host:
        opening = asyncio.create_task(Viewer(1).open(host, fakes.SLOW_TO_OPEN))
        await asyncio.sleep(0.05)
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        assert host.streams == 0
        viewer = await Viewer(2).open(host)
        viewer.say()
        await until(lambda: viewer.seen)


@pytest.mark.parametrize(
    ("factory", "kind", "message"),
    [
        ("fakes:create_broken", EngineError, "RuntimeError: no device here"),
        ("fakes:create_without_weights", CheckpointError, "download them again"),
        ("fakes:create_and_die", EngineError, "exit code 7"),
        ("fakes:not_there", EngineError, "not_there"),
        ("no_such_module:create", EngineError, "no_such_module"),
        ("nonsense", EngineError, "nonsense"),
    ],
)
async def test_a_generator_that_cannot_be_made_is_a_typed_error_with_its_words(factory, kind, message):
    async with EngineHost(EngineSpec(factory), backoff=(0.05,)) as host:
        assert host.state == "starting"
        with pytest.raises(kind, match=message):
            await host.ready()
        assert host.state == "down"
        assert message in (host.reason or "")
        with pytest.raises(EngineDownError, match=message):
            _ = host.info
        with pytest.raises(EngineDownError, match=message):
            await Viewer(1).open(host)


async def test_it_goes_on_trying(tmp_path):
    options = {"path": str(tmp_path / "tries"), "times": 3}
    async with EngineHost(EngineSpec("fakes:create_once_in", options), backoff=(0.01, 0.05)) as host:
        with pytest.raises(EngineError, match="not yet"):
            await host.ready()
        await until(lambda: host.state == "ready")
        assert host.restarts == 2
        assert (await host.ready()).name == "fake"


async def test_before_it_is_ready_opening_is_refused_and_leaving_does_not_wait():
    async with EngineHost(EngineSpec("fakes:create_slowly", {"seconds": 3600})) as host:
        with pytest.raises(EngineDownError, match="starting"):
            await Viewer(1).open(host)
        await until(lambda: host.pid)
        pid = host.pid
    assert gone(pid)


async def test_leaving_ends_the_worker_and_everything_that_belongs_to_it():
    fds = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with engine() as host:
            pid = host.pid
            await Viewer(1).open(host)
        await host.close()
        assert gone(pid)
        assert host.streams == 0
    assert len(os.listdir("/proc/self/fd")) <= len(fds) + 2
