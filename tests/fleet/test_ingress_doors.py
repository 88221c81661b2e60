"""Every route of a server through the ingress: it reaches the replica that has it, and what the replica says comes back
as it was said."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import pictures
from api.conftest import FAKE
from api.doors import SECRET, Credentials, Door, doors
from api.test_doors import short_audio
from backend import Backend, listener, tone
from fleet.behind_ingress import Fleet, serving_fleet
from livehead.errors import RequestError
from serving import Served
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("access") / "keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(credentials: Credentials, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Two replicas with keys that share their folder."""
    async with serving_fleet(
        FAKE,
        "ab",
        ingress={"key": credentials.alice},
        keys=credentials.path,
        token_secret=SECRET,
        max_sessions=4,
        data_dir=tmp_path_factory.mktemp("data"),
    ) as fleet:
        yield fleet


@pytest_asyncio.fixture(loop_scope="module")
async def client(fleet: Fleet, credentials: Credentials) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {credentials.opener}"}
    async with httpx.AsyncClient(base_url=fleet.url, headers=headers) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(fleet: Fleet, credentials: Credentials) -> AsyncIterator[tuple[str, str]]:
    """A session of alice with a viewer that watches it; their ids."""
    headers = {"Authorization": f"Bearer {credentials.opener}"}
    async with listener() as viewer, httpx.AsyncClient(base_url=fleet.url, headers=headers) as client:
        made = await client.post("/v1/sessions", json={"source": "push"})
        assert made.status_code == 201, made.text
        body = made.json()
        assert made.headers["location"] == f"/v1/sessions/{body['session']}"
        joined = await client.post(body["whep"], content=await viewer.offer(), headers=SDP)
        assert joined.status_code == 201, joined.text
        await viewer.accept(joined.text)
        await until(lambda: viewer.frames)
        yield body["session"], joined.headers["location"].rpartition("/")[2]


def fill(door: Door, session: tuple[str, str]) -> str:
    return (
        door.path.replace("{session_id}", session[0])
        .replace("{viewer_id}", session[1])
        .replace("{start_id}", session[0])
    )


async def knock(url: str, method: str, path: str, authorization: str | None) -> tuple[int, bytes]:
    headers = {} if authorization is None else {"Authorization": authorization}
    if method != "WS":
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.request(method, path, headers=headers)
        return answer.status_code, answer.content
    try:
        async with connect(f"{url.replace('http', 'ws')}{path}?rate=16000", additional_headers=headers):
            return 101, b""
    except InvalidStatus as refusal:
        return refusal.response.status_code, bytes(refusal.response.body or b"")


KEPT = [each for each in doors() if each.method != "DELETE"]


@pytest.mark.parametrize("door", KEPT, ids=str)
async def test_every_door_is_the_replicas_own(
    fleet: Fleet, credentials: Credentials, session: tuple[str, str], door: Door
) -> None:
    """What is answered through the ingress is what the session's replica itself answers, to nobody and to alice; the
    other replica knows nothing of the session."""
    path = fill(door, session)
    served = fleet.of(session[0])
    for authorization in (None, f"Bearer {credentials.opener}"):
        status, body = await knock(fleet.url, door.method, path, authorization)
        own, expected = await knock(served.url, door.method, path, authorization)
        assert status == own
        if status >= 400 and door.path not in ("/metrics", "/v1/info"):
            assert json.loads(body) == json.loads(expected)
        if session[0] in path and authorization and authorization.endswith(credentials.opener):
            assert status != 404


async def test_where_a_client_comes_from_counts_and_what_it_claims_does_not(
    fleet: Fleet, credentials: Credentials
) -> None:
    """Replicas see the client's own address: the audit names it, and wrong credentials are counted for it."""
    seen: list[str] = []
    undo = [spy(each, seen) for each in fleet.replicas.values()]
    try:
        async with httpx.AsyncClient(base_url=fleet.url) as client:
            await client.get("/v1/avatars", headers={"Authorization": "Bearer no", "X-Forwarded-For": "198.51.100.9"})
    finally:
        for each in undo:
            each()
    assert seen == ["127.0.0.1"]


def spy(served: Served, seen: list[str]) -> Callable[[], None]:
    audit = served.services.access.audit
    refused = audit.refused

    def note(error: RequestError, *, address: str, owner: str = "", what: str) -> None:
        seen.append(address)
        refused(error, address=address, owner=owner, what=what)

    audit.refused = note  # type: ignore[method-assign]
    return lambda: setattr(audit, "refused", refused)


async def test_a_portrait_goes_up_and_a_film_comes_down(
    fleet: Fleet, credentials: Credentials, client: httpx.AsyncClient
) -> None:
    client.headers["Authorization"] = f"Bearer {credentials.alice}"
    picture = pictures.face_file("JPEG", 900)
    made = await client.post(
        "/v1/avatars", files={"image": ("a.jpg", picture, "image/jpeg")}, data={"name": "Ann", "consent": "yes"}
    )
    assert made.status_code == 201, made.text
    large = await client.post("/v1/avatars", content=large_form(), headers={"Content-Type": FORM})
    assert (large.status_code, large.json()["type"]) == (413, "urn:livehead:too-large")
    asked = await client.post("/v1/renders", files={"audio": short_audio()}, data={"avatar": "default"})
    assert asked.status_code == 202, asked.text
    film = f"/v1/renders/{asked.json()['id']}/film"
    async with asyncio.timeout(60):
        while (whole := await client.get(film)).status_code != 200:  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.1)
    part = await client.get(film, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    module = await client.get("/client/index.js")
    assert (await client.head("/client/index.js")).headers["content-length"] == module.headers["content-length"]


FORM = "multipart/form-data; boundary=b"


async def large_form() -> AsyncIterator[bytes]:
    """11 MB in pieces, with no length told."""
    yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    for _ in range(11):
        yield bytes(1_000_000)
    yield b"\r\n--b--\r\n"


async def test_a_minute_of_speech_goes_up_as_fast_as_it_can(
    fleet: Fleet, credentials: Credentials, session: tuple[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {credentials.opener}"}
    async with Backend(fleet.url, session[0], additional_headers=headers) as backend:
        await asyncio.wait_for(backend.push(tone(50)), 30)
        await backend.interrupt()
        await until(lambda: "interrupted" in backend.states())


async def test_how_a_socket_ends_is_told(fleet: Fleet, credentials: Credentials, session: tuple[str, str]) -> None:
    """The replica's code goes to the client, and the client's to the replica."""
    headers = {"Authorization": f"Bearer {credentials.opener}"}
    url = fleet.url.replace("http", "ws")
    async with connect(f"{url}/v1/signal", additional_headers=headers) as line:
        for _ in range(500):
            await line.send("{}")
        assert await ending(line) == 1008  # too many messages
    async with connect(f"{url}/v1/signal", additional_headers=headers) as line:
        await line.send("no json")
        assert json.loads(await line.recv())["error"]["type"] == "urn:livehead:malformed-json"
        assert await (await line.ping()) >= 0
        await line.send(b"\xff" * 10)
        assert json.loads(await line.recv())["type"] == "error"


async def test_who_leaves_and_what_ends(
    fleet: Fleet, credentials: Credentials, client: httpx.AsyncClient, session: tuple[str, str]
) -> None:
    """The doors that end something, last."""
    assert (await client.delete(f"/whep/{session[0]}/{session[1]}")).status_code == 200
    assert (await client.delete(f"/whep/{session[0]}/{session[1]}")).status_code == 404
    hearing = f"{fleet.url.replace('http', 'ws')}/v1/sessions/{session[0]}/hearing?rate=16000"
    async with connect(hearing, additional_headers={"Authorization": f"Bearer {credentials.opener}"}) as ears:
        assert (await client.delete(f"/v1/sessions/{session[0]}")).status_code == 200
        assert await ending(ears) == 1001
    assert (await client.get(f"/v1/sessions/{session[0]}")).status_code == 404


async def ending(socket: ClientConnection) -> int:
    """The code that it is closed with."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(socket.recv(), 30)
    assert socket.close_code is not None
    return socket.close_code
