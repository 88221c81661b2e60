"""kill -9 of a server in the middle of a film: what was written plays, and is listed after the next start."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import pytest

from caller import Caller
from fault_rows import Recovery
from films import play
from line import Line
from serving import Process, running
from waiting import patient

SECONDS = 3.0


def beeps(at: float) -> float:
    return 0.4 if at % 0.5 < 0.2 else 0.0


async def record(server: Process) -> dict[str, Any]:
    """A call, until so much of it is recorded; the recording as it is listed then."""
    async with Caller(beeps) as caller, Line(server.url) as line, httpx.AsyncClient(base_url=server.url) as client:
        await line.call(caller, probe=True, record="film")
        while True:
            await asyncio.sleep(0.2)
            recordings = (await client.get("/v1/recordings")).json()
            if recordings and recordings[0]["seconds"] >= SECONDS:
                assert recordings[0]["state"] == "recording"
                kill(server)
                return dict(recordings[0])


def kill(server: Process) -> None:
    """The server, and all that it started, as when the machine loses its power."""
    family = psutil.Process(server.process.pid)
    for each in (family, *family.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    server.process.wait()


@pytest.mark.fault(
    "server",
    "The server is killed in a recorded call, with all that it started",
    "The film has all but its last two seconds, plays at once, and is listed as cut short after the next start.",
    within=5.0,
)
async def test_a_film_survives_kill_9(tmp_path: Path, recovery: Recovery) -> None:
    options = ("--engine", "preview", "--data-dir", str(tmp_path / "data"))
    environment = {"LIVEHEAD_MIN_FREE_MB": "0"}
    with running(tmp_path, *options, **environment) as server:
        before = await record(server)
    [path] = (tmp_path / "data/recordings").glob("*.mp4")
    left = play(path)
    assert len(left.codes) / 25 >= before["seconds"] - 2.0
    assert len(left.sound) / 48_000 >= len(left.codes) / 25 - 0.2
    assert median(map(abs, left.skews())) <= 0.04  # a picture that the call itself was late with is late in the film

    with running(tmp_path, *options, **environment) as server:
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=server.url) as client:
            async with patient(20):
                while True:
                    [after] = (await client.get("/v1/recordings")).json()
                    assert (after["id"], after["state"]) == (before["id"], "cut-short")
                    if after["seconds"]:
                        break
                    await asyncio.sleep(0.1)
            seconds = time.monotonic() - began
            film = await client.get(f"/v1/recordings/{after['id']}")
    assert abs(after["seconds"] - len(left.codes) / 25) < 0.05
    assert b"uuid" in film.content[-2_000:]
    assert not list((tmp_path / "data").rglob(".new-*"))
    recovery(f"{left.codes[-1][0]:.1f} of {before['seconds']:.1f} s are in the film, which is complete", seconds)
