"""The pages of examples/ without a build, in Chromium, as their own pages say; only the addresses are those of here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Browser, FrameLocator, expect

from browser.site import example
from serving import Served
from visiting import SPEECH, visiting


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


@pytest.mark.soak
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


@pytest.mark.soak
async def test_the_servers_own_page_in_a_frame(browser: Browser, served: Served) -> None:
    with example("iframe", served.url) as url:
        async with visiting(browser, f"{url}server.html", ready="iframe") as visit:
            frame = visit.page.frame_locator("iframe")
            await expect(frame.locator("#faces label").first).to_be_visible()
            await frame.locator("#start").click()
            await expect(frame.locator("live-head[state=live]")).to_be_visible()
    await served.idle()


LIVE = "live-head[state=live]"
GONE = "status of 404|GL Driver Message"
"""The session, when its viewers ask for it once more; and what a driver without a graphics card has to say."""
FRAMES = "document.querySelector('{}').getVideoPlaybackQuality().totalVideoFrames"
HEARD = """async () => {
  const context = new AudioContext();
  const level = new AnalyserNode(context);
  context.createMediaStreamSource(document.querySelector("video").srcObject).connect(level);
  const samples = new Float32Array(level.fftSize);
  for (let turn = 0; turn < 100; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    level.getFloatTimeDomainData(samples);
    if (samples.some((sample) => Math.abs(sample) > 0.05)) return true;
  }
  return false;
}"""


def alpha(png: bytes) -> NDArray[np.uint8]:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)[:, :, 3]


@pytest.mark.soak
async def test_obs(browser: Browser, served: Served) -> None:
    """The operator's page opens a session and lets it speak; the overlay has no background; a player that knows nothing
    but WHEP stands for those that are not here."""
    with example("obs", served.url) as url:
        async with (
            visiting(browser, url, ready=LIVE, allowed=GONE) as operator,
            visiting(browser, await operator.page.input_value("#overlay"), ready=LIVE, allowed=GONE) as overlay,
        ):
            opened = (await operator.page.evaluate("location.hash")).lstrip("#")
            async with visiting(browser, f"{url}whep.html#{opened}&server={served.url}", ready="video") as player:
                await player.until(f"{FRAMES.format('video')} > 10")
                await operator.page.set_input_files("[name=file]", SPEECH)
                assert await player.page.evaluate(HEARD)
                await operator.shot("example-obs-operator")
            see_through = alpha(await overlay.page.screenshot(omit_background=True))
            assert see_through[5, 5] == 0, "the corner of the picture"
            assert see_through[400, 640] == 255, "the face"
            (session,) = served.services.registry.sessions
            session.end("media-failed")
            await overlay.state("closed")
            assert not alpha(await overlay.page.screenshot(omit_background=True)).any(), "nothing is shown"
            await operator.until("location.hash === ''")
    await served.idle()
