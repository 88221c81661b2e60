"""The SmallWebRTC form over HTTP, with a client that knows it from Pipecat's sources alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from caller import Caller, bursts
from livehead.access.tokens import Grant, Tokens
from livehead.core.identity import Role
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


class PipecatClient(Caller):
    """A caller with the m-lines, the data channel and the messages of small-webrtc-transport."""

    def __init__(self, **options: Any) -> None:
        super().__init__(bursts, channel="chat", **options)
        self.pc_id: str | None = None

    async def body(self, **more: Any) -> dict[str, Any]:
        return {"sdp": await self.offer(), "type": "offer", "pc_id": self.pc_id, "restart_pc": False} | more

    async def connect(self, http: httpx.AsyncClient, url: str = "/api/offer", **more: Any) -> dict[str, Any]:
        answer = await http.post(url, json=await self.body(**more))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert told.keys() == {"sdp", "type", "pc_id"}
        assert told["type"] == "answer"
        self.pc_id = told["pc_id"]
        await self.accept(told["sdp"])
        return told

    async def ready(self) -> dict[str, Any]:
        """Say that the client is ready; gives the bot-ready."""
        await until(lambda: self.channel.readyState == "open", 10)
        self.channel.send("ping: 1764243600000")
        self.channel.send(json.dumps({"label": "rtvi-ai", "id": "a1", "type": "client-ready", "data": {}}))
        return await self.told("bot-ready")

    async def told(self, kind: str, within: float = 10.0) -> dict[str, Any]:
        """The first message of that type, as soon as it is there."""
        await until(lambda: any(each.get("type") == kind for each in self.figures), within)
        return next(each for each in self.figures if each.get("type") == kind)


def check(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in answer.json()["detail"]


async def test_a_call(client: httpx.AsyncClient, served: Served) -> None:
    async with PipecatClient() as caller:
        await caller.connect(client)
        ready = await caller.ready()
        assert ready["id"] == "a1"
        assert ready["data"]["version"] == "2.0.0"
        await caller.seen(lambda frames: len(frames) > 10)
        session = served.session(str(caller.pc_id))
        assert session.describe()["source"] == "mic"
        await caller.told("bot-started-speaking")
        await caller.told("bot-stopped-speaking")
        foreign = [each for each in caller.figures if each.get("label") != "rtvi-ai"]
        assert foreign == [], "messages of ours on a channel that is not ours"
        caller.channel.send(json.dumps({"label": "rtvi-ai", "id": "a2", "type": "disconnect-bot", "data": {}}))
        await asyncio.wait_for(session.closed.wait(), 5)
        await caller.told("signalling")


async def test_a_backend_speaks_in_the_session_that_pc_id_names(client: httpx.AsyncClient, served: Served) -> None:
    async with PipecatClient(audio=False) as caller:
        caller.peer.addTransceiver("audio", direction="recvonly")
        wanted = {"source": "push", "latency": "balanced", "unknown": 1}
        await caller.connect(client, requestData=wanted)
        state = (await client.get(f"/v1/sessions/{caller.pc_id}")).json()
        assert (state["source"], state["latency"], state["voice"]) == ("push", "balanced", "on")


async def test_a_start_says_what_the_offer_does_not(client: httpx.AsyncClient, served: Served) -> None:
    answer = await client.post("/start", json={"transport": "webrtc", "body": {"latency": "balanced"}})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    started = answer.json()
    assert started.keys() == {"sessionId", "iceConfig"}
    servers = started["iceConfig"]["iceServers"]
    assert servers[0]["urls"] == ["stun:stun.example.org:3478"]
    assert servers[1]["credential"]
    url = f"/sessions/{started['sessionId']}/api/offer"
    async with PipecatClient() as caller:
        await caller.connect(client, url)
        assert served.session(str(caller.pc_id)).latency == "balanced"
        patched = await client.patch(url, json={"pc_id": caller.pc_id, "candidates": []})
        assert patched.json() == {"status": "success"}
    check(await client.post("/sessions/none/api/offer", json={"sdp": "v=0\r\n", "type": "offer"}), 404, "Start again")


async def test_a_start_needs_no_body(client: httpx.AsyncClient) -> None:
    started = await client.post("/start")
    assert started.status_code == 200
    started = await client.post("/start", headers={"Content-Type": "application/json"})
    assert started.status_code == 200


async def test_candidates_come_later(client: httpx.AsyncClient, served: Served) -> None:
    """The client sends its offer before it knows any candidate."""
    async with PipecatClient() as caller:
        body = await caller.body()
        lines = body["sdp"].splitlines(keepends=True)
        mine = [line for line in lines if line.startswith("a=candidate:")]
        rest = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
        answer = await client.post("/api/offer", json=body | {"sdp": "".join(rest)})
        caller.pc_id = answer.json()["pc_id"]
        viewer = served.session(str(caller.pc_id)).caller
        assert viewer is not None
        candidates = [{"candidate": line[2:].strip(), "sdp_mid": "0", "sdp_mline_index": 0} for line in mine] + [
            {"candidate": "", "sdp_mid": "0", "sdp_mline_index": 0}
        ]
        patched = await client.patch("/api/offer", json={"pc_id": caller.pc_id, "candidates": candidates})
        assert (patched.status_code, patched.json()) == (200, {"status": "success"})
        await caller.accept(answer.json()["sdp"])
        await caller.seen(lambda frames: len(frames) > 3)
        broken = {"pc_id": caller.pc_id, "candidates": [{"candidate": 5}]}
        check(await client.patch("/api/offer", json=broken), 400, '"candidate" must be')
    check(await client.patch("/api/offer", json={"pc_id": "nobody", "candidates": []}), 404, "pc_id")


async def test_the_same_offer_again_gets_the_same_answer(client: httpx.AsyncClient, served: Served) -> None:
    async with PipecatClient() as caller:
        first = await caller.connect(client)
        await caller.seen(lambda frames: len(frames) > 3)
        again = await client.post("/api/offer", json=await caller.body())
        assert again.json() == first
        assert served.services.registry.active == 1
        await caller.accept(again.json()["sdp"])
        seen = len(caller.frames)
        await caller.seen(lambda frames: len(frames) > seen + 10)


async def test_an_ice_restart_is_refused_and_the_session_kept(client: httpx.AsyncClient, served: Served) -> None:
    async with PipecatClient() as caller, PipecatClient() as other:
        await caller.connect(client)
        answer = await client.post("/api/offer", json=await other.body(pc_id=caller.pc_id))
        check(answer, 422, "restart_pc")
        await caller.seen(lambda frames: len(frames) > 3)


async def test_a_new_peer_connection_replaces_the_old_one(client: httpx.AsyncClient, served: Served) -> None:
    async with PipecatClient() as caller, PipecatClient() as other:
        await caller.connect(client, requestData={"latency": "balanced"})
        before = served.session(str(caller.pc_id))
        other.pc_id = caller.pc_id
        await other.connect(client, restart_pc=True)
        assert before.closed.is_set()
        assert before.state.reason == "replaced"
        assert served.session(str(other.pc_id)).latency == "balanced", "it wants what it wanted before"
        assert served.services.registry.active == 1
        await other.seen(lambda frames: len(frames) > 3)


async def test_a_client_may_come_back_to_a_session_that_has_ended(client: httpx.AsyncClient, served: Served) -> None:
    async with PipecatClient() as caller, PipecatClient() as other:
        await caller.connect(client)
        before = served.session(str(caller.pc_id))
        before.end("test")
        await before.closed.wait()
        other.pc_id = caller.pc_id
        await other.connect(client, restart_pc=True)
        assert other.pc_id != caller.pc_id
        assert served.services.small_webrtc.connections.find(str(other.pc_id)).session.id == other.pc_id


async def test_the_client_is_told_of_the_end(client: httpx.AsyncClient, served: Served) -> None:
    """Else it would call again."""
    async with PipecatClient() as caller:
        await caller.connect(client)
        await caller.ready()
        assert (await client.delete(f"/v1/sessions/{caller.pc_id}")).status_code == 200
        assert (await caller.told("signalling"))["message"] == {"type": "peerLeft"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, '"sdp"'),
        ({"sdp": "v=0\r\n"}, 400, '"type"'),
        ({"sdp": "v=0\r\n", "type": "answer"}, 400, '"type" must be "offer"'),
        ({"sdp": "noise", "type": "offer"}, 400, "v=0"),
        ({"sdp": "v=0\r\n", "type": "offer"}, 422, "m-line"),
        ({"sdp": 5, "type": "offer"}, 400, '"sdp" must be'),
        ({"sdp": "v=0\r\n", "type": "offer", "requestData": {"source": "radio"}}, 400, "one of mic, push"),
        ({"sdp": "v=0\r\n", "type": "offer", "request_data": {"avatar": "nobody"}}, 404, "avatar"),
        ({"sdp": "v=0\r\n", "type": "offer", "requestData": {"latency": "slow"}}, 422, "preset"),
        ({"sdp": "v=0\r\n" + "a" * 40_000, "type": "offer"}, 413, "larger"),
    ],
)
async def test_bad_offers(
    client: httpx.AsyncClient, served: Served, body: dict[str, Any], status: int, words: str
) -> None:
    check(await client.post("/api/offer", json=body), status, words)
    await served.settled()


async def test_bodies_that_are_no_json(client: httpx.AsyncClient) -> None:
    for path in ("/api/offer", "/start", "/sessions/x/api/offer"):
        check(await client.post(path, content=b"v=0", headers={"Content-Type": "application/sdp"}), 415, "json")
        check(await client.post(path, content=b"[]", headers={"Content-Type": "application/json"}), 400, "object")
    check(await client.patch("/api/offer", json={"pc_id": "", "candidates": []}), 400, "pc_id")
    check(await client.patch("/api/offer", json={"pc_id": "x", "candidates": [5]}), 400, "list of objects")


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("access") / "keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(credentials: Credentials) -> AsyncIterator[Served]:
    async with serving(FAKE, keys=credentials.path, token_secret=SECRET, max_sessions=2) as server:
        yield server


def token(owner: str, *roles: Role) -> str:
    return Tokens(SECRET, 600).make(owner, Grant(roles=frozenset(roles)))


async def test_a_token_in_the_header(locked: Served) -> None:
    headers = {"Authorization": f"Bearer {token('alice', Role.OPEN)}"}
    async with PipecatClient() as caller, httpx.AsyncClient(base_url=locked.url, headers=headers) as http:
        started = (await http.post("/start")).json()
        await caller.connect(http, f"/sessions/{started['sessionId']}/api/offer")
        patch = {"pc_id": caller.pc_id, "candidates": []}
        assert (await http.patch("/api/offer", json=patch)).status_code == 200
        async with httpx.AsyncClient(base_url=locked.url) as stranger:
            check(await stranger.patch("/api/offer", json=patch), 401)
            bob = {"Authorization": f"Bearer {token('bob', *Role)}"}
            check(await stranger.patch("/api/offer", json=patch, headers=bob), 403)
            check(await stranger.post("/api/offer", json=await caller.body(), headers=bob), 403)
        await caller.seen(lambda frames: len(frames) > 3)
        locked.session(str(caller.pc_id)).end("test-over")
    await locked.settled()


async def test_a_token_in_the_offer(locked: Served) -> None:
    """Then the client has no header for its candidates, and its pc_id must do."""
    data = {"token": token("alice", Role.OPEN)}
    async with PipecatClient() as caller, httpx.AsyncClient(base_url=locked.url) as http:
        check(await http.post("/api/offer", json=await caller.body()), 401)
        for wrong in ("garbage", token("carol", Role.OPEN)):
            check(await http.post("/api/offer", json=await caller.body(requestData={"token": wrong})), 401)
        viewer = {"token": token("alice", Role.VIEW)}
        check(await http.post("/api/offer", json=await caller.body(requestData=viewer)), 403)
        await caller.connect(http, requestData=data)
        assert (await http.patch("/api/offer", json={"pc_id": caller.pc_id, "candidates": []})).status_code == 200
        check(await http.patch("/api/offer", json={"pc_id": "nobody", "candidates": []}), 401)
        locked.session(str(caller.pc_id)).end("test-over")
    await locked.settled()


async def test_a_token_in_the_start(locked: Served) -> None:
    async with PipecatClient() as caller, httpx.AsyncClient(base_url=locked.url) as http:
        check(await http.post("/start"), 401)
        check(await http.post("/start", json={"body": {}}), 401)
        started = await http.post("/start", json={"body": {"token": token("alice", Role.OPEN)}})
        await caller.connect(http, f"/sessions/{started.json()['sessionId']}/api/offer")
        locked.session(str(caller.pc_id)).end("test-over")
    await locked.settled()
