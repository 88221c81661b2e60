"""What Chromium makes of bad networks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from busy import Others, again_where_busy, judging
from lab import LINKS, Site
from playwright.async_api import Page, async_playwright
from tun_link import Weather

from visiting import launch

FAIR = Weather(delay_ms=10)
KEEP = """
    const Stock = RTCPeerConnection;
    window.RTCPeerConnection = class extends Stock {
        constructor(...given) { super(...given); window.connection = this; }
    };
"""
VIDEO = """async () => {
    const found = [...(await window.connection.getStats()).values()];
    return found.find((each) => each.type === "inbound-rtp" && each.kind === "video");
}"""


async def video(page: Page) -> dict[str, Any]:
    """Chromium's own figures of the frame that it receives."""
    return dict(await page.evaluate(VIDEO))


@pytest.mark.browser
@pytest.mark.may_block("it makes links and reads /proc")
@again_where_busy
@pytest.mark.soak
async def test_a_page_on_bad_networks(site: Site) -> None:
    link = LINKS[0]
    url = f"http://{site.lab.host(link)}:{site.port}"
    site.lab.set(link, FAIR)
    with site.lab.inside(link):
        playing = await async_playwright().start()
    try:
        secure = f"--unsafely-treat-insecure-origin-as-secure={url}"
        fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        browser = await launch(playing, secure, *fake)
        page = await browser.new_page()
        await page.add_init_script(KEEP)
        await page.goto(url)
        await page.click("#start")
        await page.wait_for_selector('live-head[state="live"]')
        await asyncio.sleep(2)
        others = Others()
        start = await video(page)

        site.lab.set(link, Weather(loss=0.05, delay_ms=10))
        await asyncio.sleep(4)
        lossy = await video(page)

        site.lab.set(link, Weather(loss=1.0))
        await asyncio.sleep(2)
        dark = await video(page)
        site.lab.set(link, FAIR)
        began = time.monotonic()
        back = dark
        while back["framesDecoded"] == dark["framesDecoded"] and time.monotonic() < began + 5:
            await asyncio.sleep(0.05)
            back = await video(page)
        recovered = time.monotonic() - began
        await asyncio.sleep(2)

        before = await video(page)
        site.lab.set(link, Weather(delay_ms=30, jitter_ms=15))
        await asyncio.sleep(4)
        shaken = await video(page)
        others.stop()
        await browser.close()
    finally:
        await playing.stop()

    def grown(name: str, since: dict[str, Any], until: dict[str, Any]) -> float:
        return float(until[name]) - float(since[name])

    with judging(others):
        frozen = grown("totalFreezesDuration", start, lossy)
        print(f"5 % loss: {grown('framesDecoded', start, lossy) / 4:.1f} frames a second, frozen for {frozen:.2f} s")
        print(f"blackout: a frame {recovered:.2f} s after it, {grown('keyFramesDecoded', dark, back):.0f} keyframes")
        keyframes = grown("keyFramesDecoded", before, shaken)
        print(f"jitter: {grown('framesDecoded', before, shaken) / 4:.1f} frames a second, {keyframes:.0f} keyframes")
        assert grown("framesDecoded", start, lossy) >= 15 * 4
        assert frozen <= 1
        assert recovered <= 2
        assert grown("framesDecoded", before, shaken) >= 15 * 4
        assert keyframes <= 3, "packets that overtake each other are asked for, but they are not lost"
