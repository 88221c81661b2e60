"""The example bot: a client of Pipecat's own WebRTC transport sees the portrait speak, and hears it."""

from __future__ import annotations

import asyncio
import importlib.util
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pipecat.runner.types import SmallWebRTCRunnerArguments
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from caller import Caller
from livehead.integrations.pipecat import LiveheadVideoService
from serving import Process, running
from waiting import patient

EXAMPLE = Path(__file__).parents[2] / "examples/pipecat/greeter.py"
RATE = 24_000
GRID_S = 0.02


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("server"), "--engine", "preview") as process:
        yield process


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, server: Process, tmp_path: Path) -> ModuleType:
    """The program, with a greeting of tones and pauses, and with the test code in its pictures."""
    times = np.arange(5 * RATE) / RATE
    on = (times * 1.7 % 1 < 0.4) & (times > 0.5)
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((0.4 * 32767 * np.sin(2 * np.pi * 300 * times) * on).astype("<i2").tobytes())
    monkeypatch.setenv("GREETING", str(path))
    monkeypatch.setenv("LIVEHEAD", server.url)
    spec = importlib.util.spec_from_file_location("greeter", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LiveheadVideoService", lambda url: LiveheadVideoService(url=url, probe=True))
    return module


@pytest.mark.may_block("Pipecat and the example read files")
async def test_the_greeting_is_seen_and_heard_in_step(example: ModuleType, server: Process) -> None:
    async with Caller() as caller:
        connection = SmallWebRTCConnection()
        await connection.initialize(await caller.offer(), "offer")
        answer = connection.get_answer()
        assert answer is not None
        task = asyncio.create_task(example.bot(SmallWebRTCRunnerArguments(webrtc_connection=connection)))
        try:
            await caller.accept(answer["sdp"])
            await caller.seen(
                lambda frames: sum(each.code is not None and each.code.loudness > 8 for each in frames) > 40, 20
            )
        finally:  # Pipecat's tasks end with the connection, and are not to be cancelled in the middle of that
            await caller.close()
            async with patient(10):
                await task
    await server.settled()
    assert max(level for _, level in caller.levels) > 0.1

    coded = [(each.at, each.code.loudness / 15) for each in caller.frames if each.code is not None]
    begin, end = max(coded[0][0], caller.levels[0][0]), min(coded[-1][0], caller.levels[-1][0])
    grid = np.arange(begin, end, GRID_S)
    shown = latest(coded, grid) > 0.4
    heard = latest(caller.levels, grid) > 0.02
    agreement = {shift: float(np.mean(shown == np.roll(heard, -shift))) for shift in range(-25, 26)}
    best = max(agreement, key=lambda shift: agreement[shift])
    print(f"the sound is {best * GRID_S * 1000:.0f} ms behind the picture; they agree for {agreement[best]:.0%}")
    assert agreement[best] > 0.85
    assert abs(best) * GRID_S <= 0.2


def latest(values: list[tuple[float, float]], grid: np.ndarray) -> np.ndarray:
    """The value that is valid at each time."""
    times = np.array([at for at, _ in values])
    return np.array([value for _, value in values])[np.maximum(np.searchsorted(times, grid, side="right") - 1, 0)]
