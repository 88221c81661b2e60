"""A worker in reserve takes over when the one in use is lost: real processes, and the fake generator."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import fakes
from engine.host.viewer import Viewer
from livehead.engine.base import EngineSpec
from livehead.engine.capacity.profile import Profile
from livehead.engine.host.host import EngineHost
from livehead.engine.host.supervisor import Supervisor
from livehead.engine.host.worker_life import Limits
from livehead.engine.ipc.messages import Footprint, Ready, Start
from livehead.errors import EngineDownError
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def engine(factory: str = "create", /, **options: Any) -> AsyncIterator[EngineHost]:
    """A host with a worker in reserve that is ready. Nothing of either is left at its end."""
    settings = {name: options.pop(name) for name in ("heartbeat", "stuck", "calm", "backoff") if name in options}
    settings = {"calm": 0.0, "standby": True} | settings
    async with EngineHost(EngineSpec(f"fakes:{factory}", options), **settings) as host:
        await host.ready()
        await until(lambda: host.standby == "ready")
        yield host
        life = host._supervisor.reserve
        pids = [host.pid, None if life is None else life.process.pid]
    assert not any(map(is_there, pids))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[EngineHost]:
    async with engine(motion_frames=2, backoff=(0.0,)) as host:
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def host(shared: EngineHost) -> AsyncIterator[EngineHost]:
    """One for many tests, each with counters of its own and a reserve that is ready."""
    await until(lambda: shared.state == "ready" and shared.standby == "ready")
    shared._supervisor.takeovers = shared._supervisor.restarts = shared.faults = 0
    yield shared
    for stream in shared._streams:
        await stream.close()


def is_there(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


def reserve(host: EngineHost) -> int:
    """The process in reserve."""
    life = host._supervisor.reserve
    assert life is not None
    assert life.process.pid is not None
    return life.process.pid


async def mirrored(host: EngineHost, *viewers: Viewer) -> None:
    """Wait until the reserve has these streams open."""

    def there() -> bool:
        life = host._supervisor.reserve
        return life is not None and all(life.streams.get(viewer.stream.id) for viewer in viewers)

    await until(there)


def kill(host: EngineHost) -> None:
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)


async def test_streams_go_on_from_the_frames_that_were_delivered_last(host: EngineHost) -> None:
    states: list[str] = []
    host.subscribe(states.append)
    viewers = [await Viewer(tag).open(host, seed=tag) for tag in (20, 40)]
    for viewer in viewers:
        for _ in range(5):
            viewer.say(0.5)
    await until(lambda: all(len(viewer.seen) == 5 for viewer in viewers))
    await mirrored(host, *viewers)
    following = reserve(host)
    kill(host)
    for viewer in viewers:
        assert viewer.say(0.25)  # nobody has noticed
    await until(lambda: all(len(viewer.seen) == 6 for viewer in viewers))
    for viewer in viewers:
        k, seen = viewer.seen[-1]
        assert (k, seen.tag, seen.sample, seen.rewinds) == (5, viewer.tag, 0.25, 1)
        assert abs(seen.level - fakes.level_of(4)) <= 2  # the last frame that it was shown
        assert not viewer.dropped
        assert not viewer.states
    assert states == []
    assert host.taken_over_at is not None
    assert host.windows.asked == host.windows.made == 12
    assert host.windows.steps
    assert (host.pid, host.takeovers, host.restarts, host.state) == (following, 1, 0, "ready")
    await until(lambda: host.standby == "ready")  # the next one


async def test_windows_that_were_under_way_are_made_by_the_other_worker() -> None:
    async with engine(step_seconds=0.02, max_batch=1) as host:
        viewers = [await Viewer(tag).open(host) for tag in (20, 40, 60)]
        await mirrored(host, *viewers)
        for viewer in viewers:
            for _ in range(10):
                viewer.say()
        await until(lambda: any(viewer.seen for viewer in viewers))
        kill(host)
        await until(lambda: all(viewer.answered == 10 for viewer in viewers))
        for viewer in viewers:
            assert [k for k, _ in viewer.seen] == list(range(10))
            assert not viewer.dropped
        assert host.takeovers == 1


async def test_a_window_that_kills_two_workers_is_not_tried_a_third_time(host: EngineHost) -> None:
    bad, good = await Viewer(1).open(host), await Viewer(2).open(host)
    await mirrored(host, bad, good)
    bad.say(fakes.DIE)
    await until(lambda: bad.dropped == [(0, 1)])
    await until(lambda: good.stream.state == bad.stream.state == "ready")
    good.say()
    await until(lambda: good.seen)
    assert host.takeovers + host.restarts >= 2


async def test_a_worker_that_hangs_is_replaced_and_what_it_hung_in_is_dropped() -> None:
    async with engine(heartbeat=1.0, stuck=0.6) as host:
        viewer = await Viewer(1).open(host)
        viewer.say()
        await until(lambda: viewer.seen)
        await mirrored(host, viewer)
        viewer.say(fakes.HANG)
        await until(lambda: viewer.dropped == [(1, 1)])
        assert viewer.say()
        await until(lambda: len(viewer.seen) == 2)
        assert viewer.states == []
        assert (host.takeovers, host.restarts) == (1, 0)


async def test_nobody_notices_that_the_reserve_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livehead.engine.host.supervisor.RESERVE_BACKOFF", (0.05,))
    async with engine() as host:
        viewer = await Viewer(1).open(host)
        await mirrored(host, viewer)
        first, lost = host.pid, reserve(host)
        os.kill(lost, signal.SIGKILL)
        await until(lambda: host.standby == "loading")
        viewer.say()
        await until(lambda: len(viewer.seen) == 1)
        await until(lambda: host.standby == "ready" and reserve(host) != lost)
        await mirrored(host, viewer)
        assert (host.pid, host.takeovers, host.restarts, viewer.states) == (first, 0, 0, [])
        kill(host)
        viewer.say()
        await until(lambda: len(viewer.seen) == 2)


async def test_both_die_and_streams_go_on_all_the_same(host: EngineHost) -> None:
    viewer = await Viewer(9).open(host)
    for _ in range(3):
        viewer.say()
    await until(lambda: len(viewer.seen) == 3)
    await mirrored(host, viewer)
    os.kill(reserve(host), signal.SIGKILL)
    kill(host)
    await until(lambda: viewer.states == ["down", "ready"])
    viewer.say()
    await until(lambda: len(viewer.seen) == 4)
    seen = viewer.seen[-1][1]
    assert abs(seen.level - fakes.level_of(2)) <= 2  # no jump back to the portrait
    assert host.restarts == 1


async def test_a_stream_that_the_reserve_is_still_opening_is_down_until_then(host: EngineHost) -> None:
    slow, quick = await Viewer(1).open(host, fakes.SLOW_TO_OPEN), await Viewer(2).open(host)
    slow.say()
    quick.say()
    await until(lambda: slow.seen and quick.seen)
    kill(host)
    await until(lambda: host.takeovers == 1)
    await until(lambda: slow.stream.state == quick.stream.state == "ready")
    for viewer in (slow, quick):
        assert viewer.say()
    await until(lambda: len(slow.seen) == len(quick.seen) == 2)
    assert abs(slow.seen[-1][1].level - fakes.level_of(0)) <= 2
    assert slow.states == ["down", "ready"]


async def test_a_stream_that_is_being_opened_when_its_worker_is_lost_is_refused(host: EngineHost) -> None:
    opening = asyncio.create_task(Viewer(1).open(host, fakes.SLOW_TO_OPEN))
    await asyncio.sleep(0.05)
    kill(host)
    with pytest.raises(EngineDownError):
        await opening
    assert (host.streams, host.state) == (0, "ready")
    viewer = await Viewer(2).open(host)
    viewer.say()
    await until(lambda: viewer.seen)


async def test_a_stream_that_is_closed_while_another_worker_takes_over_stays_closed(
    host: EngineHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, other = await Viewer(1).open(host), await Viewer(2).open(host)
    for each in (viewer, other):
        each.say()
    await until(lambda: viewer.seen and other.seen)
    await mirrored(host, viewer, other)
    taken = asyncio.get_running_loop().create_future()
    take_over = host._take_over

    def watch(lost: Any) -> None:
        take_over(lost)
        taken.set_result(None)

    monkeypatch.setattr(host._supervisor, "_on_take_over", watch)
    kill(host)
    await taken
    await viewer.stream.close()
    other.say()
    await until(lambda: len(other.seen) == 2)
    assert (host.streams, len(viewer.seen), host.faults) == (1, 1, 0)


async def test_what_was_shown_before_the_other_worker_took_over_can_be_gone_back_to(host: EngineHost) -> None:
    viewer = await Viewer(7).open(host)
    for _ in range(6):
        viewer.say()
    await until(lambda: len(viewer.seen) == 6)
    await mirrored(host, viewer)
    kill(host)
    viewer.say()
    await until(lambda: len(viewer.seen) == 7)
    viewer.stream.rewind(2)
    viewer.say()
    await until(lambda: len(viewer.seen) == 8)
    seen = viewer.seen[-1][1]
    assert seen.rewinds == 2
    assert abs(seen.level - fakes.level_of(2)) <= 2


async def test_a_reserve_that_is_still_loading_is_waited_for_and_no_third_one_started() -> None:
    async with EngineHost(EngineSpec("fakes:create_slowly", {"seconds": 1.0}), calm=0.0, standby=True) as host:
        await host.ready()
        viewer = await Viewer(1).open(host)
        await until(lambda: (life := host._supervisor.reserve) is not None and life.process.pid is not None)
        loading = reserve(host)
        kill(host)
        await until(lambda: viewer.states == ["down", "ready"])
        assert (host.pid, host.restarts, host.takeovers) == (loading, 1, 0)


async def test_no_reserve_is_loaded_beside_a_worker_that_has_just_taken_over() -> None:
    async with engine(calm=0.3) as host:
        began = time.monotonic()
        kill(host)
        await until(lambda: host.takeovers == 1)
        assert host._supervisor.reserve is None
        await until(lambda: host._supervisor.reserve is not None)
        assert time.monotonic() - began > 0.25


async def test_films_have_no_place_in_the_reserve(host: EngineHost) -> None:
    film = Viewer(3)
    film.stream = await host.open(
        fakes.portrait(3), 3, film._on_frames, None, lambda *gone: film.dropped.append(gone), background=True
    )
    viewer = await Viewer(1).open(host)
    await mirrored(host, viewer)
    life = host._supervisor.reserve
    assert life is not None
    assert set(life.streams) == {viewer.stream.id}
    film.say()
    await until(lambda: film.seen)
    kill(host)
    await until(lambda: host.takeovers == 1 and film.stream.state == "ready")
    film.say()
    await until(lambda: len(film.seen) == 2)
    assert film.seen[-1][1].made == 0  # from the portrait again


@pytest.mark.parametrize(("standby", "level"), [(True, "WARNING"), (None, "INFO")])
async def test_where_it_does_not_fit_the_server_says_so_once(
    standby: bool | None, level: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = EngineSpec("fakes:create")
    nobody: Any = lambda *_: None  # noqa: E731
    supervisor = Supervisor(
        Start(spec, 1.0, 8, 0, False),
        Limits(1.0, 1.0, 1.0),
        standby=standby,
        backoff=(0.0,),
        calm=0.0,
        on_event=nobody,
        on_down=nobody,
        on_take_over=nobody,
    )
    supervisor._first = Ready(fakes.FakeGenerator().info, 8, Profile({}, {}, 2.0, True), Footprint(1e6), spec)
    caplog.set_level("INFO", "livehead.engine.host.supervisor")
    assert supervisor.standby == "loading"
    assert not supervisor._has_room()
    assert not supervisor._has_room()
    assert supervisor.standby == "off"
    [told] = caplog.records
    assert told.levelname == level
    assert "it takes 2000001.0 GB of memory" in told.getMessage()
