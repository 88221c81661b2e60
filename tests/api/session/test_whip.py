"""WHIP as RFC 9725 has it, by table: the endpoint /whip/{avatar} and the session that its Location names."""

from __future__ import annotations

import re

import httpx
import pytest

from api.offers import FRAGMENT, SDP, camera, problem, publisher
from caller import Caller, tone
from serving import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_microphone_is_published_and_its_portrait_is_seen_by_whep(
    client: httpx.AsyncClient, served: Served
) -> None:
    async with publisher(tone) as microphone, Caller(audio=False) as viewer:
        answer = await client.post("/whip/default?probe=1", content=await microphone.offer(), headers=SDP)
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"].partition(";")[0] == "application/sdp"
        assert "m=audio" in answer.text
        assert "m=video" not in answer.text
        location = answer.headers["location"]
        assert re.fullmatch(r"/v1/sessions/[\w-]+", location)
        assert re.fullmatch(r'"[^"]+"', answer.headers["etag"]), "a strong entity tag"
        assert any('rel="ice-server"' in link for link in answer.headers.get_list("link"))
        await microphone.accept(answer.text)
        seen = await client.post(f"/whep/{location.rpartition('/')[2]}", content=await viewer.offer(), headers=SDP)
        assert seen.status_code == 201, seen.text
        await viewer.accept(seen.text)
        await viewer.seen(lambda frames: any(each.code is not None and each.code.loudness >= 8 for each in frames))
        assert (await client.delete(location)).status_code == 200
        assert (await client.delete(location)).status_code == 404
    await served.idle()


async def test_a_camera_is_answered_inactive(client: httpx.AsyncClient) -> None:
    async with camera() as both:
        answer = await client.post("/whip/default", content=await both.offer(), headers=SDP)
        assert answer.status_code == 201, answer.text
        video = answer.text[answer.text.index("m=video") :]
        assert "a=inactive" in video
        await both.accept(answer.text)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_the_endpoint_takes_post_and_options_only(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/whip/default")
    assert answer.status_code == 405
    assert {"POST", "OPTIONS"} & {each.strip() for each in answer.headers["allow"].split(",")}


async def test_options_say_what_post_takes(client: httpx.AsyncClient) -> None:
    answer = await client.options("/whip/default")
    assert answer.status_code == 204
    assert answer.headers["accept-post"] == "application/sdp"
    assert any("stun:" in link and 'rel="ice-server"' in link for link in answer.headers.get_list("link"))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/whip/default", b"", SDP, 400),
        ("/whip/default", b"noise", SDP, 400),
        ("/whip/default", b"v=0\r\n", SDP, 422),
        ("/whip/default", b"v=0\r\n", {}, 415),
        ("/whip/default", b"{}", {"Content-Type": "application/json"}, 415),
        ("/whip/default", b"v=0\r\n", SDP | {"Accept": "text/html"}, 406),
        ("/whip/default", b"v=0\r\n", SDP | {"Accept": "application/sdp;q=0, text/html"}, 406),
        ("/whip/default", b"v=0\r\n" * 100_000, SDP, 413),
        ("/whip/default?latency=none", b"v=0\r\n", SDP, 422),
        ("/whip/default?source=radio", b"v=0\r\n", SDP, 422),
    ],
)
async def test_offers_that_are_none(
    client: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    problem(await client.post(path, content=body, headers=headers), status)


@pytest.mark.parametrize("accept", ["application/sdp", "application/*", "*/*", "text/html, */*;q=0.1", ""])
async def test_an_accept_with_room_for_the_answer(client: httpx.AsyncClient, accept: str) -> None:
    async with publisher() as microphone:
        answer = await client.post("/whip/default", content=await microphone.offer(), headers=SDP | {"Accept": accept})
        assert answer.status_code == 201, answer.text


async def test_a_portrait_that_there_is_not(client: httpx.AsyncClient) -> None:
    async with publisher() as microphone:
        problem(await client.post("/whip/nobody", content=await microphone.offer(), headers=SDP), 404)


async def test_candidates_trickle_and_a_restart_is_refused(client: httpx.AsyncClient) -> None:
    async with publisher() as microphone:
        offer = await microphone.offer()
        answer = await client.post("/whip/default", content=offer, headers=SDP)
        location, etag = answer.headers["location"], answer.headers["etag"]
        ufrag = re.search(r"a=ice-ufrag:(\S+)", offer)
        assert ufrag is not None
        candidate = next(line for line in offer.splitlines() if line.startswith("a=candidate"))
        fragment = (
            f"a=ice-ufrag:{ufrag[1]}\r\na=ice-pwd:x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n{candidate}\r\n"
        )
        for match, status in ((None, 204), (etag, 204), ('"other"', 412)):
            headers = FRAGMENT | ({"If-Match": match} if match else {})
            answer = await client.patch(location, content=fragment, headers=headers)
            assert answer.status_code == status, answer.text
        restart = fragment.replace(ufrag[1], "fresh")
        problem(await client.patch(location, content=restart, headers=FRAGMENT | {"If-Match": "*"}), 422)
        problem(await client.patch(location, content=fragment, headers=SDP), 415)
        problem(await client.patch(location, content="noise", headers=FRAGMENT), 400)
        assert (await client.get(location)).status_code == 200, "and the session goes on"
        described = await client.options(location)
        assert described.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
