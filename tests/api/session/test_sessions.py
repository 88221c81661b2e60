from __future__ import annotations

import asyncio
import logging

import httpx
import pytest

from caller import Caller
from fault_rows import Recovery
from serving import Served
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


def check(answer: httpx.Response, status: int, *words: str) -> None:
    """A problem document whose detail a person can read."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"]


async def open_session(client: httpx.AsyncClient, caller: Caller, **query: str) -> httpx.Response:
    return await client.post("/v1/sessions", params=query, content=await caller.offer(), headers=SDP)


async def test_an_offer_is_answered_as_whip_says(client: httpx.AsyncClient) -> None:
    async with Caller() as caller:
        answer = await open_session(client, caller)
        assert answer.status_code == 201
        assert answer.headers["content-type"].startswith("application/sdp")
        assert answer.headers["location"].startswith("/v1/sessions/")
        assert answer.headers["etag"].startswith('"')
        links = answer.headers.get_list("link")
        assert any("stun:stun.example.org" in link and 'rel="ice-server"' in link for link in links)
        assert any("username=" in link and "credential=" in link for link in links)
        await caller.accept(answer.text)
        await caller.seen(lambda frames: len(frames) > 10)
        state = (await client.get(answer.headers["location"])).json()
        assert state["state"] == "live"
        await until(lambda: caller.figures)
        assert {"k", "delay_ms", "bound_ms", "generate_ms", "repeated"} <= set(caller.figures[0])
        state = (await client.get(answer.headers["location"])).json()
        assert state["stats"]["bound_ms"] == 200


async def test_delete_closes_the_connection_before_it_answers(client: httpx.AsyncClient, served: Served) -> None:
    async with Caller() as caller:
        location = (await open_session(client, caller)).headers["location"]
        session = served.session(location.rpartition("/")[2])
        assert (await client.delete(location)).status_code == 200
        assert session.closed.is_set()
        await served.idle()
        check(await client.delete(location), 404)
        check(await client.get(location), 404, "session")


@pytest.mark.parametrize(
    ("body", "headers", "status", "word"),
    [
        (b"", SDP, 400, "empty"),
        (b"\x00\xff" * 500_000, SDP, 413, "larger"),
        (b"noise " * 1000, SDP, 400, "SDP"),
        (b"\xff\xfe", SDP, 400, "UTF-8"),
        (b"v=0\r\n", SDP, 422, "m-line"),
        (b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nm=audio zero\r\n", SDP, 400, "SDP"),
        (b"v=0", {"Content-Type": "application/json"}, 400, "JSON"),
        (b"v=0", {"Content-Type": "text/plain"}, 415, "application/sdp"),
        (b"v=0", {}, 415, "application/sdp"),
    ],
)
async def test_bad_bodies(
    client: httpx.AsyncClient, served: Served, body: bytes, headers: dict[str, str], status: int, word: str
) -> None:
    check(await client.post("/v1/sessions", content=body, headers=headers), status, word)
    assert served.services.registry.active == 0


async def test_noise_without_a_length_is_cut_off_too(client: httpx.AsyncClient) -> None:
    async def noise():  # type: ignore[no-untyped-def]
        for _ in range(20):
            yield b"\x00" * 50_000

    check(await client.post("/v1/sessions", content=noise(), headers=SDP), 413)


async def test_a_client_that_hangs_up_in_mid_body_is_no_error(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "livehead")
    address = httpx.URL(served.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(
        b"POST /v1/sessions HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/sdp\r\nContent-Length: 99\r\n\r\nv=0"
    )
    await writer.drain()
    writer.close()
    await until(lambda: any("hung up" in record.message for record in caplog.records))
    assert max(record.levelno for record in caplog.records) == logging.DEBUG
    assert await reader.read() == b""


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({"avatar": "nobody"}, 404, "nobody"),
        ({"latency": "warp"}, 422, "latency"),
        ({"voice": "loud"}, 422, "voice"),
        ({"source": "file"}, 422, "'mic' or 'push'"),
        ({"probe": "yes"}, 422, "probe"),
        ({"seed": "-1"}, 422, "seed"),
    ],
)
async def test_bad_options(
    client: httpx.AsyncClient, served: Served, query: dict[str, str], status: int, word: str
) -> None:
    async with Caller() as caller:
        check(await open_session(client, caller, **query), status, word)
    assert served.services.registry.active == 0


async def test_offers_that_cannot_be_served(client: httpx.AsyncClient, served: Served) -> None:
    async with Caller(audio=False) as caller:
        check(await open_session(client, caller), 422, "audio")
    async with Caller(videos=3) as caller:
        check(await open_session(client, caller), 422, "3 video")
    async with Caller(videos=0) as caller:
        check(await open_session(client, caller), 422, "video")
    await served.idle()


async def test_one_more_than_the_limit_is_told_when_to_come_back(client: httpx.AsyncClient, served: Served) -> None:
    async with Caller() as first, Caller() as second, Caller() as third:
        location = (await open_session(client, first)).headers["location"]
        assert (await open_session(client, second)).status_code == 201
        refused = await open_session(client, third)
        check(refused, 503, "2 sessions")
        assert refused.json()["type"] == "urn:livehead:full"
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get("/readyz")).json()["reason"] == "full"
        await client.delete(location)
        assert (await open_session(client, third)).status_code == 201


async def test_trickled_candidates(client: httpx.AsyncClient) -> None:
    async with Caller() as caller:
        answer = await open_session(client, caller)
        location, etag = answer.headers["location"], answer.headers["etag"]
        ufrag = next(x for x in str(caller.peer.localDescription.sdp).splitlines() if x.startswith("a=ice-ufrag:"))
        fragment = (
            f"{ufrag}\r\na=ice-pwd:irrelevantirrelevant12\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
            "a=candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host\r\na=end-of-candidates\r\n"
        )
        sent = await client.patch(location, content=fragment, headers=FRAGMENT | {"If-Match": etag})
        assert (sent.status_code, sent.content) == (204, b"")
        assert (await client.patch(location, content=fragment, headers=FRAGMENT)).status_code == 204
        stale = await client.patch(location, content=fragment, headers=FRAGMENT | {"If-Match": '"other"'})
        check(stale, 412, "ETag")
        check(await client.patch(location, content=fragment, headers=SDP), 415)
        check(await client.patch(location, content="hello", headers=FRAGMENT), 400)
        check(await client.patch(location, content=b"a" * 1_000_000, headers=FRAGMENT), 413)
        bad = fragment.replace("a=candidate:1 1 udp", "a=candidate:nonsense")
        check(await client.patch(location, content=bad, headers=FRAGMENT), 400)
        check(await client.patch("/v1/sessions/none", content=fragment, headers=FRAGMENT), 404)


@pytest.mark.fault(
    "network",
    "A client of another make asks for an ICE restart, as when its network has changed",
    "It is refused with 422, the session goes on, and the client opens another one if it needs to.",
)
async def test_an_ice_restart_is_refused_and_the_session_goes_on(client: httpx.AsyncClient, recovery: Recovery) -> None:
    async with Caller() as caller:
        answer = await open_session(client, caller)
        await caller.accept(answer.text)
        location = answer.headers["location"]
        restart = "a=ice-ufrag:newfrag\r\na=ice-pwd:newpasswordnewpassword12\r\n"
        check(await client.patch(location, content=restart, headers=FRAGMENT | {"If-Match": "*"}), 422, "restart")
        assert (await client.get(location)).status_code == 200
        before = len(caller.frames)
        await caller.seen(lambda frames: len(frames) > before + 20)
    recovery("422, and pictures go on in the same session")


async def test_options_say_what_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.options("/v1/sessions")
    assert answer.headers["accept-post"] == "application/sdp"
    answer = await client.options("/v1/sessions/any")
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


async def test_metrics_never_carry_a_session(client: httpx.AsyncClient) -> None:
    async with Caller() as caller:
        location = (await open_session(client, caller)).headers["location"]
        text = (await client.get("/metrics")).text
        assert location.rpartition("/")[2] not in text
        assert "livehead_sessions 1.0" in text
