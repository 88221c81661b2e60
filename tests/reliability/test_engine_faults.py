"""What callers see and hear when the engine fails, without a worker in reserve."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from fault_rows import Recovery
from faulty import Orders
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost
from reliability.talkers import DEGRADED, heard_throughout, moving_again, talking
from serving import Served, serving
from waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(folder: Path) -> AsyncIterator[Served]:
    spec = EngineSpec("faulty:create", {"orders": str(folder), "item_seconds": 0.003})
    async with serving(spec, heartbeat_seconds=5.0, max_sessions=4) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def host(served: Served) -> EngineHost:
    """Each test with counters of its own, and as after a quiet time."""
    host = served.services.host
    await until(lambda: host.state == "ready", within=20)
    host._supervisor.restarts = host.faults = host._supervisor._losses = 0
    return host


def kill(host: EngineHost) -> float:
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    return time.monotonic()


def back(host: EngineHost, restarts: int = 1) -> bool:
    return host.state == "ready" and host.restarts >= restarts


@pytest.mark.fault(
    "engine",
    "The engine's worker is killed, by the system for want of memory too, with no other in reserve",
    "The picture stands still, the sound goes on; the call says `degraded` meanwhile.",
    within=2.0,
)
async def test_killed_without_a_reserve(served: Served, host: EngineHost, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        killed = kill(host)
        seconds = await moving_again(talkers, killed, lambda: back(host))
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, killed)
    recovery("pictures again in all three calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The engine's worker hangs as a whole, as a process that is stopped",
    "The picture stands still until the worker is given up after five silent seconds, "
    "the sound goes on; after 1.5 s the call says `degraded`.",
    within=9.0,
)
async def test_stopped(served: Served, host: EngineHost, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        assert host.pid is not None
        os.kill(host.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        await until(lambda: all(each.state == "degraded" for each in talkers), within=3)
        seconds = await moving_again(talkers, stopped, lambda: back(host), within=20)
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, stopped)
    recovery("pictures again in both calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "A step of the engine never ends",
    "The picture stands still until the worker is given up after ten seconds, "
    "the sound goes on; after 1.5 s the call says `degraded`.",
    within=14.0,
)
async def test_step_that_never_ends(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        orders.give("hang")
        hung = time.monotonic()
        await until(lambda: all(each.state == "degraded" for each in talkers), within=3)
        seconds = await moving_again(talkers, hung, lambda: back(host), within=20)
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, hung)
    recovery("pictures again in both calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The engine takes ten times as long for two seconds",
    "Fewer pictures a second, the sound goes on.",
    within=1.5,
)
async def test_ten_times_as_slow(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        began = time.monotonic()
        orders.give("slow", 0.027)
        await asyncio.sleep(2)
        orders.take_back("slow")
        ended = time.monotonic()
        assert all(len([at for at in each.moved() if began < at < ended]) >= 4 for each in talkers)
        seconds = await moving_again(talkers, ended, lambda: True)
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, began)
    recovery("all pictures again in all three calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The device has too little memory for a step that several calls share",
    "The picture stands still for a moment at most: each call is then served by itself.",
    within=1.0,
)
async def test_out_of_memory(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        orders.give("memory", 2)
        seconds = await moving_again(talkers, began := time.monotonic(), lambda: host.faults)
        orders.take_back("memory")
        assert host.restarts == 0
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, began)
    recovery("pictures move in all three calls while there is no memory", seconds)


@pytest.mark.fault(
    "engine",
    "The model gives no numbers (NaN) for one of three calls",
    "Its picture stands still for a moment; the other two are not touched.",
    within=1.0,
)
async def test_no_numbers_for_one_call(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        orders.give("nan", 2)
        seconds = await moving_again(talkers, began := time.monotonic(), lambda: host.faults)
        assert (host.restarts, host.faults) == (0, 1)
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, began)
    recovery("pictures move in all three calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The model gives pictures of a wrong shape, then of a wrong type and out of range, for one of three calls",
    "Its picture stands still for a moment; the other two are not touched.",
    within=1.0,
)
async def test_pictures_that_are_none(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        began = time.monotonic()
        orders.give("shape", 2)
        await until(lambda: host.faults == 1)
        orders.give("dtype", 2)
        seconds = await moving_again(talkers, began, lambda: host.faults == 2)
        assert host.restarts == 0
        assert all(each.states[1:] == [("live", None)] for each in talkers)
        assert heard_throughout(talkers, began)
    recovery("pictures move in all three calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "Every step for one of three calls fails",
    "Its picture stands still, its sound goes on, and the call says `degraded`; the other two are not touched.",
    within=8.0,
)
async def test_steps_of_one_call_fail(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        bad, others = talkers[1], [talkers[0], talkers[2]]
        orders.give("broken", 2)
        began = time.monotonic()
        await until(lambda: bad.state == "degraded")
        assert await moving_again(others, began, lambda: True) < 0.5 * PATIENCE
        orders.take_back("broken")
        seconds = await moving_again([bad], time.monotonic(), lambda: bad.state == "live")
        assert host.restarts == 0
        assert all(each.states[1:] == [("live", None)] for each in others)
        assert heard_throughout(talkers, began)
    recovery("its picture moves again after the fault", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "Every step for one of three calls kills the worker",
    "That call ends with `engine-failed` after three; the pictures of the others stand still meanwhile.",
    within=6.0,
)
async def test_call_that_kills_workers(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2, 3) as talkers:
        bad, others = talkers[1], [talkers[0], talkers[2]]
        orders.give("die", 2)
        began = time.monotonic()
        seconds = await moving_again(others, began, lambda: bad.state == "closed" and host.state == "ready", within=20)
        assert bad.states[-1] == ("closed", "engine-failed")
        assert host.restarts <= 4
        assert heard_throughout(others, began)
        orders.take_back("die")
    recovery("pictures again in the other two calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The device is lost: every step fails until the process is another one",
    "The picture stands still, the sound goes on; the call says `degraded` meanwhile.",
    within=2.0,
)
async def test_device_lost(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        orders.give("lost")
        seconds = await moving_again(talkers, lost := time.monotonic(), lambda: back(host))
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, lost)
        assert host.faults == 1
    recovery("pictures again in both calls", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "The worker sends rubbish, then half a message",
    "The picture stands still twice, the sound goes on; the call says `degraded` meanwhile.",
    within=6.0,
)
async def test_rubbish_on_the_pipe(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers:
        orders.give("rubbish")
        began = time.monotonic()
        await moving_again(talkers, began, lambda: back(host))
        orders.give("half")
        seconds = await moving_again(talkers, time.monotonic(), lambda: back(host, 2))
        assert all(each.states[1:] == DEGRADED + DEGRADED[1:] for each in talkers)
        assert heard_throughout(talkers, began)
    recovery("pictures again in both calls after half a message", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "There is no shared memory left when another worker is to be started",
    "The picture stands still until there is some, the sound goes on; the call says `degraded` meanwhile.",
    within=4.0,
)
async def test_shared_memory_full(served: Served, host: EngineHost, orders: Orders, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers, httpx.AsyncClient(base_url=served.url) as client:
        orders.give("full")
        killed = kill(host)
        await until(lambda: host.restarts == 2)
        assert "no shared memory" in (host.reason or "")
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "engine-down")
        assert (await client.get("/healthz")).status_code == 200
        orders.take_back("full")
        room = time.monotonic()
        seconds = await moving_again(talkers, room, lambda: back(host))
        assert all(each.states[1:] == DEGRADED for each in talkers)
        assert heard_throughout(talkers, killed)
    recovery("pictures again in both calls after there was room", seconds)


@pytest.mark.soak
@pytest.mark.fault(
    "engine",
    "Five workers die one after the other",
    "The picture stands still, the sound goes on; new calls are told 503 `engine-down` and when to try again.",
    within=6.0,
)
async def test_five_deaths(served: Served, host: EngineHost, recovery: Recovery) -> None:
    async with talking(served, 1, 2) as talkers, httpx.AsyncClient(base_url=served.url) as client:
        began = time.monotonic()
        for death in range(1, 6):
            killed = kill(host)
            await until(lambda death=death: host.restarts == death)  # type: ignore[misc]
            if death < 5:
                await until(lambda: host.state == "ready", within=20)
        refused = await client.post("/v1/sessions", json={"source": "push"})
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:livehead:engine-down")
        assert int(refused.headers["retry-after"]) >= 1
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "engine-down")
        assert (await client.get("/healthz")).status_code == 200
        seconds = await moving_again(talkers, killed, lambda: back(host), within=20)
        assert heard_throughout(talkers, began)
        assert all(each.states[-1] == ("live", None) for each in talkers)
    recovery("pictures again in both calls after the fifth", seconds)
