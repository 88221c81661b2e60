"""GET /v1/avatars/{id}/idle."""

from __future__ import annotations

import asyncio
import io

import av
import httpx
import pytest

from serving import Served
from waiting import patient, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = "/v1/avatars/default/idle"


async def made(client: httpx.AsyncClient, path: str = DEFAULT) -> httpx.Response:
    async with patient(10):
        while (answer := await client.get(path)).status_code == 202:  # noqa: ASYNC110 - the engine is waited for
            await asyncio.sleep(0.05)
    return answer


async def test_it_is_made_when_it_is_asked_for(served: Served, client: httpx.AsyncClient) -> None:
    first = await client.get("/v1/avatars/juno/idle")
    assert (first.status_code, first.content, first.headers["retry-after"]) == (202, b"", "2")
    film = await made(client, "/v1/avatars/juno/idle")
    assert film.headers["content-type"] == "video/mp4"
    assert "private" in film.headers["cache-control"]
    with av.open(io.BytesIO(film.content)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 150
    await until(lambda: served.services.host.streams == 0)


async def test_who_has_it_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    tag = (await made(client)).headers["etag"]
    again = await client.get(DEFAULT, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_an_avatar_that_is_not_there(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/avatars/nobody/idle")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:livehead:not-found"


async def test_calls_come_first(served: Served, client: httpx.AsyncClient) -> None:
    opened = await client.post("/v1/sessions", json={"avatar": "default", "source": "push"})
    assert opened.status_code == 201
    assert (await client.get("/v1/avatars/amara/idle")).status_code == 202
    await asyncio.sleep(0.2)  # far longer than it takes while there is no call
    assert (await client.get("/v1/avatars/amara/idle")).status_code == 202
    await client.delete(opened.headers["location"])
    await made(client, "/v1/avatars/amara/idle")
