"""The name server stops answering, for the server and for its clients, which are told of a STUN server by its name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from name_server import NameServer

from fault_rows import Recovery
from serving import ALONE, Process, started
from waiting import PATIENCE, until

pytestmark = pytest.mark.may_block("it has processes in a mount namespace")

STUN = '["stun:stun.livehead.example:3478"]'
HERE = Path(__file__).parent


@pytest.fixture
def names() -> Iterator[NameServer]:
    if os.geteuid():
        pytest.skip("a name server's port and a mount namespace are for root alone")
    with NameServer() as names:
        yield names


@pytest.fixture
def server(names: NameServer, tmp_path: Path) -> Iterator[Process]:
    options = ("--port", "0", "--engine", "preview", "--size", "128", "--data-dir", str(tmp_path))
    command = names.asking(tmp_path, sys.executable, "-m", "livehead", "serve", *options)
    log = tmp_path / "server.log"
    with log.open("wb") as sink:
        environment = ALONE | os.environ | {"LIVEHEAD_STUN_URLS": STUN}
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=tmp_path)
    with started(process, log) as server:
        yield server


@contextlib.asynccontextmanager
async def client(names: NameServer, folder: Path, script: str, *words: str) -> AsyncIterator[list[float]]:
    """The first number of each line that it prints, as they come."""
    command = names.asking(folder, sys.executable, str(HERE / script), *words)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    seen: list[float] = []

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            seen.append(float(line.split()[0]))

    reading = asyncio.create_task(read())
    try:
        yield seen
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


async def dialled(names: NameServer, folder: Path, url: str, count: int) -> list[float]:
    """How long each of so many calls took to show a picture."""
    async with client(names, folder, "dialler.py", url, str(count)) as took:
        await until(lambda: len(took) == count, 60)
        return list(took)


@pytest.mark.fault(
    "network",
    "The name server does not answer any more, neither the server nor a client; a STUN server has a name",
    "A call begins later; one that is under way goes on as if nothing were the matter.",
    within=4.0,
)
async def test_no_names(names: NameServer, server: Process, tmp_path: Path, recovery: Recovery) -> None:
    [usual] = await dialled(names, tmp_path, server.url, 1)
    assert names.asked >= 2, "both ends ask for the name"
    async with client(names, tmp_path, "sleeper.py", server.url) as pictures:
        await until(lambda: len(pictures) > 50, 20)
        names.answers, gone = False, time.monotonic()
        late = await dialled(names, tmp_path, server.url, 3)
        names.answers = True
        [again] = await dialled(names, tmp_path, server.url, 1)
        gaps = [after - before for before, after in pairwise([at for at in pictures if at > gone])]
        assert len(gaps) > 50
        assert max(gaps) < 0.5 * PATIENCE
    assert again < min(late)
    recovery(f"a picture of each of three calls, {usual:.1f} s before and {again:.1f} s after", max(late))
