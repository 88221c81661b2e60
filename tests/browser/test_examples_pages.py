"""The pages of examples/ without a build, in Chromium, as their own pages say; only the addresses are those of here."""

from __future__ import annotations

from playwright.async_api import Browser, FrameLocator, expect

from browser.site import example
from serving import Served
from visiting import visiting


async def test_plain(browser: Browser, served: Served) -> None:
    with example("plain", served.url) as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            await visit.page.click("live-head button")
            await visit.state("live")
            await expect(visit.page.locator("#status")).to_have_text("Live. Whatever you say, the portrait says.")
            await visit.shot("example-plain")
            await visit.page.click("live-head button")
            await visit.state("closed")
    await served.idle()


async def test_iframe(browser: Browser, served: Served) -> None:
    """The frame is of another origin; a page that it does not know may ask for nothing."""
    with example("iframe", served.url) as url:
        async with visiting(browser, url, ready="iframe") as visit:
            frame: FrameLocator = visit.page.frame_locator("iframe")
            await expect(frame.locator("live-head[state=idle]")).to_be_visible()
            await visit.page.click("text=Start")
            await expect(visit.page.locator("#status")).to_have_text("live")
            await expect(frame.locator("live-head[state=live]")).to_be_visible()
            await visit.shot("example-iframe")
            await visit.page.click("text=Stop")
            await expect(visit.page.locator("#status")).to_have_text("closed")
        stranger = url.replace("localhost", "127.0.0.1")
        async with visiting(browser, stranger, ready="iframe", allowed="postMessage") as visit:
            frame = visit.page.frame_locator("iframe")
            await expect(frame.locator("live-head[state=idle]")).to_be_visible()
            await visit.page.click("text=Start")
            await visit.until("document.querySelector('#status').innerText === 'idle'")
            await expect(frame.locator("live-head[state=idle]")).to_be_visible()
    await served.idle()


async def test_the_servers_own_page_in_a_frame(browser: Browser, served: Served) -> None:
    with example("iframe", served.url) as url:
        async with visiting(browser, f"{url}server.html", ready="iframe") as visit:
            frame = visit.page.frame_locator("iframe")
            await expect(frame.locator("#faces label").first).to_be_visible()
            await frame.locator("#start").click()
            await expect(frame.locator("live-head[state=live]")).to_be_visible()
    await served.idle()
