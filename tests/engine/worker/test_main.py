"""The worker process by itself: how it ends, and what it does not react to."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fakes
from livehead.core.windows import Window
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost
from waiting import patient

PARENT = """
import asyncio, fakes, sys, time
from livehead.core.windows import Window
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost

async def main():
    async with EngineHost(EngineSpec("fakes:create")) as host:
        await host.ready()
        stream = await host.open(fakes.portrait(1), 0, lambda *_: None)
        stream.submit(Window(0, 1, 0, fakes.audio({what})), time.monotonic() + 9)
        await asyncio.sleep(0.2)
        print(host.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def ended(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True  # dead; whoever inherited it has not looked yet
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("what", [0.0, fakes.HANG], ids=["idle", "in a step"])
def test_it_ends_when_its_parent_is_killed(what):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(what=what)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    _, stderr = parent.communicate(timeout=10)
    assert ended(worker)
    assert "leaked" not in stderr  # no tracker complains of memory
    assert "Traceback" not in stderr


async def test_interrupt_and_terminate_are_for_the_server():
    async with EngineHost(EngineSpec("fakes:create")) as host:
        await host.ready()
        assert host.pid is not None
        os.kill(host.pid, signal.SIGINT)
        os.kill(host.pid, signal.SIGTERM)
        seen: list[int] = []
        stream = await host.open(fakes.portrait(1), 0, lambda k, *_: seen.append(k))
        stream.submit(Window(7, 1, 0, fakes.audio()), time.monotonic() + 9)
        async with patient(5):
            while not seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert host.restarts == 0


async def test_it_is_another_process_of_lower_priority():
    async with EngineHost(EngineSpec("fakes:create"), nice=3) as host:
        details = (await host.ready()).details
        assert int(details["pid"]) == host.pid != os.getpid()
        assert int(details["nice"]) >= min(19, os.nice(0) + 3)


@pytest.mark.skipif(sys.platform != "linux", reason="the scores are Linux's")
async def test_without_memory_it_is_killed_rather_than_the_server():
    async with EngineHost(EngineSpec("fakes:create")) as host:
        await host.ready()
        scores = [await asyncio.to_thread(Path(f"/proc/{pid}/oom_score").read_text) for pid in (host.pid, os.getpid())]
        assert int(scores[0]) > int(scores[1]) + 100


async def test_it_imports_no_server():
    async with EngineHost(EngineSpec("fakes:create")) as host:
        await host.ready()
        maps = await asyncio.to_thread(Path(f"/proc/{host.pid}/maps").read_text)
        assert "/av/" not in maps
        assert "torch" not in maps
