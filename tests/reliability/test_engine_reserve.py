"""What callers see and hear when the engine fails and another worker is in reserve."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from fault_rows import Recovery
from faulty import Orders
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost
from reliability.talkers import DEGRADED, Talker, heard_throughout, moving_again, talking
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(folder: Path) -> AsyncIterator[Served]:
    spec = EngineSpec("faulty:create", {"orders": str(folder), "item_seconds": 0.003})
    async with serving(spec, heartbeat_seconds=5.0, max_sessions=4, standby=True) as server:
        server.services.host._supervisor._calm = 0.0  # another one is loaded at once, not after a quiet time
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def host(served: Served) -> EngineHost:
    """With a reserve that is ready, and counters of its own."""
    host = served.services.host
    await until(lambda: host.state == "ready" and host.standby == "ready")
    host._supervisor.takeovers = host._supervisor.restarts = host.faults = 0
    return host


async def mirrored(host: EngineHost, talkers: list[Talker]) -> int:
    """Wait until the reserve has the streams of all of them open. Returns its process id."""
    life = host._supervisor.reserve
    assert life is not None
    await until(lambda: sum(life.streams.values()) >= len(talkers))
    assert life.process.pid is not None
    return life.process.pid


@pytest.mark.fault(
    "engine",
    "The engine's worker is killed with another in reserve",
    "The picture stands still for a moment, the sound goes on.",
    within=1.0,
)
async def test_killed_with_a_reserve(served: Served, host: EngineHost, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        await mirrored(host, talkers)
        assert host.pid is not None
        killed = time.monotonic()
        os.kill(host.pid, signal.SIGKILL)
        seconds = await moving_again(talkers, killed, lambda: host.takeovers == 1)
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, killed)
        assert host.restarts == 0
    recovery("pictures again in all three calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The worker in reserve is killed while it rests",
    "Nothing; another one is loaded.",
    within=4.0,
)
async def test_reserve_killed(served: Served, host: EngineHost, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        reserve = await mirrored(host, talkers)
        killed = time.monotonic()
        os.kill(reserve, signal.SIGKILL)
        await until(lambda: host.standby == "loading")
        await until(lambda: host.standby == "ready")
        assert await mirrored(host, talkers) != reserve
        seconds = time.monotonic() - killed
        await moving_again(talkers, killed, lambda: True)
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, killed)
        assert (host.takeovers, host.restarts) == (0, 0)
    recovery("another one in reserve, with both calls open", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The engine's worker and the one in reserve are killed at once",
    "The picture stands still, the sound goes on; the call says `degraded` meanwhile.",
    within=2.0,
)
async def test_both_killed(served: Served, host: EngineHost, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        reserve = await mirrored(host, talkers)
        assert host.pid is not None
        killed = time.monotonic()
        for pid in (reserve, host.pid):
            os.kill(pid, signal.SIGKILL)
        seconds = await moving_again(talkers, killed, lambda: host.state == "ready" and host.restarts == 1)
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, killed)
    recovery("pictures again in both calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The device is lost with another worker in reserve",
    "The picture stands still for a moment, the sound goes on.",
    within=1.0,
)
async def test_device_lost_with_a_reserve(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        await mirrored(host, talkers)
        orders.give("lost")
        lost = time.monotonic()
        seconds = await moving_again(talkers, lost, lambda: host.takeovers == 1)
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, lost)
    recovery("pictures again in both calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "A step of the engine never ends, with another worker in reserve",
    "The picture stands still until the worker is given up after ten seconds, "
    "the sound goes on; after 1.5 s the call says `degraded`.",
    within=14.0,
)
async def test_step_that_never_ends_with_a_reserve(
    served: Served, host: EngineHost, orders: Orders, recovery: Recovery
) -> None:
    async with talking(served, 1, 2) as talkers:
        await mirrored(host, talkers)
        orders.give("hang")
        hung = time.monotonic()
        await until(lambda: all(each.state == "degraded" for each in talkers), within=3)
        seconds = await moving_again(talkers, hung, lambda: host.takeovers == 1, within=20)
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, hung)
    recovery("pictures again in both calls", seconds)
