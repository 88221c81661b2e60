"""How calls and the server end, by signal, by a client's death, and when media stops."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from caller import Caller, tone
from fault_rows import Recovery
from line import Line
from serving import Process, running
from waiting import patient, until

TESTS = Path(__file__).parents[1]


CLIENT = """
import asyncio, sys
from caller import Caller, tone
from line import Line

async def main():
    async with Caller(tone) as caller, Line(sys.argv[1]) as line:
        await line.call(caller)
        await caller.seen(lambda p: len(p) > 20)
        print("connected", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.fault(
    "client",
    "A client's process is killed, and its signal socket ends",
    "Its session ends, and its place is free.",
    within=4.0,
)
@pytest.mark.soak
async def test_a_killed_client_gives_its_slot_back(server: Process, recovery: Recovery) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, server.url, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(TESTS)}
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"connected\n"
    assert await server.active() == 1
    process.kill()
    killed = time.monotonic()
    await process.wait()
    await server.settled()
    recovery("the place is free", time.monotonic() - killed)


@pytest.mark.fault(
    "client",
    "A client without a signal socket goes away without a word",
    "Its session ends when nothing has come for LIVEHEAD_SILENCE_TIMEOUT, 10 s by default and 3 s in this test.",
    within=5.0,
)
async def test_a_session_opened_over_http_ends_without_media(server: Process, recovery: Recovery) -> None:
    async with Caller(tone) as caller, httpx.AsyncClient() as client:
        headers = {"Content-Type": "application/sdp"}
        answer = await client.post(f"{server.url}/v1/sessions", content=await caller.offer(), headers=headers)
        await caller.accept(answer.text)
        await caller.seen(lambda p: len(p) > 20)
        await until(lambda: caller.figures)
        caller.microphone.stop()
        left = time.monotonic()
        location = server.url + answer.headers["location"]
        async with patient(10):
            while (await client.get(location)).status_code == 200:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.1)
        gone = time.monotonic() - left
    await server.settled()
    recovery("the place is free", gone)


@pytest.mark.parametrize("ends", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
async def test_a_signal_drains(tmp_path: Path, ends: signal.Signals) -> None:
    with running(tmp_path, "--engine", "preview", LIVEHEAD_DRAIN_SECONDS="1") as server:
        worker = server.worker
        async with Caller(tone) as caller, Line(server.url) as line:
            await line.call(caller)
            await line.state("live")
            server.process.send_signal(ends)
            await line.state("draining")
            assert (await asyncio.to_thread(httpx.get, f"{server.url}/readyz")).json()["reason"] == "draining"
            assert (await line.state("closed"))["reason"] == "draining"
        assert await asyncio.to_thread(server.process.wait, 10) == 0
        await until(lambda: not Path(f"/proc/{worker}").exists())
        log = server.log.read_text()
        assert "Traceback" not in log
        assert sum(": open, " in line for line in log.splitlines()) == 1
        assert sum(": closed: draining" in line for line in log.splitlines()) == 1


@pytest.mark.soak
async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--engine", "preview", LIVEHEAD_DRAIN_SECONDS="30") as server:
        worker = server.worker
        async with Caller(tone) as caller, Line(server.url) as line:
            await line.call(caller)
            await line.state("live")
            server.process.send_signal(signal.SIGINT)
            await line.state("draining")
            server.process.send_signal(signal.SIGINT)
            await asyncio.to_thread(server.process.wait, 3)
        await until(lambda: not Path(f"/proc/{worker}").exists())
