"""How the server ends: told to under load, twice, too early or in a bad moment, and killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from caller import Caller, tone
from fault_rows import Recovery
from line import Line
from serving import ALONE, Process, running
from waiting import PATIENCE, until

CALLS = 3
DRAIN_S = 2.0
AT_ONCE_S = 1.0
SHARED = Path("/dev/shm")


def free_port() -> int:
    """A TCP port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def family(server: Process) -> list[psutil.Process]:
    """The server and all that it has started."""
    process = psutil.Process(server.process.pid)
    return [process, *process.children(recursive=True)]


def shared() -> set[str]:
    """What of this project's is in shared memory by name."""
    return {each.name for each in SHARED.iterdir() if "livehead" in each.name} if SHARED.is_dir() else set()


async def ended(processes: list[psutil.Process], within: float = 2.0) -> None:
    """Wait until none of them is left."""
    await until(
        lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes), within
    )


@contextlib.asynccontextmanager
async def calls(server: Process, number: int = CALLS) -> AsyncIterator[list[Line]]:
    """So many are live."""
    async with AsyncExitStack() as stack:
        lines = []
        for _ in range(number):
            caller = await stack.enter_async_context(Caller(tone, keep=10_000))
            line = await stack.enter_async_context(Line(server.url))
            await line.call(caller)
            await line.state("live")
            lines.append(line)
        yield lines


@contextlib.contextmanager
def starting(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, as soon as it says where it will be."""
    with (folder / "starting.log").open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "livehead", "serve", "--engine", "preview", "--port", "0", *options],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=ALONE | os.environ,
            cwd=folder,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        print((folder / "starting.log").read_text())


@pytest.mark.soak
@pytest.mark.fault(
    "server",
    "SIGTERM with calls under way",
    "The calls are told, go on for --drain-seconds and end; new ones are sent elsewhere; exit code 0.",
    within=4.0,
)
async def test_told_to_end_under_load(tmp_path: Path, recovery: Recovery) -> None:
    before = shared()
    with running(tmp_path, "--engine", "preview", "--size", "256", LIVEHEAD_DRAIN_SECONDS=str(DRAIN_S)) as server:
        processes = family(server)
        assert len(processes) > 1, "there is a worker"
        async with calls(server) as lines, httpx.AsyncClient(base_url=server.url) as client:
            slow = await client.post("/v1/sessions", json={})
            assert slow.status_code == 201
            server.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            for line in lines:
                await line.state("draining")
            told = time.monotonic() - began
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["reason"]) == (503, "draining")
            assert "retry-after" in ready.headers
            refused = await client.post("/v1/sessions", json={})
            assert refused.status_code == 503
            assert refused.json()["type"].endswith("draining")
            assert "retry-after" in refused.headers
            for line in lines:
                assert (await line.state("closed"))["reason"] == "draining"
            drained = time.monotonic() - began
        assert await asyncio.to_thread(server.process.wait, 20) == 0
        lasted = time.monotonic() - began
        await ended(processes)
        assert drained >= DRAIN_S - 0.1
        assert told <= AT_ONCE_S * PATIENCE
        assert "Traceback" not in server.log.read_text()
    assert shared() <= before
    recovery(f"told after {told:.2f} s, calls ended after {drained:.1f} s, all processes gone, exit code 0", lasted)


@pytest.mark.soak
@pytest.mark.fault(
    "server", "A second SIGTERM while the first waits for calls", "The calls break off; nothing is left.", within=1.0
)
async def test_told_twice(tmp_path: Path, recovery: Recovery) -> None:
    with running(tmp_path, "--engine", "preview", "--size", "256", LIVEHEAD_DRAIN_SECONDS="60") as server:
        processes = family(server)
        async with calls(server, 1) as (line,):
            server.process.send_signal(signal.SIGTERM)
            await line.state("draining")
            server.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            await asyncio.to_thread(server.process.wait, 10)
            lasted = time.monotonic() - began
        await ended(processes)
    recovery("the server and its worker are gone", lasted)


@pytest.mark.fault("server", "SIGTERM while the server starts", "Nothing: it was not ready yet.", within=4.0)
async def test_told_while_it_starts(tmp_path: Path, recovery: Recovery) -> None:
    with starting(tmp_path) as process:
        log = tmp_path / "starting.log"
        await until(lambda: "Livehead is at" in log.read_text(), 30)
        await until(lambda: psutil.Process(process.pid).children(), 10)  # its worker loads
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.to_thread(process.wait, 20) == 0
        lasted = time.monotonic() - began
        await ended(processes)
        assert "Traceback" not in log.read_text()
    recovery("the server and its worker are gone, exit code 0", lasted)


@pytest.mark.soak
@pytest.mark.fault(
    "server", "SIGTERM while the engine's worker is started again", "The calls are told and end as usual.", within=5.0
)
async def test_told_while_its_worker_restarts(tmp_path: Path, recovery: Recovery) -> None:
    with running(tmp_path, "--engine", "preview", "--size", "256", LIVEHEAD_DRAIN_SECONDS="1") as server:
        async with calls(server, 1) as (line,):
            killed = server.worker
            os.kill(killed, signal.SIGKILL)
            await line.state("degraded")
            await until(lambda: len(family(server)) > 1 and all(each.pid != killed for each in family(server)), 10)
            processes = family(server)
            server.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            await line.state("draining")
            assert (await line.state("closed"))["reason"] == "draining"
        assert await asyncio.to_thread(server.process.wait, 20) == 0
        lasted = time.monotonic() - began
        await ended(processes)
        assert "Traceback" not in server.log.read_text()
    recovery("the server and both workers are gone, exit code 0", lasted)


@pytest.mark.fault(
    "server",
    "SIGKILL of the server in a call, and its start on the same port",
    "The call breaks off; a new one can be made as soon as the server is up.",
    within=12.0,
)
async def test_killed_and_started_again(tmp_path: Path, recovery: Recovery) -> None:
    before, port = shared(), free_port()
    with running(tmp_path, "--engine", "preview", "--size", "256", "--port", str(port)) as server:
        processes = family(server)
        async with calls(server, 1):
            server.process.kill()
            began = time.monotonic()
            await asyncio.to_thread(server.process.wait, 10)
            await ended(processes)
            gone = time.monotonic() - began
    assert shared() <= before
    with running(tmp_path, "--engine", "preview", "--size", "256", "--port", str(port)) as server:
        async with calls(server, 1):
            lasted = time.monotonic() - began
        assert len(family(server)) == len(processes)
    recovery(f"the worker ended {gone:.2f} s after the server; a new call", lasted)


@pytest.mark.soak
@pytest.mark.fault("server", "Five starts and stops in a row on one port", "Nothing: each is up and ready.")
async def test_five_starts_in_a_row(tmp_path: Path, recovery: Recovery) -> None:
    before, port = shared(), free_port()
    took = []
    for _ in range(5):
        began = time.monotonic()
        with running(tmp_path, "--engine", "preview", "--size", "256", "--port", str(port)) as server:
            took.append(time.monotonic() - began)
            processes = family(server)
            async with calls(server, 1):
                pass
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.process.wait, 20) == 0
        await ended(processes)
    assert shared() <= before
    recovery(f"ready after {min(took):.1f} to {max(took):.1f} s, each with a call, exit code 0, no process left")
