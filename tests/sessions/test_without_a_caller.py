"""Sessions that a backend makes by JSON: nobody is there at first, and viewers come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from backend import Backend, listener
from backend import tone as pushed_tone
from caller import Caller
from livehead.engine.base import EngineSpec
from livehead.sessions import lifetime
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create", {"size": 64})) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as client:
        yield client


async def create(client: httpx.AsyncClient, **options: Any) -> dict[str, Any]:
    answer = await client.post("/v1/sessions", json=options)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/sessions/{answer.json()['session']}"
    body: dict[str, Any] = answer.json()
    return body


async def view(client: httpx.AsyncClient, session: dict[str, Any], viewer: Caller) -> httpx.Response:
    answer = await client.post(session["whep"], content=await viewer.offer(), headers=SDP)
    if answer.status_code == 201:
        await viewer.accept(answer.text)
    return answer


async def test_it_says_where_its_viewers_its_speech_and_its_ears_go(client: httpx.AsyncClient, served: Served) -> None:
    session = await create(client, avatar="default", latency="low", source="push", unknown=1)
    assert session["whep"] == f"/whep/{session['session']}"
    assert session["speech"] == f"/v1/sessions/{session['session']}/speech"
    assert session["hearing"] == f"/v1/sessions/{session['session']}/hearing"
    assert session["token"]
    assert (await client.delete(f"/v1/sessions/{session['session']}")).status_code == 200
    await served.idle()


async def test_it_costs_the_engine_nothing_before_its_first_viewer(client: httpx.AsyncClient, served: Served) -> None:
    session = await create(client, probe=True)
    state = (await client.get(f"/v1/sessions/{session['session']}")).json()
    assert (state["state"], state["viewers"]) == ("connecting", 0)
    async with Backend(served.url, session["session"]) as backend:
        await backend.push(pushed_tone(0.5))
        await backend.end()
        await asyncio.sleep(0.5)
        assert served.services.host.streams == 0
        assert backend.told == []
        async with listener() as viewer:
            assert (await view(client, session, viewer)).status_code == 201
            await viewer.seen(lambda frames: any(p.code is not None and p.code.loudness >= 8 for p in frames))
            await until(lambda: backend.states() == ["started", "finished"])
            state = (await client.get(f"/v1/sessions/{session['session']}")).json()
            assert (state["state"], state["viewers"]) == ("live", 1)
    await client.delete(f"/v1/sessions/{session['session']}")


async def test_viewers_come_and_go_and_it_goes_on(client: httpx.AsyncClient, served: Served) -> None:
    session = await create(client, probe=True)
    async with listener() as first:
        await view(client, session, first)
        await first.seen(lambda frames: len(frames) > 25)
        async with listener() as second:
            answer = await view(client, session, second)
            location = answer.headers["location"]
            assert location.startswith(f"{session['whep']}/")
            await second.seen(lambda frames: len(frames) > 10)
            assert (await client.delete(location)).status_code == 200
            assert (await client.delete(location)).status_code == 404
        before = len(first.frames)
        await first.seen(lambda frames: len(frames) > before + 25)
    await until(lambda: not served.session(session["session"]).viewers)
    async with listener() as third:
        await view(client, session, third)
        await third.seen(lambda frames: len(frames) > 10)
    await client.delete(f"/v1/sessions/{session['session']}")


async def test_it_ends_a_while_after_its_last_viewer(
    client: httpx.AsyncClient, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifetime, "UNVIEWED_S", 1.0)
    session = await create(client)
    async with listener() as viewer:
        await view(client, session, viewer)
        await viewer.seen(lambda frames: len(frames) > 2)
        await asyncio.sleep(1.5)
        assert served.session(session["session"]).state.state == "live"
    await served.idle(10)
    assert (await client.get(f"/v1/sessions/{session['session']}")).status_code == 404


async def test_the_ninth_viewer_is_refused_and_a_place_that_was_left_is_free(
    client: httpx.AsyncClient, served: Served
) -> None:
    session = await create(client)
    viewers = [listener() for _ in range(9)]
    try:
        answers = [await view(client, session, viewer) for viewer in viewers]
        assert [answer.status_code for answer in answers] == [201] * 8 + [409]
        assert answers[-1].json()["type"] == "urn:livehead:too-many-viewers"
        assert answers[-1].headers["content-type"] == "application/problem+json"
        await client.delete(answers[0].headers["location"])
        async with listener() as late:
            assert (await view(client, session, late)).status_code == 201
    finally:
        for viewer in viewers:
            await viewer.close()
    await client.delete(f"/v1/sessions/{session['session']}")
    await served.idle()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"source": "mic"}, 422),
        ({"source": "dance"}, 400),
        ({"avatar": "nobody"}, 404),
        ({"latency": "none"}, 422),
        ({"seed": -1}, 400),
        ([], 400),
    ],
)
async def test_options_that_cannot_be(client: httpx.AsyncClient, served: Served, body: Any, status: int) -> None:
    answer = await client.post("/v1/sessions", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    await served.idle()


async def test_nobody_views_a_session_that_there_is_not(client: httpx.AsyncClient) -> None:
    async with listener() as viewer:
        assert (await view(client, {"whep": "/whep/none"}, viewer)).status_code == 404
