"""A real server, and a real Chromium whose microphone plays speech."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright, expect

from browser.keys import KEY, SECRET, Locked, write_keys
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from npm import ESBUILD, installed, packed
from serving import Process, Served, running, serving
from visiting import ROOT, SPEECH, chromium, launch
from waiting import PATIENCE

expect.set_options(timeout=5_000 * PATIENCE)

SPEECH_S, SILENCE_S = 3.5, 2.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all: the browser is started once."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name != "test_modules.py":
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV as Chromium's fake microphone wants it: 48 kHz, 16 bit, mono; speech, then silence."""
    with av.open(str(SPEECH)) as container:
        resampler = av.AudioResampler("s16", "mono", 48_000)
        frames = [r.to_ndarray().ravel() for f in container.decode(audio=0) for r in resampler.resample(f)]
    spoken = np.concatenate(frames)[: int(SPEECH_S * 48_000)]
    samples = np.concatenate([spoken, np.zeros(int(SILENCE_S * 48_000), np.int16)])
    path = tmp_path_factory.mktemp("speech") / "microphone.wav"
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(48_000)
        sink.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed file of the npm package."""
    return packed(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def tools() -> Path:
    """A folder with all that the React example needs beside the package, and what the tests need."""
    manifest = json.loads((ROOT / "examples/react/package.json").read_text())
    wanted = manifest["dependencies"] | manifest["devDependencies"] | {"esbuild": ESBUILD}
    del wanted["livehead"]
    return installed(wanted)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """``livehead serve`` with one place: the next test gets it when the last page has gone."""
    chromium()
    folder = tmp_path_factory.mktemp("server")
    options = ("--engine", "preview", "--max-sessions", "1", "--data-dir", str(folder / "data"))
    with running(folder, *options, LIVEHEAD_ALLOWED_HOSTS='["livehead.test"]') as process:
        yield process


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def locked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Locked]:
    """A server in this process that takes keys and tokens only, from pages of any site."""
    keys = write_keys(tmp_path_factory.mktemp("keys") / "keys", KEY)
    async with serving(
        EngineSpec(PREVIEW, {"size": 512}),
        keys=keys,
        token_secret=SECRET,
        cors_origins=["*"],
        failures_per_minute=6000,
        offers_per_second=100,
    ) as served:
        yield Locked(served, keys)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server in this process with small pictures, for pages of any site."""
    data = tmp_path_factory.mktemp("served")
    every = {"cors_origins": ["*"], "frame_ancestors": ["*"], "data_dir": data}
    async with serving(EngineSpec(PREVIEW, {"size": 128}), **every) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole() -> AsyncIterator[Served]:
    """A server in this process that can do all that its page has a control for."""
    spec = EngineSpec(PREVIEW, {"size": 256})
    async with serving(spec, max_sessions=3, tts="espeak", uploads_per_minute=10_000) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    chromium()
    async with async_playwright() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(playwright: Playwright, speech: Path) -> AsyncIterator[Browser]:
    """Chromium with a microphone that speaks, and a user who allows everything."""
    browser = await launch(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech}",
    )
    yield browser
    await browser.close()
