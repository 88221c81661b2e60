"""/v1/avatars: pictures that become portraits, and those that do not."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio

import pictures
from api.conftest import FAKE
from livehead.store.portraits.preparation import MAX_THUMBNAIL
from livehead.store.portraits.record import CONSENT
from serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUILTIN = 6


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server without keys, where a test may upload as much as it likes."""
    folder = tmp_path_factory.mktemp("data")
    async with serving(FAKE, data_dir=folder, uploads_per_minute=10_000, min_free_mb=0, max_portraits=3) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
        yield client
        for avatar in (await client.get("/v1/avatars")).json():
            if avatar["own"]:
                await client.delete(f"/v1/avatars/{avatar['id']}")


async def upload(
    client: httpx.AsyncClient, image: bytes, *, path: str = "/v1/avatars", consent: str | None = "yes", **fields: str
) -> httpx.Response:
    data = fields | ({} if consent is None else {"consent": consent})
    return await client.post(path, files={"image": ("picture.png", image, "image/png")}, data=data)


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert len(body["detail"]) > 20
    return answer.status_code, body["type"].removeprefix("urn:livehead:")


async def test_a_picture_becomes_a_portrait(client: httpx.AsyncClient) -> None:
    answer = await upload(client, pictures.face_file("JPEG", 900), name="Daniel at sea")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    address = f"/v1/avatars/{made['id']}"
    assert answer.headers["location"] == address
    assert made["name"] == "Daniel at sea"
    assert made["own"] is True
    assert (made["image"], made["thumbnail"]) == (f"{address}/image", f"{address}/thumbnail")
    assert 0.5 < made["check"]["score"] <= 1
    crop = made["crop"]
    assert 0 <= crop["x"] <= 900 - crop["side"]
    assert made["width"] == made["height"] == min(crop["side"], 1024)
    listed = (await client.get("/v1/avatars")).json()
    alone = (await client.get(address)).json()
    assert alone.pop("consent")["statement"] == CONSENT
    assert listed[-1] == made == alone
    assert [each["own"] for each in listed] == [False] * BUILTIN + [True]
    image = await client.get(made["image"])
    assert image.headers["content-type"] == "image/webp"
    assert pictures.pixels_of(image.content).shape == (made["height"], made["width"], 3)


async def test_what_is_wrong_with_a_portrait_is_said(client: httpx.AsyncClient) -> None:
    dark = pictures.face(600).point(lambda level: level // 6)
    made = (await upload(client, pictures.encoded(dark))).json()
    assert made["check"]["score"] < 0.8
    for reason in made["check"]["reasons"]:
        assert set(reason) == {"code", "message", "remedy"}
    assert "dark" in [reason["code"] for reason in made["check"]["reasons"]]


async def test_the_same_picture_is_the_same_portrait(client: httpx.AsyncClient) -> None:
    first = await upload(client, pictures.face_file("PNG", 300), name="First")
    again = await upload(client, pictures.face_file("PNG", 300), name="Again")
    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert [each["name"] for each in (await client.get("/v1/avatars")).json() if each["own"]] == ["Again"]


async def test_a_crop_may_be_chosen(client: httpx.AsyncClient) -> None:
    whole = (await upload(client, pictures.face_file("JPEG", 800))).json()
    crop = {"x": 90.4, "y": 60, "side": 500}
    part = (await upload(client, pictures.face_file("JPEG", 800), crop=json.dumps(crop))).json()
    assert part["crop"] == {"x": 90, "y": 60, "side": 500}
    assert (part["width"], part["height"]) == (500, 500)
    assert part["id"] != whole["id"]


@pytest.mark.parametrize(
    "crop",
    [
        "[]",
        "{",
        "null",
        '{"x":0,"y":0}',
        '{"x":0,"y":0,"side":1e99}',
        '{"x":0,"y":0,"side":NaN}',
        '{"x":-90,"y":0,"side":400}',
    ],
)
async def test_a_crop_that_cannot_be_is_refused(client: httpx.AsyncClient, crop: str) -> None:
    assert problem(await upload(client, pictures.face_file(), crop=crop)) == (422, "crop")


async def test_a_picture_is_checked_without_being_kept(served: Served, client: httpx.AsyncClient) -> None:
    answer = await upload(client, pictures.turned(6, 400), path="/v1/avatars/check", consent=None)
    assert answer.status_code == 200
    found = answer.json()
    assert set(found) == {"check", "crop", "width", "height"}
    assert (found["width"], found["height"]) == (400, 400)
    assert set(found["crop"]) == {"x", "y", "side"}
    nobody = (await upload(client, pictures.encoded(pictures.wall()), path="/v1/avatars/check")).json()
    assert nobody["crop"] is None
    assert [reason["code"] for reason in nobody["check"]["reasons"]] == ["no-face"]
    assert len((await client.get("/v1/avatars")).json()) == BUILTIN


async def test_consent_is_kept_and_without_it_nothing_is(served: Served, client: httpx.AsyncClient) -> None:
    for consent in (None, "", "no", "true"):
        answer = await upload(client, pictures.face_file(), consent=consent)
        assert problem(answer) == (422, "consent")
        assert CONSENT in answer.json()["detail"]
    assert (await client.get("/v1/info")).json()["portraits"]["consent"] == CONSENT
    made = (await upload(client, pictures.face_file())).json()
    folder = served.services.settings.server.data_dir / "portraits" / made["id"]
    kept = json.loads(await asyncio.to_thread((folder / "portrait.json").read_text))
    assert kept["consent"]["statement"] == CONSENT
    told = (await client.get(f"/v1/avatars/{made['id']}")).json()["consent"]
    assert told == kept["consent"]
    assert told["sha256"] == hashlib.sha256(pictures.face_file()).hexdigest()
    assert (await client.delete(f"/v1/avatars/{made['id']}")).status_code == 204
    assert not await asyncio.to_thread(folder.exists)


def decoders() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [each for each in children if "livehead.store.portraits.decoder" in each.cmdline()]


BAD: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty": (lambda: b"", 415, "unsupported-type"),
    "text": (lambda: b"just some text", 415, "unsupported-type"),
    "svg": (lambda: pictures.SVG, 415, "unsupported-type"),
    "html": (lambda: pictures.HTML, 415, "unsupported-type"),
    "zip": (pictures.archive, 415, "unsupported-type"),
    "gif": (lambda: pictures.animation("GIF"), 415, "unsupported-type"),
    "bomb": (lambda: pictures.bomb(50_000, 50_000), 413, "too-large"),
    "11 MB": (lambda: pictures.face_file() + bytes(11_000_000), 413, "too-large"),
    "truncated": (lambda: pictures.face_file("JPEG")[:9000], 422, "portrait"),
    "animation": (lambda: pictures.animation("WEBP"), 422, "animation"),
    "nobody": (lambda: pictures.encoded(pictures.wall()), 422, "no-face"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_each_bad_kind_has_its_status(served: Served, client: httpx.AsyncClient, kind: str) -> None:
    make, status, name = BAD[kind]
    assert problem(await upload(client, make())) == (status, name)
    assert len((await client.get("/v1/avatars")).json()) == BUILTIN
    folder: Path = served.services.settings.server.data_dir / "portraits"
    assert await asyncio.to_thread(lambda: list(folder.glob("*"))) == []
    assert await asyncio.to_thread(decoders) == []


async def test_of_a_file_that_is_something_else_too_only_the_picture_is_kept(client: httpx.AsyncClient) -> None:
    made = (await upload(client, pictures.polyglots()["png and html"] + pictures.archive())).json()
    for address in (made["image"], made["thumbnail"]):
        answer = await client.get(address)
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert b"script" not in answer.content
        assert b"page.html" not in answer.content


async def test_a_body_that_is_no_form_is_refused(client: httpx.AsyncClient) -> None:
    for path in ("/v1/avatars", "/v1/avatars/check"):
        assert problem(await client.post(path, content=pictures.face_file())) == (415, "unsupported-type")
        boundary = {"Content-Type": "multipart/form-data; boundary=b"}
        assert problem(await client.post(path, content=b"--b\r\n", headers=boundary)) == (400, "malformed")
        assert problem(await client.post(path, data={"consent": "yes"}, files={"x": b"1"})) == (422, "unprocessable")


async def test_there_are_so_many_and_no_more(client: httpx.AsyncClient) -> None:
    made = [await upload(client, pictures.encoded(pictures.face(200 + n))) for n in range(3)]
    assert [each.status_code for each in made] == [201] * 3
    assert problem(await upload(client, pictures.encoded(pictures.face(300)))) == (409, "too-many-portraits")
    assert (await client.delete(made[0].headers["location"])).status_code == 204
    assert (await upload(client, pictures.encoded(pictures.face(300)))).status_code == 201


async def test_one_is_renamed_and_deleted(client: httpx.AsyncClient) -> None:
    address = (await upload(client, pictures.face_file())).headers["location"]
    renamed = await client.patch(address, json={"name": "On stage"})
    assert renamed.status_code == 200
    assert renamed.json()["name"] == (await client.get(address)).json()["name"] == "On stage"
    for wrong in ({}, {"name": ""}, {"name": 5}):
        assert problem(await client.patch(address, json=wrong)) == (422, "unprocessable")
    assert (await client.delete(address)).status_code == 204
    for answer in (
        await client.delete(address),
        await client.get(f"{address}/image"),
        await client.get(f"{address}/thumbnail"),
        await client.patch(address, json={"name": "Back"}),
        await client.post("/v1/sessions", json={"avatar": address.rpartition("/")[2], "source": "push"}),
    ):
        assert problem(answer) == (404, "not-found")


async def test_the_built_in_ones_stay(client: httpx.AsyncClient) -> None:
    assert problem(await client.delete("/v1/avatars/default")) == (403, "builtin-portrait")
    assert problem(await client.patch("/v1/avatars/default", json={"name": "x"})) == (403, "builtin-portrait")


async def test_every_avatar_has_a_small_picture(client: httpx.AsyncClient) -> None:
    await upload(client, pictures.face_file())
    listed = (await client.get("/v1/avatars")).json()
    answers = await asyncio.gather(*(client.get(each["thumbnail"]) for each in listed))
    for answer in answers:
        assert answer.headers["content-type"] == "image/webp"
        assert 500 < len(answer.content) <= MAX_THUMBNAIL
        assert pictures.pixels_of(answer.content).shape == (160, 160, 3)
    assert len({answer.content for answer in answers}) == BUILTIN + 1


async def test_images_are_fetched_once(client: httpx.AsyncClient) -> None:
    made = (await upload(client, pictures.face_file())).json()
    for address, words in (
        (made["image"], "private, max-age=31536000, immutable"),
        (made["thumbnail"], "private, max-age=31536000, immutable"),
        ("/v1/avatars/default/image", "public, max-age=3600"),
        ("/v1/avatars/default/thumbnail", "public, max-age=3600"),
    ):
        answer = await client.get(address)
        assert answer.headers["cache-control"] == words
        again = await client.get(address, headers={"If-None-Match": f'"other", W/{answer.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        other = await client.get(address, headers={"If-None-Match": '"other"'})
        assert other.status_code == 200


async def test_a_session_goes_on_when_its_portrait_is_deleted(served: Served, client: httpx.AsyncClient) -> None:
    made = (await upload(client, pictures.face_file())).json()
    opened = await client.post("/v1/sessions", json={"avatar": made["id"], "source": "push"})
    assert opened.status_code == 201, opened.text
    session: Any = opened.headers["location"]
    assert (await client.delete(f"/v1/avatars/{made['id']}")).status_code == 204
    await asyncio.sleep(0.3)
    state = (await client.get(session)).json()
    assert state["avatar"] == made["id"]
    assert state["state"] != "closed"
    assert (await client.delete(session)).status_code == 200
    await served.settled()
