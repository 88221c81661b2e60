"""Every route, with every kind of credential. The table is made from the routes: a new one is in it by itself."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.conftest import FAKE
from api.doors import RECORDING, RENDER, SECRET, Credentials, Door, doors
from backend import listener
from caller import Caller
from livehead.api.guard import Needs, verify_guards
from livehead.core.identity import Identity
from serving import Served, serving
from waiting import patient

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = (401, 403)


def short_audio() -> bytes:
    """A WAV file of half a second: its render is soon made, and takes nothing from the session."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(16_000))
    return file.getvalue()


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("access") / "keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(credentials: Credentials) -> AsyncIterator[Served]:
    async with serving(FAKE, keys=credentials.path, token_secret=SECRET, max_sessions=2) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(locked: Served, credentials: Credentials) -> AsyncIterator[str]:
    """A session of alice, opened with a token, and a viewer of it; a recording and a render of hers."""
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {credentials.opener}"}
    async with Caller() as caller, listener() as viewer, httpx.AsyncClient(base_url=locked.url) as client:
        answer = await client.post("/v1/sessions?source=push", content=await caller.offer(), headers=headers)
        assert answer.status_code == 201, answer.text
        await caller.accept(answer.text)
        session = answer.headers["location"].rpartition("/")[2]
        joined = await client.post(f"/whep/{session}", content=await viewer.offer(), headers=headers)
        assert joined.status_code == 201, joined.text
        await viewer.accept(joined.text)
        opener = locked.services.access.identify(credentials.opener, "127.0.0.1")
        locked.services.recordings.begin(
            "film", session=session, avatar="default", opened_by=opener, recording_id=RECORDING
        )
        files = {"audio": short_audio()}
        asked = await client.post(
            "/v1/renders", files=files, data={"avatar": "default"}, headers={"Authorization": headers["Authorization"]}
        )
        assert asked.status_code == 202, asked.text
        yield session


async def knock(server: Served, door: Door, session: str, authorization: str | None, *, in_query: bool = False) -> int:
    """The status that the door answers with; 101 for a WebSocket that opens."""
    path = door.path.replace("{session_id}", session)
    if "{viewer_id}" in path:
        [_, viewer, *_] = server.session(session).viewers
        path = path.replace("{viewer_id}", viewer.id)
    if RENDER in path:
        [render] = await server.services.renders.list(Identity("", "alice"))
        path = path.replace(RENDER, render.id)
    headers = {} if authorization is None or in_query else {"Authorization": authorization}
    if door.method != "WS":
        async with httpx.AsyncClient(base_url=server.url) as client:
            answer = await client.request(door.method, path, headers=headers)
        if answer.status_code in (401, 403):
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert len(problem["detail"]) > 20
        assert (answer.headers.get("www-authenticate") is not None) == (answer.status_code == 401)
        return answer.status_code
    query = f"?rate=16000&token={(authorization or '').removeprefix('Bearer ')}" if in_query else "?rate=16000"
    try:
        async with connect(server.url.replace("http", "ws") + path + query, additional_headers=headers):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


DOORS = tuple(doors())
GUARDED = [door for door in DOORS if door.guard.needs is not Needs.NOTHING]
OPEN = [door for door in DOORS if door.guard.needs is Needs.NOTHING]


@pytest.mark.parametrize("door", GUARDED, ids=str)
async def test_wrong_credentials_open_nothing(
    locked: Served, credentials: Credentials, session: str, door: Door
) -> None:
    for name, authorization in credentials.wrong().items():
        status = await knock(locked, door, session, authorization)
        if door.path == "/v1/signal" and authorization is None:
            assert status == 101, name  # the offer may bring the token
        else:
            assert status == 401, name


@pytest.mark.parametrize("door", GUARDED, ids=str)
async def test_valid_credentials_of_others_open_nothing(
    locked: Served, credentials: Credentials, session: str, door: Door
) -> None:
    for name, authorization in credentials.forbidden(door).items():
        assert await knock(locked, door, session, authorization) == 403, name


@pytest.mark.parametrize("door", [door for door in GUARDED if door.method != "DELETE"], ids=str)
async def test_the_right_credentials_are_let_in(
    locked: Served, credentials: Credentials, session: str, door: Door
) -> None:
    for name, authorization in credentials.right(door).items():
        assert await knock(locked, door, session, authorization) not in (401, 403, 404), name


@pytest.mark.parametrize("door", OPEN, ids=str)
async def test_open_routes_need_nothing(locked: Served, credentials: Credentials, session: str, door: Door) -> None:
    for authorization in (None, f"Bearer {credentials.bob}", "Bearer garbage"):
        assert await knock(locked, door, session, authorization) < 400


async def test_a_socket_takes_a_token_in_its_query_and_no_key(
    locked: Served, credentials: Credentials, session: str
) -> None:
    for door in (each for each in DOORS if each.method == "WS"):
        token = f"Bearer {credentials.opener}"
        assert await knock(locked, door, session, token, in_query=True) == 101
        for wrong in (f"Bearer {credentials.alice}", "Bearer garbage"):
            assert await knock(locked, door, session, wrong, in_query=True) == 401


async def test_no_route_of_http_takes_a_token_in_its_query(locked: Served, credentials: Credentials) -> None:
    async with httpx.AsyncClient(base_url=locked.url) as client:
        answer = await client.get("/v1/info", params={"token": credentials.opener})
    assert answer.status_code == 401


async def say(server: Served, offer: dict[str, object]) -> dict[str, object]:
    """The first answer to a first message on the signal socket."""
    async with connect(server.url.replace("http", "ws") + "/v1/signal") as socket:
        await socket.send(json.dumps({"type": "offer", "sdp": "v=0\r\n"} | offer))
        async with patient(5):
            answer: dict[str, object] = json.loads(await socket.recv())
    return answer


async def test_the_first_message_of_a_signal_socket_may_bring_the_token(
    locked: Served, credentials: Credentials
) -> None:
    for name, authorization in credentials.wrong().items():
        token = {} if authorization is None else {"token": authorization.removeprefix("Bearer ")}
        error = (await say(locked, token))["error"]
        assert isinstance(error, dict)
        assert error["status"] == 401, name
    [signal] = [door for door in DOORS if door.path == "/v1/signal"]
    for name, authorization in credentials.forbidden(signal).items():
        error = (await say(locked, {"token": authorization.removeprefix("Bearer ")}))["error"]
        assert isinstance(error, dict)
        assert error["status"] == 403, name
    for token in (credentials.alice, credentials.opener):
        error = (await say(locked, {"token": token}))["error"]
        assert isinstance(error, dict)
        assert error["status"] not in REFUSED


async def test_a_session_ends_by_the_token_that_opened_it(locked: Served, credentials: Credentials) -> None:
    headers = {"Authorization": f"Bearer {credentials.opener}"}
    async with Caller() as caller, httpx.AsyncClient(base_url=locked.url, headers=headers) as client:
        answer = await client.post(
            "/v1/sessions", content=await caller.offer(), headers={"Content-Type": "application/sdp"}
        )
        assert (await client.delete(answer.headers["location"])).status_code == 200


async def test_a_route_that_states_nothing_is_refused() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None:
        pass

    with pytest.raises(RuntimeError, match="/forgotten has 0 guards"):
        verify_guards(router.routes)
