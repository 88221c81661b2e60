"""WHEP as draft-ietf-wish-whep-04 has it, by table: the endpoint /whep/{session} and the viewers under it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from api.offers import FRAGMENT, SDP, problem
from backend import listener
from caller import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def endpoint(client: httpx.AsyncClient) -> AsyncIterator[str]:
    session = (await client.post("/v1/sessions", json={"probe": True})).json()
    yield session["whep"]
    await client.delete(f"/v1/sessions/{session['session']}")


async def test_a_viewer_is_answered_sees_and_leaves(client: httpx.AsyncClient, endpoint: str) -> None:
    async with listener() as viewer:
        answer = await client.post(endpoint, content=await viewer.offer(), headers=SDP)
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"].partition(";")[0] == "application/sdp"
        location = answer.headers["location"]
        assert re.fullmatch(re.escape(endpoint) + r"/[\w-]+", location)
        assert re.fullmatch(r'"[^"]+"', answer.headers["etag"])
        assert any('rel="ice-server"' in link for link in answer.headers.get_list("link"))
        await viewer.accept(answer.text)
        await viewer.seen(lambda frames: len(frames) > 10)
        assert (await client.delete(location)).status_code == 200
        problem(await client.delete(location), 404)
        problem(await client.patch(location, content="a=ice-ufrag:abcd\r\n", headers=FRAGMENT), 404)


@pytest.mark.parametrize("kinds", [("video",), ("audio",), ("audio", "video"), ("video", "audio")])
async def test_a_viewer_may_take_one_kind_only(
    client: httpx.AsyncClient, endpoint: str, kinds: tuple[str, ...]
) -> None:
    async with Caller(audio=False, videos=0) as viewer:
        for kind in kinds:
            viewer.peer.addTransceiver(kind, direction="recvonly")
        answer = await client.post(endpoint, content=await viewer.offer(), headers=SDP)
        assert answer.status_code == 201, answer.text
        await viewer.accept(answer.text)
        if "video" in kinds:
            await viewer.seen(lambda frames: len(frames) > 5)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_the_endpoint_takes_post_and_options_only(client: httpx.AsyncClient, endpoint: str, method: str) -> None:
    answer = await client.request(method, endpoint)
    assert answer.status_code == 405
    assert {"POST", "OPTIONS"} & {each.strip() for each in answer.headers["allow"].split(",")}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST"])
async def test_a_viewer_takes_patch_and_delete_only(client: httpx.AsyncClient, endpoint: str, method: str) -> None:
    assert (await client.request(method, f"{endpoint}/none")).status_code == 405


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("", b"", SDP, 400),
        ("", b"noise", SDP, 400),
        ("", b"v=0\r\n", SDP, 422),
        ("", b"v=0\r\n", {}, 415),
        ("", b"v=0\r\n", SDP | {"Accept": "application/json"}, 406),
        ("", b"v=0\r\n" * 100_000, SDP, 413),
        ("x", b"v=0\r\n", SDP, 404),
    ],
)
async def test_offers_that_are_none(
    client: httpx.AsyncClient, endpoint: str, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    problem(await client.post(endpoint + path, content=body, headers=headers), status)


async def test_candidates_trickle_and_a_restart_is_refused(client: httpx.AsyncClient, endpoint: str) -> None:
    async with listener() as viewer:
        offer = await viewer.offer()
        candidates = [line for line in offer.splitlines() if line.startswith("a=candidate")]
        bare = "\r\n".join(line for line in offer.splitlines() if "candidate" not in line) + "\r\n"
        answer = await client.post(endpoint, content=bare, headers=SDP)
        location, etag = answer.headers["location"], answer.headers["etag"]
        ufrag = re.search(r"a=ice-ufrag:(\S+)", offer)
        mid = re.search(r"a=mid:(\S+)", offer)
        assert ufrag is not None
        assert mid is not None
        fragment = "\r\n".join(
            [f"a=ice-ufrag:{ufrag[1]}", "m=video 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid[1]}", *candidates, ""]
        )
        problem(await client.patch(location, content=fragment, headers=FRAGMENT | {"If-Match": '"other"'}), 412)
        restart = fragment.replace(ufrag[1], "fresh")
        problem(await client.patch(location, content=restart, headers=FRAGMENT | {"If-Match": "*"}), 422)
        answered = await client.patch(location, content=fragment, headers=FRAGMENT | {"If-Match": etag})
        assert answered.status_code == 204, answered.text
        await viewer.accept(answer.text)
        await viewer.seen(lambda frames: len(frames) > 5)
        described = await client.options(location)
        assert described.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
        assert (await client.options(endpoint)).headers["accept-post"] == "application/sdp"
