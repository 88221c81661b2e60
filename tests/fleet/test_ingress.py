"""Three servers behind the ingress: sessions are spread, and every request finds its replica."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.conftest import FAKE
from caller import Caller
from fleet.behind_ingress import Fleet, serving_fleet
from line import Line
from livehead.core.ids import replica_of
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
PUSHED = {"avatar": "default", "source": "push"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet() -> AsyncIterator[Fleet]:
    async with serving_fleet(
        FAKE, ingress={"cors_origins": ("https://shop.example",)}, max_sessions=4, cors_origins=["https://shop.example"]
    ) as fleet:
        yield fleet


@pytest_asyncio.fixture(loop_scope="module")
async def client(fleet: Fleet) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=fleet.url) as client:
        yield client
    for served in fleet.replicas.values():
        for session in list(served.services.registry.sessions):
            session.end("test-over")
        await served.settled()
    await fleet.read()


async def opened(client: httpx.AsyncClient, **options: object) -> str:
    answer = await client.post("/v1/sessions", json=PUSHED | options)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session"])


async def test_eight_sessions_are_spread(fleet: Fleet, client: httpx.AsyncClient) -> None:
    sessions = [await opened(client) for _ in range(8)]
    assert sorted(fleet.spread) == [2, 3, 3]
    for session in sessions:
        assert fleet.of(session).session(session).id == session
        assert (await client.get(f"/v1/sessions/{session}")).json()["session"] == session


async def test_eight_that_come_at_once_are_spread(fleet: Fleet, client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(opened(client) for _ in range(8)))
    assert sorted(fleet.spread) == [2, 3, 3]


async def test_the_fleet_takes_as_many_as_its_replicas(fleet: Fleet, client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(opened(client) for _ in range(12)))
    assert fleet.spread == [4, 4, 4]
    refused = await client.post("/v1/sessions", json=PUSHED)
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:livehead:full"
    assert int(refused.headers["retry-after"]) >= 1
    await until(lambda: not _ready_now(fleet))
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["reason"]) == (503, "full")


def _ready_now(fleet: Fleet) -> bool:
    return any(each.reading is None or each.reading.room("low") != 0 for each in fleet.directory.replicas())


async def test_a_call_by_http(fleet: Fleet, client: httpx.AsyncClient) -> None:
    async with Caller() as caller:
        answer = await client.post("/v1/sessions", content=await caller.offer(), headers=SDP)
        assert answer.status_code == 201, answer.text
        location = answer.headers["location"]
        assert location.startswith("/v1/sessions/")
        assert answer.headers["etag"]
        await caller.accept(answer.text)
        await until(lambda: caller.frames)
        assert (await client.get(location)).json()["state"] == "live"
        assert (await client.delete(location)).status_code == 200
        assert (await client.get(location)).status_code == 404


async def test_a_call_by_the_signal_socket(fleet: Fleet, client: httpx.AsyncClient) -> None:
    async with Caller() as caller, Line(fleet.url) as line:
        session = await line.call(caller)
        await line.state("live")
        assert fleet.of(session).session(session)
        await line.next("stats")
        await line.send(type="bye")
        assert (await line.state("closed"))["reason"] == "bye"
        await line.socket.wait_closed()
        assert line.socket.close_code == 1000


async def test_pipecat_finds_its_way(fleet: Fleet, client: httpx.AsyncClient) -> None:
    started = await client.post("/start", json={"body": {"latency": "low"}})
    start = started.json()["sessionId"]
    assert replica_of(start) in fleet.replicas
    async with Caller(channel="chat") as caller:
        offer = {"sdp": await caller.offer(), "type": "offer"}
        answer = await client.post(f"/sessions/{start}/api/offer", json=offer)
        assert answer.status_code == 200, answer.text
        pc_id = answer.json()["pc_id"]
        assert replica_of(pc_id) == replica_of(start)
        trickle = {"pc_id": pc_id, "candidates": []}
        assert (await client.patch("/api/offer", json=trickle)).json() == {"status": "success"}
        again = await client.post("/api/offer", json=offer | {"pc_id": pc_id})
        assert again.json()["pc_id"] == pc_id
    async with Caller(channel="chat") as caller:
        offer = {"sdp": await caller.offer(), "type": "offer", "pc_id": "gone.abcdef"}
        answer = await client.post("/api/offer", json=offer)
        assert answer.status_code == 200, answer.text
        assert replica_of(answer.json()["pc_id"]) in fleet.replicas
    gone = await client.patch("/api/offer", json={"pc_id": "gone.abcdef", "candidates": []})
    assert gone.status_code == 404


@pytest.mark.parametrize("session", ["gone.abcdef", "abcdef", "a.abcdef"])
async def test_a_session_that_is_gone(fleet: Fleet, client: httpx.AsyncClient, session: str) -> None:
    origin = {"Origin": "https://shop.example"}
    for answer in (
        await client.get(f"/v1/sessions/{session}", headers=origin),
        await client.delete(f"/v1/sessions/{session}", headers=origin),
        await client.post(f"/whep/{session}", content="v=0", headers=SDP | origin),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:livehead:not-found"
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{fleet.url.replace('http', 'ws')}/v1/sessions/{session}/speech?rate=24000")
    assert refused.value.response.status_code == 404
    assert b"urn:livehead:not-found" in (refused.value.response.body or b"")


async def test_the_fleet_as_one_server(fleet: Fleet, client: httpx.AsyncClient) -> None:
    await opened(client)
    await fleet.read()
    info = (await client.get("/v1/info")).json()
    assert info["sessions"]["active"] == 1
    assert info["sessions"]["max"] == 12
    assert info["sessions"]["by_preset"]["low"]["room"] == 11
    assert [each["name"] for each in info["replicas"]] == ["a", "b", "c"]
    assert (await client.get("/readyz")).json() == {"ready": True}
    assert (await client.get("/healthz")).json() == {"ok": True}
    page = (await client.get("/metrics")).text
    assert 'livehead_replica_up{replica="a"} 1' in page
    assert 'livehead_sessions{replica="b"} ' in page
    assert page.count("# TYPE livehead_sessions gauge") == 1


async def test_pages_and_files(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    module = await client.get("/client/index.js")
    again = await client.get("/client/index.js", headers={"If-None-Match": module.headers["etag"]})
    assert again.status_code == 304
    assert json.loads((await client.get("/v1/avatars")).text)[0]["id"] == "default"
