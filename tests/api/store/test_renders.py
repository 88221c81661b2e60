"""/v1/renders: asked for, followed, fetched, cancelled; and everything that is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import pytest_asyncio

import fakes
import pictures
from api.conftest import FAKE
from livehead.access.key_file import changing
from livehead.access.keys import new_key
from livehead.engine.base import EngineSpec
from livehead.files.whole import TEMPORARY
from livehead.render.jobs import render_job
from livehead.store.portraits.record import CONSENT
from serving import Served, serving
from waiting import patient, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEECH = Path(__file__).parents[2] / "data" / "speech.flac"

LIMITS = {"uploads_per_minute": 100_000, "min_free_mb": 0, "max_render_seconds": 20}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = {name: new_key(name, "") for name in ("alice", "bob")}
    path = tmp_path_factory.mktemp("keys") / "keys"
    with changing(path) as stored:
        stored += [line for _, line in made.values()]
    return {"file": str(path)} | {name: key for name, (key, _) in made.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("data")
    async with serving(FAKE, data_dir=folder, keys=keys["file"], max_renders=4, **LIMITS) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One whose engine takes 0.1 s for a window, so that renders are seen to wait and to run. Without keys."""
    engine = EngineSpec("fakes:create", {"step_seconds": 0.1, "max_batch": 1})
    async with serving(engine, data_dir=tmp_path_factory.mktemp("slow"), max_renders=6, **LIMITS) as server:
        yield server


def client_of(served: Served, credential: str = "") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    return httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30)


@pytest_asyncio.fixture(loop_scope="module")
async def alice(served: Served, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(served, keys["alice"]) as client:
        yield client
        await clear(client)


async def clear(client: httpx.AsyncClient) -> None:
    for _ in range(2):  # cancelled, then forgotten
        for each in (await client.get("/v1/renders")).json():
            assert (await client.delete(f"/v1/renders/{each['id']}")).status_code in (204, 404)
    assert (await client.get("/v1/renders")).json() == []


def wav(seconds: float, channels: int = 1, rate: int = 16_000, loud: float = 0.5) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, 2, rate, 0, "NONE", ""))
        out.writeframes(np.full(round(seconds * rate) * channels, round(loud * 32767), "<i2").tobytes())
    return file.getvalue()


async def ask(client: httpx.AsyncClient, audio: bytes | None = None, image: bytes | None = None, **fields: str) -> Any:
    """Of a second of audio, of the default portrait where no other is given."""
    files = {} if audio == b"none" else {"audio": ("in.wav", wav(1.0) if audio is None else audio)}
    if image is not None:
        files["portrait"] = ("face", image)
    elif "avatar" not in fields:
        fields["avatar"] = "default"
    return await client.post("/v1/renders", files=files or {"other": b""}, data=fields)


async def ended(client: httpx.AsyncClient, location: str, within: float = 30.0) -> dict[str, Any]:
    """The render when it has ended."""
    async with patient(within):
        while (found := (await client.get(location)).json())["state"] in ("queued", "running"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return dict(found)


def frames_of(film: bytes) -> list[Any]:
    with av.open(io.BytesIO(film)) as container:
        return list(container.decode(video=0))


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(body["detail"]) > 20
    assert "/tmp" not in body["detail"]
    return answer.status_code, body["type"].removeprefix("urn:livehead:")


async def test_a_film_is_asked_for_followed_and_fetched(alice: httpx.AsyncClient, served: Served) -> None:
    answer = await ask(alice, SPEECH.read_bytes(), seed="7", latency="throughput")
    assert answer.status_code == 202
    location = answer.headers["location"]
    assert location == f"/v1/renders/{answer.json()['id']}"
    found = await ended(alice, location)
    assert (found["state"], found["progress"], found["queue"]) == ("done", 1.0, 0)
    assert (found["avatar"], found["seed"], found["latency"]) == ("default", 7, "throughput")
    assert found["seconds"] == pytest.approx(8.85, abs=0.05)
    assert found["expires"] > found["created"]
    assert "error" not in found
    assert (await alice.get("/v1/renders")).json() == [found]

    film = await alice.get(found["film"])
    assert film.status_code == 200
    assert film.headers["content-type"] == "video/mp4"
    assert film.headers["content-disposition"].startswith('attachment; filename="livehead-default-20')
    part = await alice.get(found["film"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, film.content[100:200])
    with av.open(io.BytesIO(film.content)) as container:
        assert container.metadata["synthetic"] == "true"
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.frames) == (64, 64, 222)
        assert abs(float(video.duration * video.time_base) - float(audio.duration * audio.time_base)) < 0.04
    again = await ask(alice, SPEECH.read_bytes(), seed="7", latency="throughput")
    assert (await ended(alice, again.headers["location"]))["state"] == "done"
    assert (await alice.get(f"{again.headers['location']}/film")).content == film.content
    assert served.services.host.streams == 0


async def test_a_portrait_of_its_own_is_used_and_not_kept(alice: httpx.AsyncClient, served: Served) -> None:
    answer = await ask(alice, image=pictures.face_file(), consent="yes")
    assert answer.status_code == 202
    found = await ended(alice, answer.headers["location"])
    assert (found["state"], found["avatar"]) == ("done", None)
    consent = found["consent"]
    assert (consent["statement"], consent["owner"]) == (CONSENT, "alice")
    assert consent["sha256"] == hashlib.sha256(pictures.face_file()).hexdigest()
    folder = Path(served.services.settings.server.data_dir) / "renders" / found["id"]
    assert [path.name for path in folder.iterdir()] == ["film.mp4"]
    assert not any(each["own"] for each in (await alice.get("/v1/avatars")).json())


@pytest.mark.parametrize("name", ["film.mp4", "sound.mp3", "stereo.wav"])
async def test_any_file_with_audio_will_do(alice: httpx.AsyncClient, name: str) -> None:
    """Also one with pictures beside it."""
    if name == "stereo.wav":
        audio = wav(0.5, channels=2, rate=44_100)
    else:
        file = io.BytesIO()
        with av.open(file, "w", format=name[-3:]) as out:
            stream = out.add_stream("aac" if name == "film.mp4" else "libmp3lame", rate=48_000, layout="mono")
            if name == "film.mp4":
                video = out.add_stream("libx264", rate=25)
                video.width = video.height = 64
                out.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
                out.mux(video.encode(None))
            frame = av.AudioFrame.from_ndarray(np.full((1, 24_000), 0.3, np.float32), "fltp", "mono")
            frame.sample_rate = 48_000
            for piece in av.AudioResampler(stream.codec_context.format, "mono", 48_000).resample(frame):
                out.mux(stream.encode(piece))
            out.mux(stream.encode(None))
        audio = file.getvalue()
    answer = await ask(alice, audio)
    assert answer.status_code == 202, answer.text
    assert (await ended(alice, answer.headers["location"]))["state"] == "done"


BAD: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "no audio": ({"audio": b"none"}, (422, "unprocessable")),
    "an empty file": ({"audio": b""}, (422, "media")),
    "a text": ({"audio": b"This is no audio. " * 300}, (422, "media")),
    "an image": ({"audio": pictures.face_file()}, (422, "media")),
    "half a file": ({"audio": SPEECH.read_bytes()[:60]}, (422, "media")),
    "a file without samples": ({"audio": wav(0)}, (422, "media")),
    "too long": ({"audio": wav(22.0, rate=8_000)}, (422, "audio-too-long")),
    "51 MB": ({"audio": bytes(51_000_000)}, (413, "too-large")),
    "an unknown avatar": ({"avatar": "nobody"}, (404, "not-found")),
    "no portrait": ({"avatar": ""}, (422, "unprocessable")),
    "two portraits": (
        {"avatar": "default", "image": pictures.face_file(), "consent": "yes"},
        (422, "unprocessable"),
    ),
    "no consent": ({"image": pictures.face_file()}, (422, "consent")),
    "a portrait that is none": ({"image": b"<svg/>", "consent": "yes"}, (415, "unsupported-type")),
    "nobody in it": ({"image": pictures.encoded(pictures.wall()), "consent": "yes"}, (422, "no-face")),
    "a bomb": ({"image": pictures.bomb(50_000, 50_000), "consent": "yes"}, (413, "too-large")),
    "a seed that is none": ({"seed": "-1"}, (422, "unprocessable")),
    "an unknown preset": ({"latency": "warp"}, (422, "unprocessable")),
    "a look that is no JSON": ({"look": "blue"}, (400, "malformed-json")),
    "a look that is not to be had": ({"look": json.dumps({"background": "transparent"})}, (422, "look")),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_wrong_is_said_and_leaves_nothing(alice: httpx.AsyncClient, served: Served, name: str) -> None:
    given, expected = BAD[name]
    assert problem(await ask(alice, **given)) == expected
    assert (await alice.get("/v1/renders")).json() == []
    folder = served.services.settings.server.data_dir / "renders"
    assert [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(TEMPORARY)] == []
    assert not list(folder.glob(f"{TEMPORARY}*"))


async def test_the_body_must_be_a_form(alice: httpx.AsyncClient) -> None:
    assert problem(await alice.post("/v1/renders", json={"avatar": "default"})) == (415, "unsupported-type")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert problem(await alice.post("/v1/renders", content=b"--x\r\n", headers=broken))[0] == 400


async def test_renders_are_their_owners_alone(alice: httpx.AsyncClient, served: Served, keys: dict[str, str]) -> None:
    token, other = [
        (await alice.post("/v1/tokens", json={"roles": ["open"], **more})).json()["token"]
        for more in ({}, {"avatar": "amara"})
    ]
    async with client_of(served, token) as page, client_of(served, other) as visitor:
        assert problem(await ask(visitor, avatar="default")) == (403, "claim")
        location = (await ask(page)).headers["location"]
        found = await ended(page, location)
        assert (await alice.get("/v1/renders")).json() == [found]
        async with client_of(served, keys["bob"]) as bob:
            for stranger in (bob, visitor):
                assert (await stranger.get("/v1/renders")).json() == []
                for method, path in (("GET", ""), ("GET", "/film"), ("DELETE", "")):
                    assert problem(await stranger.request(method, location + path)) == (404, "not-found")
        assert (await page.get(f"{location}/film")).status_code == 200


async def test_a_render_waits_runs_and_is_cancelled_at_once(slow: Served) -> None:
    async with client_of(slow) as client:
        locations = [(await ask(client, wav(8.0))).headers["location"] for _ in range(5)]
        host = slow.services.host
        await until(lambda: host.streams == 3)
        states = [(await client.get(each)).json() for each in locations]
        assert [each["state"] for each in states] == ["running"] * 3 + ["queued"] * 2
        assert [each["queue"] for each in states] == [0, 0, 0, 1, 2]
        assert problem(await client.get(f"{locations[0]}/film")) == (409, "not-done")

        assert (await client.delete(locations[3])).status_code == 204  # of those that wait
        assert (await client.get(locations[4])).json()["queue"] == 1
        assert (await client.delete(locations[0])).status_code == 204  # of those that run
        gone = (await client.get(locations[0])).json()
        assert gone["state"] == "cancelled"
        folder = slow.services.settings.server.data_dir / "renders"
        assert not (folder / gone["id"]).exists()
        await until(lambda: host.streams == 3)  # its place is taken
        assert (await client.get(locations[4])).json()["state"] == "running"
        assert (await client.delete(locations[0])).status_code == 204
        assert problem(await client.get(locations[0])) == (404, "not-found")
        await clear(client)
        assert host.streams == 0


LONG_S = 19.5
"""Longer than it takes to ask for all that an owner may have, on any machine."""


async def test_an_owner_has_so_many_and_no_more(slow: Served) -> None:
    async with client_of(slow) as client:
        for _ in range(6):
            assert (await ask(client, wav(LONG_S))).status_code == 202
        assert problem(await ask(client)) == (409, "too-many-renders")
        first = (await client.get("/v1/renders")).json()[-1]
        await client.delete(f"/v1/renders/{first['id']}")
        assert (await ask(client)).status_code == 202
        await clear(client)


async def test_a_render_begins_again_when_the_engine_was_lost(slow: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_job, "PAUSES_S", (0.02,))
    async with client_of(slow) as client:
        location = (await ask(client, wav(2.0), seed="5")).headers["location"]
        host = slow.services.host
        await until(lambda: host.streams == 1)
        seen = [0.0]
        while seen[-1] < 0.2:
            seen.append((await client.get(location)).json()["progress"])
        assert seen == sorted(seen)
        restarts, pid = host.restarts, host.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        found = await ended(client, location)
        assert found["state"] == "done"
        assert host.restarts == restarts + 1
        assert len(frames_of((await client.get(found["film"])).content)) == 50
        await clear(client)


@pytest.mark.parametrize("seed", [fakes.ALWAYS_RAISES, fakes.NO_MEMORY])
async def test_a_render_that_never_works_ends_with_the_reason(
    slow: Served, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(render_job, "PAUSES_S", (0.02,))
    async with client_of(slow) as client:
        location = (await ask(client, seed=str(seed))).headers["location"]
        found = await ended(client, location)
        assert found["state"] == "failed"
        assert "begun 4 times" in found["error"]
        assert slow.services.host.streams == 0
        await clear(client)


async def test_a_portrait_that_was_deleted_meanwhile_ends_its_render(slow: Served) -> None:
    async with client_of(slow) as client:
        image = {"image": ("face.jpg", pictures.face_file())}
        avatar = (await client.post("/v1/avatars", files=image, data={"consent": "yes"})).json()["id"]
        for _ in range(3):
            await ask(client, wav(8.0))
        location = (await ask(client, avatar=avatar)).headers["location"]
        await client.delete(f"/v1/avatars/{avatar}")
        for each in (await client.get("/v1/renders")).json()[1:]:
            await client.delete(f"/v1/renders/{each['id']}")
        found = await ended(client, location)
        assert found["state"] == "failed"
        assert "avatar" in found["error"]
        await clear(client)


async def test_a_server_may_make_none(tmp_path: Path) -> None:
    async with serving(FAKE, data_dir=tmp_path, max_renders=0) as server, client_of(server) as client:
        assert problem(await ask(client)) == (501, "not-configured")


async def test_a_full_disk_takes_nothing_new(tmp_path: Path) -> None:
    async with serving(FAKE, data_dir=tmp_path, min_free_mb=10**9) as server, client_of(server) as client:
        assert problem(await ask(client)) == (507, "disk-full")
