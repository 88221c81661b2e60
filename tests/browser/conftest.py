"""A real server, a real Chromium whose microphone plays speech, and the demo page in it."""

from __future__ import annotations

import re
import shutil
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, async_playwright
from serving import Process, running

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "tests" / "data" / "speech.flac"
SHOTS = ROOT / "artifacts" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SILENCE_S = 2.5

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    # A name that is no localhost, for what browsers forbid to insecure origins.
    "--host-resolver-rules=MAP livehead.test 127.0.0.1",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all: the browser is started once."""
    for item in items:
        if item.path.parent == Path(__file__).parent and "unit" not in item.path.name:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def chromium() -> str:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV as Chromium's fake microphone wants it: 48 kHz, 16 bit, mono; speech, then silence."""
    with av.open(str(SPEECH)) as container:
        resampler = av.AudioResampler("s16", "mono", 48_000)
        frames = [r.to_ndarray().ravel() for f in container.decode(audio=0) for r in resampler.resample(f)]
    samples = np.concatenate([*frames, np.zeros(int(SILENCE_S * 48_000), np.int16)])
    path = tmp_path_factory.mktemp("speech") / "microphone.wav"
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(48_000)
        sink.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """``livehead serve`` with one place: the next test gets it when the last page has gone."""
    chromium()
    folder = tmp_path_factory.mktemp("server")
    with running(folder, "--engine", "preview", "--max-sessions", "1", "--data-dir", str(folder / "data")) as process:
        yield process


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    chromium()
    async with async_playwright() as started:
        yield started


async def launch(playwright: Playwright, *flags: str) -> Browser:
    return await playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *flags])


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


@dataclass
class Visit:
    """One page, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def start(self, within: float = 15.0) -> None:
        await self.page.click("#start")
        await self.state("live", within)

    async def state(self, state: str, within: float = 15.0) -> None:
        try:
            await self.page.wait_for_selector(f'live-head[state="{state}"]', timeout=within * 1000)
        except Exception as error:
            shown = await self.page.get_attribute("live-head", "state")
            raise AssertionError(f"{state} was awaited, it is {shown}; {self.complaints}") from error

    async def text(self, selector: str) -> str:
        return (await self.page.inner_text(selector)).strip()

    async def notice(self, code: str, within: float = 15.0) -> str:
        """The words of the error card, once it shows the error of this code."""
        await self.page.wait_for_selector(f'#notice[data-code="{code}"]:not([hidden])', timeout=within * 1000)
        return await self.text("#notice")

    async def shot(self, name: str, *, whole: bool = False) -> None:
        """Keep a screenshot, for people."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    height: int = 800,
    dark: bool = False,
    calm: bool = False,
    allowed: str | None = None,
    permissions: Sequence[str] | None = None,
    ready: str | None = "#faces label",
) -> AsyncIterator[Visit]:
    """Open a page. An error on its console fails the test, save those that match ``allowed``."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if calm else "no-preference",
        permissions=permissions,
    )
    page = await context.new_page()
    visit = Visit(page)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.complaints.append(f"{message.type}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: visit.complaints.append(f"exception: {error}"))
    try:
        await page.goto(url)
        if ready:
            await page.wait_for_selector(ready)
        yield visit
    finally:
        # The page says goodbye when it is left; closing the context alone may be faster than that.
        await page.goto("about:blank")
        await context.close()
    left = [text for text in visit.complaints if allowed is None or not re.search(allowed, text)]
    assert not left, f"the page logged {left}"
