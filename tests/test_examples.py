"""The programs in examples/ do what their pages say, run as a reader runs them."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from backend import listener
from caller import Caller
from line import Line
from livehead.avatars import DEFAULT_ID, builtin_avatars
from livehead.transport.listening import listen
from serving import Process, running
from waiting import until

EXAMPLES = Path(__file__).parents[1] / "examples"
RATE = 24_000


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two seconds, of which the second is a tone."""
    samples = 0.4 * 32767 * np.sin(np.arange(2 * RATE) * 2 * np.pi * 400 / RATE)
    samples[:RATE] = 0
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_the_generator_renders_frames_that_follow_the_speech(tmp_path: Path, speech: Path) -> None:
    portrait = next(avatar.path for avatar in builtin_avatars() if avatar.id == DEFAULT_ID)
    out = tmp_path / "out.mp4"
    subprocess.run([sys.executable, EXAMPLES / "generator/render.py", portrait, speech, out], check=True, timeout=120)
    with av.open(str(out)) as file:
        light = [float(frame.to_ndarray(format="gray").mean()) for frame in file.decode(video=0)]
    assert len(light) == 50
    assert min(light[26:]) > 1.5 * max(light[:25])


@contextlib.contextmanager
def serving_the_example(folder: Path) -> Iterator[str]:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"LIVEHEAD_PORT": str(port), "LIVEHEAD_SIZE": "64"}
    log = folder / "server.log"
    with log.open("wb") as sink:
        command = [sys.executable, EXAMPLES / "generator/serve.py"]
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield ready(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(20)
        print(log.read_text())


def ready(url: str, process: subprocess.Popen[bytes]) -> str:
    """Wait until the server at ``url`` takes calls."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == 200:
                return url
        time.sleep(0.1)
    raise AssertionError("the server is not ready")


@pytest.mark.may_block("starts and ends the server's process")
@pytest.mark.soak
async def test_the_generator_serves_a_call(tmp_path: Path) -> None:
    with serving_the_example(tmp_path) as url:
        engine = (await asyncio.to_thread(httpx.get, f"{url}/v1/info")).json()["engine"]
        assert (engine["name"], engine["width"]) == ("glow", 64)
        async with Caller() as caller, Line(url) as line:
            await line.call(caller)
            await line.state("live")
            assert {seen.luma.shape[1] for seen in await caller.seen(lambda frames: len(frames) > 25)} == {64}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("server"), "--engine", "preview") as process:
        yield process


def loud(levels: list[tuple[float, float]]) -> int:
    """How many packets of 20 ms hold the tone."""
    return sum(level > 0.05 for _, level in levels)


def push(server: Process, session: str, speech: Path) -> subprocess.Popen[str]:
    command = [sys.executable, EXAMPLES / "push_speech/push_speech.py", server.url, session, speech]
    # Where these tests run in the background, SIGINT may be ignored, and a child would inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)


@pytest.mark.may_block("starts the client's process")
async def test_pushed_speech_is_heard_to_its_end(server: Process, speech: Path) -> None:
    async with listener() as caller, Line(server.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        client = push(server, session, speech)
        output, errors = await asyncio.to_thread(client.communicate, timeout=30)
        assert (client.returncode, errors) == (0, "")
        told = [ast.literal_eval(each) for each in output.splitlines()]
        assert [each["state"] for each in told] == ["started", "finished"]
        assert told[1]["k"] - told[0]["k"] == 49
        await until(lambda: loud(caller.levels) > 30)


@pytest.mark.may_block("starts the client's process")
@pytest.mark.soak
async def test_ctrl_c_interrupts_the_pushed_speech(server: Process, speech: Path) -> None:
    async with listener() as caller, Line(server.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        client = push(server, session, speech)
        assert client.stdout is not None
        assert "started" in await asyncio.to_thread(client.stdout.readline)
        client.send_signal(signal.SIGINT)
        await asyncio.to_thread(client.communicate, timeout=30)
        heard = len(caller.levels)
        await until(lambda: len(caller.levels) > heard + 150)
        assert loud(caller.levels) < 25  # of the 50 that the tone takes: it was still to come, or cut off
        assert loud(caller.levels[-100:]) == 0
