"""Of two servers with one storage the one that makes a render is killed: the other one makes it."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from pathlib import Path

import av
import httpx
import pytest

from fault_rows import Recovery
from serving import Process, running
from store.objects.s3_server import S3Server, s3
from waiting import patient

__all__ = ["s3"]

pytestmark = pytest.mark.soak

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"


@pytest.mark.fault(
    "storage",
    "Of two servers with one storage the one that makes a render is killed",
    "The render goes on at the other one.",
    within=30.0,
)
@pytest.mark.parametrize("storage", ["folder", "bucket"])
async def test_a_render_goes_on_at_another_server(
    tmp_path: Path, s3: S3Server, storage: str, recovery: Recovery
) -> None:
    shared = ("--data-dir", str(tmp_path / "shared"))
    folders = [tmp_path / name for name in ("one", "other")]
    for each in folders:
        each.mkdir()
    options = [("--engine", "preview", "--size", "256", *shared) for _ in folders]
    if storage == "bucket":
        bucket = ("--bucket", f"s3://{s3.new_bucket()}", "--bucket-endpoint", s3.url)
        options = [("--engine", "preview", "--size", "256", *bucket) for _ in folders]
    audio = await asyncio.to_thread(SPEECH.read_bytes)
    with running(folders[0], *options[0]) as one, running(folders[1], *options[1]) as other:
        async with httpx.AsyncClient(base_url=one.url, timeout=60) as client:
            answer = await client.post("/v1/renders", files={"audio": audio}, data={"avatar": "amara"})
            assert answer.status_code == 202, answer.text
        location = answer.headers["location"]
        maker = await making(one, other)
        left = other if maker is one else one
        os.kill(maker.process.pid, signal.SIGKILL)
        await asyncio.to_thread(maker.process.wait)
        killed = time.monotonic()
        async with httpx.AsyncClient(base_url=left.url, timeout=60) as client:
            assert await making(left) is left
            seconds = time.monotonic() - killed
            async with patient(60):
                while (found := (await client.get(location)).json())["state"] == "running":  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            film = (await client.get(f"{location}/film")).content
    assert found["state"] == "done"
    with av.open(io.BytesIO(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 222
    recovery(f"the other server makes it (a {storage})", seconds)


async def making(*servers: Process) -> Process:
    """The one whose metrics say that it makes the render."""
    async with httpx.AsyncClient(timeout=60) as client, patient(60):
        while True:
            for each in servers:
                if 'livehead_renders{state="running"} 1.0' in (await client.get(f"{each.url}/metrics")).text:
                    return each
            await asyncio.sleep(0.05)
