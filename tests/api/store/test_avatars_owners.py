"""/v1/avatars where there are keys: whose portraits are seen by whom, and how many may come."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

import pictures
from api.conftest import FAKE
from api.doors import SECRET, Credentials
from livehead.store.portraits.record import CONSENT, WORDING
from serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("access") / "keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(credentials: Credentials, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("data")
    async with serving(
        FAKE, keys=credentials.path, token_secret=SECRET, data_dir=folder, uploads_per_minute=6, min_free_mb=0
    ) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
        yield client


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def upload(client: httpx.AsyncClient, credential: str) -> httpx.Response:
    return await client.post(
        "/v1/avatars",
        files={"image": pictures.face_file()},
        data={"consent": "yes", "name": "Hers"},
        headers=bearer(credential),
    )


async def own(client: httpx.AsyncClient, credential: str) -> list[str]:
    listed = (await client.get("/v1/avatars", headers=bearer(credential))).json()
    return [each["id"] for each in listed if each["own"]]


async def test_a_portrait_is_its_owners_alone(client: httpx.AsyncClient, credentials: Credentials) -> None:
    made = (await upload(client, credentials.alice)).json()
    avatar, address = made["id"], f"/v1/avatars/{made['id']}"
    assert await own(client, credentials.alice) == [avatar]
    assert await own(client, credentials.bob) == []
    told = (await client.get(address, headers=bearer(credentials.alice))).json()["consent"]
    assert (told["owner"], told["statement"], told["wording"]) == ("alice", CONSENT, WORDING)
    bob = bearer(credentials.bob)
    for answer in (
        await client.get(address, headers=bob),
        await client.get(f"{address}/image", headers=bob),
        await client.get(f"{address}/thumbnail", headers=bob),
        await client.get(f"{address}/image", headers=bob | {"If-None-Match": f'"{avatar}"'}),
        await client.patch(address, json={"name": "Mine"}, headers=bob),
        await client.delete(address, headers=bob),
        await client.post("/v1/sessions", json={"avatar": avatar, "source": "push"}, headers=bob),
        await client.post("/v1/tokens", json={"roles": ["open"], "avatar": avatar}, headers=bob),
    ):
        assert answer.status_code == 404, answer.request.url
        assert answer.json()["type"] == "urn:livehead:not-found"
    for answer in (await client.get(f"{address}/image"), await client.get(f"{address}/thumbnail")):
        assert answer.status_code == 401
    alice = bearer(credentials.alice)
    image = await client.get(f"{address}/image", headers=alice)
    assert image.status_code == 200
    assert "Authorization" in image.headers["vary"]
    opened = await client.post("/v1/sessions", json={"avatar": avatar, "source": "push"}, headers=alice)
    assert opened.status_code == 201
    await client.delete(opened.headers["location"], headers=alice)
    look = {"avatar": "default", "source": "push", "look": {"background": avatar}}
    assert (await client.post("/v1/sessions", json=look, headers=bob)).status_code in (404, 422)


async def test_a_token_shows_the_portrait_that_it_names_and_lists_no_other(
    client: httpx.AsyncClient, credentials: Credentials
) -> None:
    [avatar] = await own(client, credentials.alice)
    assert await own(client, credentials.opener) == []
    grant = {"roles": ["open"], "avatar": avatar}
    made = await client.post("/v1/tokens", json=grant, headers=bearer(credentials.alice))
    token = made.json()["token"]
    assert await own(client, token) == [avatar]
    assert (await client.get(f"/v1/avatars/{avatar}/image", headers=bearer(token))).status_code == 200
    for method, path in (("POST", "/v1/avatars"), ("POST", "/v1/avatars/check"), ("DELETE", f"/v1/avatars/{avatar}")):
        answer = await client.request(method, path, headers=bearer(token))
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:livehead:role")


async def test_uploads_are_counted(client: httpx.AsyncClient, credentials: Credentials) -> None:
    """Of a minute's six, one was taken above; while the others are asked for, more come to be allowed."""
    path = "/v1/avatars/check"
    statuses = []
    while (answer := await client.post(path, headers=bearer(credentials.alice))).status_code != 429:
        statuses.append(answer.status_code)
        assert len(statuses) < 30
    assert statuses[:5] == [415] * 5
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert (await client.post(path, headers=bearer(credentials.bob))).status_code == 429  # from the same address
