"""A fleet on Ray that grows and shrinks, changes its settings, loses its directory, and has a replica that hangs; its
calls go on all the while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from fleet.ray_fleet import RayFleet, end, running_fleet, server_of
from livehead.client import Call, Livehead
from livehead.core.ids import replica_of
from waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

PUSHED = {"source": "push", "latency": "low"}

START_S, DRAINED_S = 40.0, 30.0
"""Times of a quiet machine: a replica more that is ready, and one that ends after its last session."""


async def opened(client: httpx.AsyncClient) -> str:
    """A session, where there is room soon."""
    while (answer := await client.post("/v1/sessions", json=PUSHED)).status_code == 503:  # noqa: ASYNC110
        await asyncio.sleep(1)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session"])


async def is_there(client: httpx.AsyncClient, session: str) -> bool:
    return (await client.get(f"/v1/sessions/{session}")).status_code == 200


async def watched(call: Call, gaps: list[float]) -> None:
    """Times from one picture to the next, in seconds."""
    last = None
    async for _ in call.media():
        now = time.monotonic()
        if last is not None:
            gaps.append(now - last)
        last = now


def process_named(title: str, fleet: RayFleet) -> psutil.Process:
    """One of Ray's, below the command."""
    below = psutil.Process(fleet.process.pid).children(recursive=True)
    return next(each for each in below if each.is_running() and title in " ".join(each.cmdline()))


async def test_it_grows_under_load_and_shrinks_after(tmp_path: Path) -> None:
    """Two sessions a replica, and room for two more at all times: the fleet is ahead of its load. What is taken away
    drains, and the session that it has goes on."""
    options = ("--replicas", "1-3", "--warm-room", "2", "--scale-down-seconds", "3", "--max-sessions", "2")
    with running_fleet(tmp_path, *options) as fleet:
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=fleet.url, timeout=30) as client:
            assert len(fleet.having("ready")) == 1
            sessions = [await opened(client)]
            await until(lambda: len(fleet.having("ready")) == 2, START_S)
            second = time.monotonic() - began
            while len(sessions) < 4:
                sessions.append(await opened(client))
            await until(lambda: len(fleet.having("ready")) == 3, START_S)
            print(f"two replicas {second:.1f} s after the first session, three after {time.monotonic() - began:.1f} s")
            while not any(replica_of(each) == fleet.having("ready")[2] for each in sessions):
                sessions.append(await opened(client))
            kept = sessions.pop()
            for session in sessions:
                await client.delete(f"/v1/sessions/{session}")
            emptied = time.monotonic()
            await until(lambda: len(fleet.having("ready")) <= 2, START_S)
            print(f"one replica fewer {time.monotonic() - emptied:.1f} s after the load")
            assert await is_there(client, kept)
            await until(lambda: len(fleet.having("ready")) == 1 or "draining" in fleet.states().values(), START_S)
            for _ in range(5):
                await asyncio.sleep(1)
                assert await is_there(client, kept)
            await client.delete(f"/v1/sessions/{kept}")
            await until(lambda: "draining" not in fleet.states().values(), DRAINED_S)
            assert len(fleet.having("ready")) >= 1
        assert end(fleet) == 0


async def test_a_rolling_update_with_calls_live(tmp_path: Path) -> None:
    with running_fleet(tmp_path, "--replicas", "2") as fleet:
        async with (
            httpx.AsyncClient(base_url=fleet.url, timeout=30) as client,
            Livehead(fleet.url) as server,
            server.call(latency="low") as call,
        ):
            gaps: list[float] = []
            watching = asyncio.create_task(watched(call, gaps))
            sessions, before = [await opened(client) for _ in range(3)], call.id
            old = set(fleet.having("ready"))
            began = time.monotonic()
            with contextlib.ExitStack() as stack:
                options = ("--replicas", "2", "--address", fleet.ray)
                changed = running_fleet(tmp_path, *options, LIVEHEAD_MAX_VIEWERS="3", RAY_AUTH_MODE="token")
                newer = await asyncio.to_thread(stack.enter_context, changed)
                assert newer.url == fleet.url
                await until(lambda: old <= set(newer.having("draining")), START_S)
                print(f"all is new after {time.monotonic() - began:.1f} s, widest gap {max(gaps) * 1000:.0f} ms")
                new = set(newer.having("ready"))
                assert len(new) == 2
                assert not new & old
                assert [await is_there(client, each) for each in sessions] == [True] * 3
                assert call.id == before or fleet.said(f"{before}: closed: deleted"), "the call was not moved"
                assert str(replica_of(await opened(client))) in new
                assert fleet.process.poll() is None, "Ray ends with the first command"
                for session in sessions:
                    await client.delete(f"/v1/sessions/{session}")
                await until(lambda: set(newer.having("draining")) == {str(replica_of(call.id))} & old, DRAINED_S)
                assert call.state == "live"
                watching.cancel()
                await call.close()
                await until(lambda: not newer.having("draining"), DRAINED_S)
                assert end(newer) == 0
        assert fleet.said("another command has taken over")


async def test_the_directory_is_lost_and_nobody_notices(tmp_path: Path) -> None:
    with running_fleet(tmp_path, "--replicas", "2") as fleet:
        async with httpx.AsyncClient(base_url=fleet.url, timeout=30) as client:
            sessions = [await opened(client) for _ in range(2)]
            before = set(fleet.having("ready"))
            process_named("SharedDirectory", fleet).kill()
            for _ in range(20):
                assert [await is_there(client, each) for each in sessions] == [True] * 2
                await asyncio.sleep(0.25)
            assert str(replica_of(await opened(client))) in before
            assert set(fleet.having("ready")) == before


async def test_a_replica_that_hangs_is_replaced(tmp_path: Path) -> None:
    with running_fleet(tmp_path, "--replicas", "2") as fleet:
        hung = fleet.having("ready")[0]
        os.kill(server_of(hung), signal.SIGSTOP)
        stopped = time.monotonic()
        await until(lambda: hung not in fleet.having("ready") and len(fleet.having("ready")) == 2, 60)
        print(f"replaced after {time.monotonic() - stopped:.1f} s")
        async with httpx.AsyncClient(base_url=fleet.url, timeout=30) as client:
            assert replica_of(await opened(client)) != hung


async def test_ctrl_c_at_a_terminal_reaches_all_and_ends_in_order(tmp_path: Path) -> None:
    """The terminal sends it to all processes of its group."""
    with running_fleet(tmp_path, "--replicas", "2") as fleet:
        async with httpx.AsyncClient(base_url=fleet.url, timeout=30) as client:
            await opened(client)
        below = psutil.Process(fleet.process.pid).children(recursive=True)
        for each in [fleet.process.pid, *(each.pid for each in below if os.getpgid(each.pid) == fleet.process.pid)]:
            os.kill(each, signal.SIGINT)
        assert fleet.process.wait(120) == 0
        await until(lambda: not any(each.is_running() for each in below), 30)
        assert not any("Traceback" in line for line in fleet.lines())


async def test_more_replicas_than_cards(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="need 2, and the cluster has 0: use a smaller --gpus-per-replica"),
        running_fleet(tmp_path, "--replicas", "2", "--gpus-per-replica", "1"),
    ):
        pass
