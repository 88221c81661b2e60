"""Two servers in processes of their own behind the ingress, and one of them is killed with calls live."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from backend import tone
from fleet.behind_ingress import REPLICAS, processes, serving_ingress
from livehead.client import Call, CallState, Livehead, SessionEnded
from livehead.core.ids import replica_of
from livehead.fleet.directory import MemoryDirectory
from waiting import PATIENCE, until

BACK_S = 5.0
"""From the death of a replica to pictures again."""


async def test_a_replica_is_killed(tmp_path: Path) -> None:
    """Its calls are back by themselves, the others notice nothing, and who cannot come back is told."""
    directory = MemoryDirectory()
    async with (
        processes(tmp_path) as started,
        serving_ingress(directory, watch_seconds=0.2) as url,
        Livehead(url, patience=20) as server,
        AsyncExitStack() as stack,
    ):
        for name, process in started.items():
            directory.add(name, process.url)
        await until(lambda: all(each.reading is not None for each in directory.replicas()))
        call = await stack.enter_async_context(server.call(seed=7))
        other = await stack.enter_async_context(server.call())
        lost, kept = str(replica_of(call.id)), str(replica_of(other.id))
        assert {lost, kept} == set(REPLICAS)
        directory.change(kept, "draining")  # what comes now goes to the other
        backends = await stack.enter_async_context(server.session())
        steady = await stack.enter_async_context(server.call(reconnect=False))
        line = await stack.enter_async_context(connect(f"{url.replace('http', 'ws')}/v1/signal"))
        directory.change(kept, "ready")
        assert {replica_of(each.id) for each in (backends, steady)} == {lost}

        events, before = call.events, call.id
        watching = [asyncio.create_task(arrivals(each)) for each in (call, other, steady)]
        said = await call.speak(tone(20))
        await said.started()
        told = await backends.speak(tone(1))
        killed = time.monotonic()
        os.kill(started[lost].process.pid, signal.SIGKILL)

        assert await next_state(events) == "reconnecting"
        assert await next_state(events) == "live"
        back = time.monotonic() - killed
        print(f"back after {back:.2f} s")
        assert back < BACK_S * PATIENCE
        assert replica_of(call.id) == kept
        assert (await said.finished()).reason in ("connection-lost", "session-ended")
        assert (await (await call.speak(tone(0.2))).finished()).reason == "finished"

        await asyncio.wait_for(watching[2], 60)
        assert (steady.state, other.state) == ("closed", "live")
        with pytest.raises(SessionEnded):
            await steady.speak(tone(0.1))
        assert (await told.finished()).reason in ("connection-lost", "session-ended")
        with pytest.raises(SessionEnded):
            await backends.speak(tone(0.1))
        with pytest.raises(ConnectionClosed) as closed:
            await line.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1014
        async with httpx.AsyncClient(base_url=url) as client:
            gone = await client.get(f"/v1/sessions/{before}")
        assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    seen, others, _ = [await each for each in watching]
    assert any(each > killed + back for each in seen)  # whoever reads the media goes on reading
    assert max(after - before for before, after in pairwise(others)) < back


async def next_state(events: object) -> str:
    while True:
        event = await asyncio.wait_for(anext(events), 60)  # type: ignore[call-overload]
        if isinstance(event, CallState):
            return event.state


async def arrivals(call: Call) -> list[float]:
    """When each picture of the call came, until it ends."""
    return [time.monotonic() async for _ in call.media()]
