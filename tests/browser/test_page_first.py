"""The first thirty seconds of a visitor: what is loaded, what is seen to move, what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Route

from browser.axe import accessible
from serving import Process, Served
from visiting import ROOT, Visit, visiting

SAMPLE = ROOT / "web" / "demo" / "sample.mp3"

SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => { for (const shift of list.getEntries()) if (!shift.hadRecentInput)
  shifts.push([shift.value, ...shift.sources.map(({ node }) => node?.id || node?.nodeName)]); })
  .observe({ type: 'layout-shift', buffered: true });"""
"""Layout Instability API: what moved although nobody had done anything."""

ASKED = """window.asked = [];
if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async (wanted) => {
  asked.push(wanted);
  throw new Error('nobody should ask');
};"""
"""No microphone is to be opened."""

RESTING = (
    "document.querySelector('#idle').dataset.shown !== undefined && document.querySelector('#idle').currentTime > 0"
)

VOLUME = """() => new Promise((done) => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(document.querySelector('live-head').video.srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let most = 0;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    most = Math.max(most, ...samples.map(Math.abs));
    if (most > 0.05) { clearInterval(timer); done(most); }
  }, 20);
})"""
"""How loud the received sound is, once there is any."""


STATES = """() => { window.states = [];
  document.querySelector('live-head').addEventListener('statechange', ({ detail }) => states.push(detail.state)); }"""


@dataclass
class Traffic:
    """What a page asked for."""

    requests: int = 0
    bytes: int = 0


@asynccontextmanager
async def arriving(
    browser: Browser, url: str, script: str, **options: int | bool
) -> AsyncIterator[tuple[Visit, Traffic]]:
    """A first visit: a page with empty caches, and its traffic from the first byte on."""
    async with visiting(browser, "about:blank", ready=None, **options) as visit:  # type: ignore[arg-type]
        traffic = Traffic()

        def finished(event: dict[str, float]) -> None:
            traffic.requests += 1
            traffic.bytes += int(event["encodedDataLength"])

        devtools = await visit.page.context.new_cdp_session(visit.page)
        await devtools.send("Network.enable")
        devtools.on("Network.loadingFinished", finished)
        await visit.page.add_init_script(script)
        await visit.page.goto(url)
        await visit.page.wait_for_selector("#faces label")
        yield visit, traffic


@pytest.mark.parametrize(
    ("width", "height", "dark"),
    [(1440, 900, False), (390, 844, True), (844, 390, True)],
    ids=["desktop", "phone", "side"],
)
async def test_it_is_light_stays_in_place_and_breathes(
    browser: Browser, whole: Served, width: int, height: int, dark: bool
) -> None:
    async with arriving(browser, whole.url, SHIFTS, width=width, height=height, dark=dark) as (visit, traffic):
        await visit.until(RESTING, within=20)
        print(f"{traffic.requests} requests, {traffic.bytes / 1000:.0f} kB")
        assert traffic.bytes <= 600_000
        assert traffic.requests <= 26
        assert await visit.page.evaluate("shifts") == []
        await visit.shot(f"first-{width}", whole=width == 390)
        await accessible(visit)


@pytest.mark.soak
async def test_text_is_sent_compressed(browser: Browser, whole: Served) -> None:
    async with arriving(browser, whole.url, "") as (visit, _):
        packed = """performance.getEntriesByType('resource').filter(({ name }) => /\\.(js|css)$/.test(name))
            .map(({ name, encodedBodySize, decodedBodySize }) => [name, encodedBodySize, decodedBodySize])"""
        sizes = await visit.page.evaluate(packed)
        assert sum(packed for _, packed, _ in sizes) < 0.4 * sum(plain for *_, plain in sizes)
        assert sum("client/" in name for name, *_ in sizes) == 0, "the modules come as one"


@pytest.mark.soak
async def test_a_second_visit_asks_only_whether_anything_has_changed(browser: Browser, whole: Served) -> None:
    async with arriving(browser, whole.url, "") as (visit, traffic):
        await visit.page.wait_for_load_state("networkidle")
        first = traffic.bytes
        await visit.page.reload()
        await visit.page.wait_for_selector("#faces label")
        await visit.page.wait_for_load_state("networkidle")
        assert traffic.bytes - first < 0.2 * first


async def sample_of(route: Route) -> None:
    """A second of the sample, so that its end does not take long."""
    data = SAMPLE.read_bytes()
    await route.fulfill(body=data[: len(data) // 6], content_type="audio/mpeg")


async def test_hear_it_speak_before_any_microphone(browser: Browser, whole: Served) -> None:
    async with arriving(browser, whole.url, ASKED) as (visit, _):
        await visit.page.route("**/sample.mp3", sample_of)
        await visit.page.click("#hear")
        await visit.state("live")
        assert await visit.page.evaluate("document.querySelector('live-head').video.muted") is False
        assert await visit.page.evaluate(VOLUME) > 0.05
        assert "This is a sample" in await visit.text("#status")
        assert await visit.page.get_attribute("#voice", "aria-pressed") == "true"
        await visit.state("closed")
        await visit.until("document.querySelector('#status').innerText.includes('Now you: talk')")
        assert await visit.page.evaluate("asked") == []
        assert await visit.page.evaluate("document.querySelector('live-head').source.kind") == "microphone"
        assert await visit.page.evaluate("document.querySelector('live-head').muted"), "the voice is off as before"
        await visit.page.click("#hear")
        await visit.state("live")
        await visit.page.click("#start")
        await visit.state("closed")
        assert await visit.page.is_enabled("#hear")


@pytest.mark.soak
async def test_the_voice_is_switched_on_without_a_new_call(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url) as visit:
        await visit.start()
        await visit.page.evaluate(STATES)
        await visit.page.click("#voice")
        assert await visit.page.evaluate(VOLUME) > 0.05
        await visit.page.click("#voice")
        await asyncio.sleep(0.3)
        assert await visit.page.evaluate("states") == []
        await accessible(visit, "light", "dark")


@pytest.mark.soak
async def test_full_screen_has_the_controls(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url) as visit:
        await visit.page.click("#wide")
        await visit.until("document.fullscreenElement?.id === 'stage'")
        await visit.start()
        for control in ("#hold", "#voice", "#wide", "#start"):
            assert await visit.page.is_visible(control)
        assert await visit.page.get_attribute("#wide", "aria-pressed") == "true"
        await visit.shot("full-screen")
        await visit.page.click("#wide")
        await visit.until("document.fullscreenElement === null")
        await visit.state("live")


async def test_an_error_has_one_thing_to_do_next(browser: Browser, server: Process) -> None:
    colour = "(id) => getComputedStyle(document.getElementById(id)).backgroundColor"
    async with visiting(browser, server.url) as first, visiting(browser, server.url, width=390, height=844) as second:
        primary = await second.page.evaluate(colour, "start")
        await first.start()
        await second.page.click("#start")
        await second.notice("server-full")
        assert await second.page.evaluate(colour, "notice-retry") == primary
        await second.page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")
        assert await second.page.evaluate(colour, "start") != primary
        await second.shot("error-390")
        await accessible(second, "light")
        await first.page.click("#start")
        await first.state("closed")
