"""Background, films, text, and a link to a set-up, on the page."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Browser

from browser.axe import accessible
from serving import Process, Served
from visiting import Visit, visiting

CORNER = """() => {
  const { video } = document.querySelector('live-head');
  const brush = new OffscreenCanvas(8, 8).getContext('2d');
  brush.drawImage(video, 0, 0, video.videoWidth / 16, video.videoHeight / 16, 0, 0, 8, 8);
  return [...brush.getImageData(2, 2, 1, 1).data.slice(0, 3)];
}"""
"""The colour of the video's upper left corner."""

STATES = """() => { window.states = [];
document.querySelector('live-head').addEventListener('statechange', ({ detail }) => states.push(detail.state)); }"""


SPOKEN = """() => { window.spoken = new Promise((done) =>
  document.querySelector('live-head').addEventListener('speaking', () => done(true))); }"""


async def open_row(visit: Visit, name: str) -> None:
    await visit.page.click(f"#{name} summary")


@pytest.mark.soak
async def test_the_background_is_changed_in_mid_call(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url) as visit:
        await open_row(visit, "looks")
        await visit.page.check("input[name=look][value='#00b140']", force=True)
        assert await visit.text("#look-value") == "Green, for keying"
        await visit.start()
        await visit.until(f"(({CORNER})()).every((value, index) => Math.abs(value - [0, 177, 64][index]) < 30)")
        await visit.page.evaluate(STATES)
        await visit.page.check("input[name=look][value='#f4f1ec']", force=True)
        await visit.until(f"(({CORNER})()).every((value) => value > 210)")
        await visit.page.select_option("#swatches select", "juno")
        await visit.until(f"(([red,, blue]) => red < 120 && blue > 90)(({CORNER})())")
        assert await visit.text("#look-value") == "Juno's picture"
        await visit.page.check("input[name=look][value=keep]", force=True)
        await visit.until("document.querySelector('#look-value').innerText === 'As it is'")
        assert await visit.page.evaluate("states") == [], "none of that takes a new call"
        await accessible(visit, "light")
        await visit.shot("look-dark")


@pytest.mark.soak
async def test_a_call_is_filmed_and_the_film_is_seen_saved_and_deleted(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url) as visit:
        await open_row(visit, "films")
        await visit.page.check("#record")
        await visit.start()
        await visit.until("document.querySelector('#chip-text').innerText === 'Live, filmed'")
        dot = "getComputedStyle(document.querySelector('#chip .dot')).backgroundColor"
        assert await visit.page.evaluate(dot) == "rgb(255, 90, 77)"
        await visit.shot("filmed")
        await visit.page.wait_for_timeout(700)
        await visit.page.click("#start")
        play = visit.page.locator("#film-list button:has-text('Play'):enabled")
        await play.wait_for(timeout=15_000)
        await accessible(visit, "dark")
        await play.click()
        await visit.until("document.querySelector('#cinema-video').currentTime > 0.2")
        await visit.shot("film-dark")
        await visit.page.keyboard.press("Escape")
        async with visit.page.expect_download() as downloading:
            await visit.page.click("#film-list button:has-text('Download')")
        assert (await downloading.value).suggested_filename.endswith(".mp4")
        await visit.page.click("#film-list button:has-text('Delete')")
        await visit.page.click("#film-list button:has-text('For good?')")
        await visit.page.wait_for_selector("#film-list li", state="detached")


@pytest.mark.soak
async def test_what_is_written_is_said(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url) as visit:
        await visit.page.evaluate(SPOKEN)
        await visit.page.check("input[value=text]", force=True)
        assert await visit.text("#status") == "Write, and Maya says it."
        await visit.page.fill("#words", "Good morning.")
        await visit.page.keyboard.press("Enter")
        await visit.state("live")
        assert await visit.page.evaluate("spoken")
        await visit.until("document.querySelector('#words').value === ''")
        assert await visit.page.get_attribute("#voice", "aria-pressed") == "true"
        await accessible(visit, "dark")
        await visit.page.check("input[value=microphone]", force=True)
        await visit.until("document.querySelector('live-head').source.stream?.active")
        await visit.state("live")


@pytest.mark.soak
async def test_a_server_that_reads_nothing_aloud_says_so(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        await visit.page.check("input[value=text]", force=True)
        assert "--tts espeak" in await visit.text("#text-words")
        assert await visit.page.is_hidden("#pane-text")
        assert await visit.page.is_disabled("#start")
        await accessible(visit, "light")


LATENCIES = """() => { window.latencies = [];
document.querySelector('live-head').addEventListener('latencychange', ({ detail: { preset, by } }) =>
  latencies.push([preset, by])); }"""


async def test_the_server_chooses_the_delay_unless_somebody_else_does(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        await open_row(visit, "delays")
        await visit.until("document.querySelector('#preset-words').innerText.includes('200 ms')")
        assert await visit.text("#preset-value") == "Automatic"
        assert await visit.page.is_checked("input[name=latency][value=auto]")
        await visit.page.evaluate(LATENCIES)
        await visit.start()
        await visit.until("document.querySelector('#preset-value').innerText === 'Automatic, now Low'")
        assert "There is room" in await visit.text("#preset-words")
        await visit.shot("delay-dark")
        await visit.page.check("input[value=throughput]", force=True)
        await visit.until("document.querySelector('live-head').preset === 'throughput'")
        assert await visit.text("#preset-value") == "Relaxed"
        await visit.page.check("input[name=latency][value=auto]", force=True)
        await visit.until("document.querySelector('#preset-value').innerText === 'Automatic, now Relaxed'")
        assert await visit.page.evaluate("latencies") == [["low", None], ["throughput", "client"]]
        await accessible(visit, "dark")


async def test_a_link_brings_the_set_up_back(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url) as visit:
        await visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await visit.page.check("input[value=juno]", force=True)
        await open_row(visit, "delays")
        await visit.page.check("input[value=balanced]", force=True)
        await open_row(visit, "looks")
        await visit.page.check("input[name=look][value=blur]", force=True)
        await visit.page.check("input[value=file]", force=True)
        await visit.page.click("#share")
        await visit.until("document.querySelector('#share-text').innerText === 'Copied'")
        link = await visit.page.evaluate("navigator.clipboard.readText()")
    wanted = {"avatar": "juno", "latency": "balanced", "look": "blur", "source": "file"}
    assert dict(parse_qsl(urlsplit(link).query)) == wanted
    async with visiting(browser, link) as visit:
        await visit.until("document.querySelector('input[value=juno]').checked")
        shown = "(({ avatar, latency, look }) => [avatar, latency, look])(document.querySelector('live-head'))"
        assert await visit.page.evaluate(shown) == ["juno", "balanced", "blur"]
        assert [await visit.text(f"#{row}-value") for row in ("look", "preset")] == ["Blurred", "Balanced"]
        assert await visit.text("#start") == "Choose a file"


@pytest.mark.soak
async def test_a_link_to_what_is_not_there(browser: Browser, whole: Served) -> None:
    async with visiting(browser, f"{whole.url}/?avatar=gone&look=gone&latency=warp", allowed="404") as visit:
        await visit.until("document.querySelector('live-head').avatar === 'default'")
        assert await visit.text("#look-value") == "As it is"
        await visit.start()
