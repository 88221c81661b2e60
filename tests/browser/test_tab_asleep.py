"""A page's tab is behind others, its browser sleeps, or it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright

from fault_rows import Recovery
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from serving import Served, serving
from visiting import Visit, launch, visiting
from waiting import until

HEAD = "document.querySelector('live-head')"

BEHIND = """(() => {
  const { setTimeout: later, setInterval: every } = window;
  window.behind = false;
  Object.defineProperty(document, 'visibilityState', { get: () => behind ? 'hidden' : 'visible' });
  Object.defineProperty(document, 'hidden', { get: () => behind });
  window.setTimeout = (run, ms, ...given) => later(run, behind ? Math.max(1000, ms ?? 0) : ms, ...given);
  window.setInterval = (run, ms, ...given) => every(run, behind ? Math.max(1000, ms ?? 0) : ms, ...given);
  const present = HTMLVideoElement.prototype.requestVideoFrameCallback;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (run) {
    return present.call(this, (...given) => (behind ? this.requestVideoFrameCallback(run) : run(...given)));
  };
  const draw = window.requestAnimationFrame;
  window.requestAnimationFrame = (run) => draw.call(window, (at) => (behind ? requestAnimationFrame(run) : run(at)));
})()"""
"""What Chromium does to a tab behind others, which headless Chromium has none of: it is hidden, nothing is drawn or
presented, and timers run once a second."""

SHOWN = """void (() => {
  window.shown = 0;
  const count = () => { shown++; document.querySelector('live-head').video.requestVideoFrameCallback(count); };
  count();
})()"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def head() -> AsyncIterator[Served]:
    async with serving(EngineSpec(PREVIEW, {"size": 128}), silence_timeout=10) as served:
        yield served


def family(pid: int) -> list[int]:
    """The process and all that it has started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(each for task in tasks for child in task.read_text().split() for each in family(int(child)))]


def own_pid(mark: str) -> int:
    """The browser that was started with this flag."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = found.read_bytes().split(b"\0")
            if mark.encode() in words and not any(word.startswith(b"--type=") for word in words):
                return int(found.parent.name)
    raise AssertionError("the browser has no process")


@contextlib.asynccontextmanager
async def own_browser(playwright: Playwright) -> AsyncIterator[tuple[Browser, int]]:
    """One that may be stopped and killed, and its process."""
    mark = f"--test-browser={os.getpid()}-{time.monotonic_ns()}"
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    browser = await launch(playwright, mark, *fake)
    try:
        yield browser, own_pid(mark)
    finally:
        await browser.close()


async def back(visit: Visit, within: float) -> float:
    """Seconds until pictures are shown, in a call that is live."""
    began, before = time.monotonic(), await visit.page.evaluate("shown")
    await visit.until(f"{HEAD}.state === 'live' && shown > {before} + 10", within)
    return time.monotonic() - began


@pytest.mark.fault(
    "client",
    "A page's tab is put behind others in mid-call",
    "The portrait goes on hearing the microphone; pictures are there at once when the tab comes back.",
    within=2.0,
)
async def test_a_tab_behind_others(browser: Browser, head: Served, recovery: Recovery) -> None:
    async with visiting(browser, head.url, ready=None) as visit:
        await visit.page.add_init_script(BEHIND)
        await visit.page.reload()
        await visit.page.wait_for_selector("#faces label")
        await visit.start()
        await visit.page.evaluate(SHOWN)
        session = head.services.registry.sessions[0]
        assert session.caller is not None
        peer = session.caller.peer
        await visit.page.evaluate("void (behind = true)")
        for _ in range(4):
            before = peer.last_media or 0.0
            await asyncio.sleep(1)
            assert (peer.last_media or 0.0) > before, "the microphone goes on"
            assert session.state.state == "live"
        await visit.page.evaluate("void (behind = false)")
        took = await back(visit, 10)
        assert await visit.page.evaluate(f"{HEAD}.sessionId") == session.id
    await head.settled()
    recovery("pictures on the page, in the same session", took)


@pytest.mark.soak
async def test_a_call_that_is_lost_behind_others_is_made_anew_there(browser: Browser, head: Served) -> None:
    """With the microphone, which waits for the first picture."""
    async with visiting(browser, head.url, ready=None) as visit:
        await visit.page.add_init_script(BEHIND)
        await visit.page.reload()
        await visit.page.wait_for_selector("#faces label")
        await visit.start()
        await visit.page.evaluate("void (behind = true)")
        lost = head.services.registry.sessions[0]
        lost.end("failed")
        await visit.state("reconnecting")
        await visit.state("live", within=20)
        again = head.services.registry.sessions[0]
        assert again.id != lost.id
        assert again.caller is not None
        await until(lambda: again.caller is not None and again.caller.peer.last_media is not None)
    await head.settled()


@pytest.mark.fault(
    "client",
    "A page's browser is killed",
    "Its session ends, and its place is free.",
    within=4.0,
)
async def test_a_browser_is_killed(playwright: Playwright, head: Served, recovery: Recovery) -> None:
    async with own_browser(playwright) as (browser, pid):
        page = await browser.new_page()
        await page.goto(head.url)
        await page.click("#start")
        await page.wait_for_selector('live-head[state="live"]')
        for each in family(pid):
            os.kill(each, signal.SIGKILL)
        killed = time.monotonic()
        await head.settled()
        took = time.monotonic() - killed
    recovery("the place is free", took)


async def slept(playwright: Playwright, head: Served, seconds: float) -> tuple[float, bool]:
    """A browser sleeps for so long: seconds until pictures are back, and whether the session is the same."""
    async with own_browser(playwright) as (browser, pid), visiting(browser, head.url, allowed=".") as visit:
        await visit.start()
        await visit.page.evaluate(SHOWN)
        before = await visit.page.evaluate(f"{HEAD}.sessionId")
        asleep = family(pid)
        for each in asleep:
            os.kill(each, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for each in asleep:
            os.kill(each, signal.SIGCONT)
        took = await back(visit, 30)
        same = await visit.page.evaluate(f"{HEAD}.sessionId") == before
        assert await visit.page.evaluate(f"{HEAD}.stats?.delay_ms ?? 0") <= 200
    await head.settled()
    return took, same


@pytest.mark.fault(
    "client",
    "A browser is stopped for 4 s",
    "The same session goes on.",
    within=4.0,
)
@pytest.mark.soak
async def test_a_browser_sleeps_for_a_moment(playwright: Playwright, head: Served, recovery: Recovery) -> None:
    took, same = await slept(playwright, head, 4.0)
    assert same
    recovery("pictures on the page, in the same session", took)


@pytest.mark.fault(
    "client",
    "A machine with a page sleeps for a minute",
    "Its session ends meanwhile; when it wakes, the page reconnects by itself.",
    within=5.0,
)
@pytest.mark.soak
async def test_a_browser_sleeps_for_a_minute(playwright: Playwright, head: Served, recovery: Recovery) -> None:
    took, same = await slept(playwright, head, 60.0)
    assert not same
    recovery("pictures on the page, in a new session", took)
