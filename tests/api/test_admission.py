"""What the engine was measured to hold decides who gets in. The fake takes 19 ms a stream, so one session at low fills
it, and several fit at throughput."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from caller import Caller
from line import Line
from livehead.engine.base import EngineSpec
from serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create", {"item_seconds": 0.019, "max_batch": 1})) as server:
        yield server


async def sessions(served: Served) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        found: dict[str, Any] = (await client.get(f"{served.url}/v1/info")).json()["sessions"]
    return found


async def test_info_shows_what_was_measured(served: Served) -> None:
    shown = await sessions(served)
    presets = shown["by_preset"]
    assert (shown["active"], shown["load"]) == (0, 0.0)
    assert presets["low"] == {"active": 0, "max": 1, "room": 1}
    assert 1 < presets["throughput"]["max"] == presets["throughput"]["room"] <= 144 / 19
    assert shown["max"] == presets["throughput"]["max"]


async def test_a_session_that_does_not_fit_is_refused_with_the_reason(served: Served) -> None:
    async with Caller() as caller, Line(served.url) as line, httpx.AsyncClient(base_url=served.url) as client:
        await line.call(caller, latency="low")
        shown = await sessions(served)
        assert (shown["active"], shown["load"]) == (1, 1.0)
        assert {preset["room"] for preset in shown["by_preset"].values()} == {0}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "full")
        refused = await client.post(
            "/v1/sessions?latency=throughput", content=await caller.offer(), headers={"Content-Type": "application/sdp"}
        )
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:livehead:full")
        assert int(refused.headers["retry-after"]) > 0
        assert "100 %" in refused.json()["detail"]
        await line.send(type="bye")
        await line.state("closed")
    await served.settled()
    assert (await sessions(served))["load"] == 0.0


async def test_a_preset_that_does_not_fit_in_mid_session_is_refused_and_the_call_goes_on(served: Served) -> None:
    async with Caller() as caller, Caller() as other, Line(served.url) as line, Line(served.url) as second:
        session = await line.call(caller, latency="throughput")
        await second.call(other, latency="throughput")
        await line.send(type="latency", preset="low")
        error = (await line.next("error"))["error"]
        assert (error["status"], error["type"]) == (503, "urn:livehead:full")
        assert "low" in error["detail"]
        assert served.session(session).describe()["latency"] == "throughput"
        await second.send(type="bye")
        await second.state("closed")
        await served.settled(1)
        await line.send(type="latency", preset="low")
        while (await line.next("stats"))["bound_ms"] != 200:
            pass
        await line.send(type="latency", preset="throughput")  # takes less: always possible
        while (await line.next("stats"))["bound_ms"] != 600:
            pass
        await line.send(type="latency", preset="never")
        assert (await line.next("error"))["error"]["status"] == 422
        await line.send(type="bye")
        await line.state("closed")
    await served.settled()
