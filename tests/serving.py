"""A real server for tests: in this process with a chosen engine, or ``livehead serve`` in its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from livehead.api.services import Services
from livehead.app import create_app
from livehead.engine.base import EngineSpec
from livehead.engine.choice import Choice
from livehead.sessions.session import Session
from livehead.settings import load
from livehead.transport.listening import listen
from livehead.transport.server import Server
from waiting import patient, until


class _Server(Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the signals stay with pytest


@dataclass
class Served:
    url: str
    services: Services

    def session(self, session_id: str) -> Session:
        """The session as the server has it."""
        return next(each for each in self.services.registry.sessions if each.id == session_id)

    async def settled(self, active: int = 0, within: float = 5.0) -> None:
        """Wait until so many slots are in use."""
        await until(lambda: self.services.registry.active == active, within)

    async def idle(self, within: float = 5.0) -> None:
        """Wait until no slot is in use and no stream is open at the engine. While there are no sessions, the server
        opens a stream for each built-in portrait in turn, to prepare it; such a one is waited for, a lost one not."""
        await until(lambda: self.services.registry.active == 0 and self.services.host.streams == 0, within)


ROOMY = {
    "offers_per_second": 1000,
    "tokens_per_second": 1000,
    "failures_per_minute": 60_000,
    "max_sessions_per_address": 1000,
    "max_pending_per_address": 1000,
    "max_connections_per_address": 1000,
    "setup_seconds": 60,
    "silence_timeout": 60,
    "request_seconds": 60,
    "heartbeat_seconds": 30,
}
"""Limits that one client, which the tests are, does not reach, and times that a busy machine keeps; tests of them set
their own."""


ALONE = {"LIVEHEAD_STANDBY": "no", "LIVEHEAD_SETUP_SECONDS": "60"}
"""No second worker that takes its time to load, and time to connect; tests of them ask for others."""


@contextlib.asynccontextmanager
async def serving(engine: EngineSpec, *, wait: bool = True, **given: Any) -> AsyncIterator[Served]:
    """The application with ``engine`` on a free port of this process; ``given`` are settings by name. Without a
    ``data_dir`` it has one of its own, which is removed at the end, and nothing that was fetched. Sessions that choose
    no latency are at ``low``."""
    with tempfile.TemporaryDirectory() as folder:
        async with _serving(
            engine, wait, ROOMY | {"data_dir": folder, "vendor_dir": folder, "latency": "low", "standby": False} | given
        ) as served:
            yield served


@contextlib.asynccontextmanager
async def _serving(engine: EngineSpec, wait: bool, given: dict[str, Any]) -> AsyncIterator[Served]:
    settings = load(given)
    app = await asyncio.to_thread(create_app, settings, Choice("test", None, engine, "as asked"))
    listener = listen("127.0.0.1", 0)
    server = _Server(app, settings, app.state.services.metrics)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started)
        if wait:
            await app.state.services.host.ready()
            await until(lambda: app.state.services.registry.refusal() is None)
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.services)
    finally:
        await app.state.services.registry.drain(0)
        server.should_exit = True
        await task


@dataclass
class Process:
    """``livehead serve`` as a user starts it."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def worker(self) -> int:
        """The process id of the engine's worker."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return next(int(child) for task in tasks for child in task.read_text().split())

    async def active(self) -> int:
        """How many slots are in use."""
        async with httpx.AsyncClient() as client:
            return int((await client.get(f"{self.url}/v1/info")).json()["sessions"]["active"])

    async def settled(self, active: int = 0, within: float = 8.0) -> None:
        """Wait until so many slots are in use."""
        async with patient(within):
            while await self.active() != active:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.1)


@contextlib.contextmanager
def running(folder: Path, *options: str, **environment: str) -> Iterator[Process]:
    """Start the command on a free port, wait until it is ready, and end it. The log is shown where a test fails."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "livehead", "serve", "--port", "0", *options]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env=ALONE | os.environ | environment, cwd=folder
        )
    with started(process, log) as server:
        yield server


@contextlib.contextmanager
def started(process: subprocess.Popen[bytes], log: Path) -> Iterator[Process]:
    """Wait until a server that writes to ``log`` is ready, and end it."""
    try:
        yield Process(process, _url(process, log), log)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(log.read_text())


def _url(process: subprocess.Popen[bytes], log: Path, within: float = 60.0) -> str:
    until = time.monotonic() + within
    while time.monotonic() < until:
        assert process.poll() is None, f"the server ended:\n{log.read_text()}"
        found = [line.split()[-1] for line in log.read_text().splitlines() if line.startswith("Livehead is at ")]
        if found:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{found[0]}/readyz").status_code == 200:
                    return found[0]
        time.sleep(0.1)
    raise AssertionError(f"the server was not ready in {within:.0f} s:\n{log.read_text()}")
