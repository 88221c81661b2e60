"""The network of a page is cut, or changes under it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from lab import LINKS, Site
from playwright.async_api import Page, async_playwright
from tun_link import Weather

from fault_rows import Recovery
from visiting import launch
from waiting import patient

LINK = LINKS[1]
FAIR = Weather(delay_ms=10)

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.may_block("it makes links")]

WATCH = """(() => {
  const head = document.querySelector('live-head');
  window.shown = 0;
  const count = () => { shown++; head.video.requestVideoFrameCallback(count); };
  head.video.requestVideoFrameCallback(count);
})()"""

HEAD = "document.querySelector('live-head')"


@contextlib.asynccontextmanager
async def visiting_over_link(site: Site) -> AsyncIterator[Page]:
    """A page whose call is up, at the far end of the link."""
    url = f"http://{site.lab.host(LINK)}:{site.port}"
    site.lab.set(LINK, FAIR)
    with site.lab.inside(LINK):
        playing = await async_playwright().start()
    try:
        secure = f"--unsafely-treat-insecure-origin-as-secure={url}"
        fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        browser = await launch(playing, secure, *fake)
        page = await browser.new_page()
        await page.goto(url)
        await page.click("#start")
        await page.wait_for_selector('live-head[state="live"]')
        await page.evaluate(WATCH)
        await asyncio.sleep(1)
        yield page
        await browser.close()
    finally:
        await playing.stop()


async def back(page: Page, within: float) -> float:
    """Seconds until pictures are shown again, in a call that is live."""
    began, before = time.monotonic(), await page.evaluate("shown")
    async with patient(within):
        while await page.evaluate(f"{HEAD}.state !== 'live' || shown < {before} + 10"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def session(page: Page) -> str:
    return str(await page.evaluate(f"{HEAD}.sessionId"))


@pytest.mark.fault(
    "network",
    "Nothing passes between a page and the server for 5 s",
    "The picture stands still; then the same session goes on.",
    within=2.0,
)
async def test_a_page_whose_network_is_cut_for_five_seconds(site: Site, recovery: Recovery) -> None:
    async with visiting_over_link(site) as page:
        before = await session(page)
        site.lab.set(LINK, Weather(loss=1.0))
        await asyncio.sleep(5)
        site.lab.set(LINK, FAIR)
        took = await back(page, 20)
        assert await session(page) == before
    recovery("pictures on the page again", took)


@pytest.mark.fault(
    "network",
    "Nothing passes between a page and the server for a minute",
    "The last picture stays, with words; then the page reconnects by itself, and another session goes on.",
    within=20.0,
)
async def test_a_page_whose_network_is_cut_for_a_minute(site: Site, recovery: Recovery) -> None:
    async with visiting_over_link(site) as page:
        before = await session(page)
        site.lab.set(LINK, Weather(loss=1.0))
        await asyncio.sleep(60)
        assert await page.evaluate(f"{HEAD}.state") == "reconnecting"
        site.lab.set(LINK, FAIR)
        took = await back(page, 60)
        assert await session(page) != before
    recovery("pictures on the page again, in a new session", took)


@pytest.mark.fault(
    "network",
    "A page gets another address, as from Wi-Fi to mobile",
    "The picture stands still; then the page reconnects by itself, and another session goes on.",
    within=9.0,
)
async def test_a_page_with_another_address(site: Site, recovery: Recovery) -> None:
    async with visiting_over_link(site) as page:
        before = await session(page)
        try:
            site.lab.move(LINK, 3)
            took = await back(page, 30)
            assert await session(page) != before
        finally:
            await page.close()
            site.lab.move(LINK, 2)
    recovery("pictures on the page again, in a new session", took)
