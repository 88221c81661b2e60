"""Sessions whose preset the server chooses. The fake takes 19 ms a stream, so one session at low fills it, three do at
balanced, and six or seven fit at throughput."""

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
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUSHED = {"source": "push", "latency": "auto"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    spec = EngineSpec("fakes:create", {"item_seconds": 0.019, "max_batch": 1})
    async with serving(spec, latency="auto") as server:
        yield server


async def info(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/v1/info")).json()
    return found


async def test_as_many_are_let_in_as_fit_at_the_preset_that_takes_least(
    client: httpx.AsyncClient, served: Served
) -> None:
    shown = await info(client)
    assert shown["default_latency"] == "auto"
    assert shown["latency"]["auto"] == {"preset": "low", **shown["latency"]["low"]}
    most = shown["sessions"]["max"]
    assert shown["sessions"]["auto"] == {"active": 0, "max": most, "room": most}
    made = [(await client.post("/v1/sessions", json=PUSHED)).json()["session"] for _ in range(most)]
    refused = await client.post("/v1/sessions", json=PUSHED)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:livehead:full")
    assert (await client.get("/readyz")).json()["reason"] == "full"
    shown = await info(client)
    assert shown["sessions"]["auto"] == {"active": most, "max": most, "room": 0}
    assert shown["sessions"]["load"] == 1.0
    assert shown["latency"]["auto"]["preset"] == "throughput"

    def at() -> list[str]:
        return [session.preset for session in served.services.registry.sessions]

    await until(lambda: at().count("throughput") >= most - 1, 10)
    told = (await client.get(f"/v1/sessions/{made[0]}")).json()
    assert (told["latency"], told["preset"]) == ("auto", served.session(made[0]).preset)
    metrics = (await client.get("/metrics")).text
    assert 'livehead_latency_moves_total{direction="up",reason="load"}' in metrics
    assert 'livehead_sessions_by_preset{latency="auto",preset="throughput"}' in metrics


async def test_one_that_chose_keeps_its_preset_and_others_go_round_it(
    client: httpx.AsyncClient, served: Served
) -> None:
    chose = (await client.post("/v1/sessions", json=PUSHED | {"latency": "balanced"})).json()["session"]
    for _ in range(2):
        assert (await client.post("/v1/sessions", json=PUSHED)).status_code == 201
    others = [session for session in served.services.registry.sessions if session.id != chose]
    await until(lambda: all(session.preset != "low" for session in others), 5)
    assert (served.session(chose).latency, served.session(chose).preset) == ("balanced", "balanced")
    by_preset = (await info(client))["sessions"]["by_preset"]
    assert by_preset["balanced"]["active"] >= 1


async def test_a_call_is_told_of_its_preset_and_may_choose_and_give_the_choice_back(
    client: httpx.AsyncClient, served: Served
) -> None:
    async with Caller() as caller, Line(served.url) as line:
        session = served.session(await line.call(caller))
        assert (session.latency, session.preset) == ("auto", "low")
        await line.send(type="latency", preset="throughput")
        assert await line.next("latency") == {"type": "latency", "preset": "throughput", "by": "client"}
        await line.send(type="latency", preset="auto")
        told = await line.next("latency", 20)  # there is room, as soon as it has lasted
        assert (told["preset"], told["by"]) == ("low", "server")
        while (stats := await line.next("stats"))["preset"] != "low":
            pass
        assert stats["latency"] == "auto"
        await line.send(type="latency", preset="never")
        assert "auto" in (await line.next("error"))["error"]["detail"]
        await line.send(type="bye")
        await line.state("closed")


@pytest.mark.parametrize("latency", ["auto", None])
async def test_small_webrtc_takes_it_too(client: httpx.AsyncClient, served: Served, latency: str | None) -> None:
    async with Caller(channel="chat") as caller:
        wanted = {} if latency is None else {"requestData": {"latency": latency}}
        body = {"sdp": await caller.offer(), "type": "offer", **wanted}
        answer = await client.post("/api/offer", json=body)
        assert answer.status_code == 200, answer.text
        (session,) = served.services.registry.sessions
        assert session.latency == "auto"
