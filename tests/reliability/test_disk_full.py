"""The disk is full, and then there is room again: calls go on, what cannot be kept is refused in so many words."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from caller import Caller, tone
from fault_rows import Recovery
from films import play
from line import Line
from livehead.files.whole import TEMPORARY
from pictures import face_file
from serving import running
from waiting import patient

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
DISK = Path(__file__).with_name("full_disk")
RESERVE_MB = "1"


def upload(client: httpx.AsyncClient) -> Any:
    return client.post("/v1/avatars", files={"image": face_file()}, data={"consent": "yes"})


def ask_for_render(client: httpx.AsyncClient) -> Any:
    return client.post("/v1/renders", files={"audio": SPEECH.read_bytes()}, data={"avatar": "amara"})


def make_key(data: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livehead", "keys", "new", "shop", "--keys", str(data / "their-keys")]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


async def recordings(client: httpx.AsyncClient, *states: str) -> list[dict[str, Any]]:
    """When the newest is in one of these states, and has a length."""
    async with patient(20):
        while True:
            found = (await client.get("/v1/recordings")).json()
            if found and found[0]["state"] in states and found[0]["seconds"] >= 1:
                return list(found)
            await asyncio.sleep(0.1)


@pytest.mark.fault(
    "storage",
    "The disk fills up in a recorded call, and has room again",
    "The call goes on; its film ends with what it has. Uploads and renders get 507, `livehead keys` says why.",
    within=8.0,
)
async def test_full_disk(tmp_path: Path, recovery: Recovery) -> None:
    data, full = tmp_path / "data", tmp_path / "full"
    environment = {"FULL_DISK": str(full), "PYTHONPATH": str(DISK), "LIVEHEAD_MIN_FREE_MB": RESERVE_MB}
    options = ("--engine", "preview", "--size", "256", "--data-dir", str(data))
    assert (await asyncio.to_thread(make_key, data, environment)).returncode == 0
    keys = (data / "their-keys").read_bytes()
    with running(tmp_path, *options, **environment) as server:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=60) as client,
            Caller(tone) as caller,
            Line(server.url) as line,
        ):
            await line.call(caller, record="film")
            await recordings(client, "recording")
            before = len(caller.frames)
            await caller.seen(lambda frames: len(frames) > before + 75)  # three seconds, of which the film has one

            full.write_text("")
            [film] = await recordings(client, "cut-short")
            for ask in (upload, ask_for_render):
                answer = await ask(client)
                assert (answer.status_code, answer.headers["content-type"]) == (507, "application/problem+json")
                assert answer.json()["type"].endswith("disk-full")
                assert "room" in answer.json()["detail"]
            refused = await asyncio.to_thread(make_key, data, environment)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert "No space left on device. It is as it was." in refused.stderr
            assert (data / "their-keys").read_bytes() == keys

            full.write_text("told")
            async with patient(10):
                while "storage" not in (ready := (await client.get("/readyz")).json()):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert ready == {"ready": True, "storage": "disk-full"}
            assert "livehead_storage_free_bytes 0.0" in (await client.get("/metrics")).text
            assert (await upload(client)).status_code == 507
            assert [path for path in data.rglob(f"{TEMPORARY}*") if path.suffix != ".alive"] == []
            before = len(caller.frames)
            await caller.seen(lambda frames: len(frames) > before + 25)

            full.unlink()
            began = time.monotonic()
            assert (await upload(client)).status_code == 201
            answer = await ask_for_render(client)
            assert answer.status_code == 202
            async with patient(10):
                while (await client.get("/readyz")).json() != {"ready": True}:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            seconds = time.monotonic() - began
            assert (await asyncio.to_thread(make_key, data, environment)).returncode == 0
        async with Caller(tone) as caller, Line(server.url) as line, httpx.AsyncClient(base_url=server.url) as client:
            await line.call(caller, record="film")
            await recordings(client, "recording")
            async with patient(60):
                while (found := (await client.get(answer.headers["location"])).json())["state"] != "done":
                    assert found["state"] in ("queued", "running")
                    await asyncio.sleep(0.2)
            assert film["id"] in [each["id"] for each in (await client.get("/v1/recordings")).json()]
    left = await asyncio.to_thread(play, data / "recordings" / f"{film['id']}.mp4")
    assert abs(len(left.codes) / 25 - film["seconds"]) < 0.1
    recovery(f"everything is kept again, without a restart; the film has {film['seconds']:.0f} s", seconds)
