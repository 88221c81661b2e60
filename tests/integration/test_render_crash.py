"""A server is killed in the middle of its renders, and the next one makes them."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from fault_rows import Recovery
from serving import running
from waiting import patient

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
OPTIONS = ("--engine", "preview", "--size", "256", "--data-dir", "kept")


async def listed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The oldest first."""
    return list(reversed((await client.get("/v1/renders")).json()))


@pytest.mark.soak
@pytest.mark.fault(
    "server",
    "The server is killed while it makes renders, and started again",
    "The renders go on: what ran begins again, what waited keeps its place.",
)
async def test_no_render_is_lost_when_the_server_is_killed(tmp_path: Path, recovery: Recovery) -> None:
    audio = await asyncio.to_thread(SPEECH.read_bytes)
    with running(tmp_path, *OPTIONS) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            for number in range(4):
                form = {"avatar": "amara", "seed": str(number // 2)}
                answer = await client.post("/v1/renders", files={"audio": audio}, data=form)
                assert answer.status_code == 202, answer.text
            async with patient(20):
                while not any(0.1 < each["progress"] < 1 for each in await listed(client)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            before = await listed(client)
        os.kill(server.process.pid, signal.SIGKILL)
        await asyncio.to_thread(server.process.wait)
    assert {"running", "queued"} <= {each["state"] for each in before}

    with running(tmp_path, *OPTIONS) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client, asyncio.timeout(40):
            after = await listed(client)
            while any(each["state"] in ("running", "queued") for each in after):
                await asyncio.sleep(0.2)
                after = await listed(client)
            assert {each["state"] for each in after} == {"done"}, after
            assert [each["id"] for each in after] == [each["id"] for each in before]
            films = [(await client.get(each["film"])).content for each in after]
    assert films[0] == films[1] != films[2] == films[3]  # as their seeds
    with av.open(io.BytesIO(films[0])) as film:
        assert sum(1 for _ in film.decode(video=0)) == 222
    folder = tmp_path / "kept" / "renders"
    assert {path.name for path in folder.rglob("*") if path.parent != folder} == {"film.mp4"}
    recovery(f"{len(after)} of {len(before)} renders are done, and the same as without it")
