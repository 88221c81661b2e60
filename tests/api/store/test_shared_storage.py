"""Two servers that share a folder, or a bucket: what one keeps the other has, and either makes the renders."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import httpx
import numpy as np
import pytest
import pytest_asyncio

import pictures
from livehead.core.identity import Identity
from livehead.engine.base import EngineSpec
from livehead.render.jobs import render_job, runner
from livehead.store.portraits.record import CONSENT
from serving import Served, serving
from store.objects.s3_server import S3Server, s3
from waiting import patient, until

__all__ = ["s3"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = EngineSpec("fakes:create", {"step_seconds": 0.05, "max_batch": 1})

LIMITS = {"uploads_per_minute": 100_000, "min_free_mb": 0, "max_renders": 3, "max_portraits": 2}

Pair: TypeAlias = tuple[Served, Served]


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[pytest.param("folder", marks=pytest.mark.soak), "bucket"]
)
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, s3: S3Server
) -> AsyncIterator[Pair]:
    given: dict[str, Any] = {"data_dir": tmp_path_factory.mktemp("shared")}
    if request.param == "bucket":
        given = {"bucket": f"s3://{s3.new_bucket()}/fleet", "bucket_endpoint": s3.url}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(serving(SLOW, **LIMITS, **given))
        yield one, await stack.enter_async_context(serving(SLOW, **LIMITS, **given))


@pytest_asyncio.fixture(loop_scope="module")
async def clients(servers: Pair) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with (
        httpx.AsyncClient(base_url=servers[0].url, timeout=60) as one,
        httpx.AsyncClient(base_url=servers[1].url, timeout=60) as other,
    ):
        yield one, other
        for _ in range(2):  # cancelled, then forgotten
            for each in (await one.get("/v1/renders")).json():
                await one.delete(f"/v1/renders/{each['id']}")


def speech(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(np.full(round(seconds * 16_000), 9000, "<i2").tobytes())
    return file.getvalue()


async def ask(client: httpx.AsyncClient, seconds: float = 1.0, **fields: str) -> str:
    answer = await client.post(
        "/v1/renders", files={"audio": ("in.wav", speech(seconds))}, data={"avatar": "default"} | fields
    )
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


async def wait_for(client: httpx.AsyncClient, location: str, *states: str) -> dict[str, Any]:
    async with patient(30):
        while (found := (await client.get(location)).json())["state"] not in states:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return dict(found)


def maker(servers: Pair, location: str) -> Served | None:
    """The server that makes a render now."""
    return next((each for each in servers if location.rpartition("/")[2] in each.services.renders.running), None)


async def test_a_portrait_is_there_for_all_as_soon_as_it_is_uploaded(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    one, other = clients
    picture = {"image": ("face.jpg", pictures.face_file())}
    kept = await one.post("/v1/avatars", files=picture, data={"consent": "yes", "name": "Mine"})
    assert kept.status_code == 201, kept.text
    location = f"/v1/avatars/{kept.json()['id']}"
    told = (await other.get(location)).json()
    assert told.pop("consent")["statement"] == CONSENT
    assert told == kept.json()
    assert kept.json() in (await other.get("/v1/avatars")).json()
    for path in ("image", "thumbnail"):
        assert (await other.get(f"{location}/{path}")).content == (await one.get(f"{location}/{path}")).content
    assert (await other.patch(location, json={"name": "Newer"})).json()["name"] == "Newer"
    assert (await one.get(location)).json()["name"] == "Newer"
    made = await ask(other, avatar=kept.json()["id"])
    assert (await wait_for(one, made, "done", "failed"))["state"] == "done"
    assert (await other.delete(location)).status_code == 204
    for client in clients:
        assert (await client.get(location)).status_code == 404
        assert (await client.get(f"{location}/image")).status_code == 404
    assert (await one.post("/v1/sessions", json={"source": "push", "avatar": kept.json()["id"]})).status_code == 404


async def test_renders_are_shared_and_any_server_has_the_film(
    servers: Pair, clients: tuple[httpx.AsyncClient, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RUNNING", 1)
    one, other = clients
    asked = [await ask(one, 6.0, seed="7") for _ in range(3)]
    films, makers = [], set()
    for location in asked:
        assert (await wait_for(other, location, "done", "failed"))["state"] == "done"
        record = await servers[0].services.renders.find(location.rpartition("/")[2], Identity("127.0.0.1"))
        makers.add(record.server)
        for client in clients:
            film = await client.get(f"{location}/film")
            assert film.headers["content-type"] == "video/mp4"
            assert film.headers["content-disposition"].startswith('attachment; filename="livehead-default-20')
            films.append(film.content)
    assert len(set(films)) == 1
    assert len(makers) == 2, "each has made some"
    for given, first, last in (("bytes=100-199", 100, 199), ("bytes=-50", len(films[0]) - 50, len(films[0]) - 1)):
        part = await other.get(f"{asked[0]}/film", headers={"Range": given})
        assert (part.status_code, part.content) == (206, films[0][first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(films[0])}"
        assert part.headers["content-length"] == str(last + 1 - first)
    assert (await other.get(f"{asked[0]}/film", headers={"Range": "bytes=99999999-"})).status_code == 416
    assert [each["id"] for each in (await one.get("/v1/renders")).json()] == [
        location.rpartition("/")[2] for location in reversed(asked)
    ]


@pytest.mark.soak
async def test_a_render_is_followed_and_cancelled_from_any_server(
    servers: Pair, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    one, _ = clients
    location = await ask(one, 60.0)
    await until(lambda: maker(servers, location) is not None, 30)
    there = maker(servers, location)
    assert there is not None
    elsewhere = clients[0] if there is servers[1] else clients[1]
    async with patient(30):
        while not 0 < (found := (await elsewhere.get(location)).json())["progress"] < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert found["state"] == "running"
    assert (await elsewhere.delete(location)).status_code == 204
    assert (await elsewhere.get(location)).json()["state"] == "cancelled"
    await until(lambda: not there.services.renders.running and there.services.host.streams == 0, 5)
    for client in clients:
        assert (await client.get(location)).json()["state"] == "cancelled"
        assert (await client.get(f"{location}/film")).status_code == 409


@pytest.mark.soak
async def test_an_owners_number_of_renders_holds_for_all(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    for number in range(3):
        await ask(clients[number % 2], 20.0)
    for client in clients:
        answer = await client.post("/v1/renders", files={"audio": ("a.wav", speech(1))}, data={"avatar": "default"})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:livehead:too-many-renders")


@pytest.mark.soak
async def test_a_bucket_that_is_away_for_a_while_costs_no_render(
    servers: Pair,
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient],
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if servers[0].services.settings.store.bucket is None:
        return
    monkeypatch.setattr(render_job, "STORE_PAUSE_S", 0.2)
    one, other = clients
    location = await ask(one, 3.0)
    await until(lambda: maker(servers, location) is not None, 30)
    await asyncio.to_thread(s3.stop)
    try:
        away = await other.get(location)
        assert (away.status_code, away.json()["type"]) == (503, "urn:livehead:store-down")
        assert "retry-after" in away.headers
        assert (await other.get("/v1/avatars/default")).status_code == 200
        there = maker(servers, location)
        assert there is not None
        await until(lambda: there.services.renders.running[location.rpartition("/")[2]] == 1.0, 30)
    finally:
        await asyncio.to_thread(s3.start)
    found = await wait_for(other, location, "done", "failed")
    assert found["state"] == "done"
    assert len((await other.get(f"{location}/film")).content) > 1000
