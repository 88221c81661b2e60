"""Where the audio comes from: a file, or a microphone that cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright

from serving import Process
from visiting import SPEECH, launch, visiting


async def test_a_file_is_spoken(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url, dark=True) as visit:
        await visit.page.check("input[value=file]", force=True)
        assert await visit.text("#start") == "Choose a file"
        await visit.page.set_input_files("#file", SPEECH)
        await visit.until("document.querySelector('#start').innerText === 'Play the file'")
        await visit.start()
        assert "speech.flac" in await visit.text("#status")
        await visit.until("document.querySelector('live-head').source.position > 1.5")
        level = "Number(document.querySelector('#wave').getAttribute('aria-valuenow'))"
        await visit.until(f"{level} > 25")
        assert await visit.page.get_attribute("#voice", "aria-pressed") == "true", (
            "a file is heard through the portrait"
        )
        await visit.shot("file-dark")
        await visit.page.click("#hold")
        await visit.until("!document.querySelector('live-head').source.playing")


@pytest.mark.soak
async def test_a_file_that_is_no_audio(browser: Browser, server: Process, tmp_path: Path) -> None:
    broken = tmp_path / "notes.mp3"
    broken.write_text("this is a letter, not audio")
    async with visiting(browser, server.url) as visit:
        await visit.page.check("input[value=file]", force=True)
        await visit.page.set_input_files("#file", broken)
        assert "WAV, MP3" in await visit.notice("file-unreadable")
        assert await visit.text("#start") == "Choose a file"


@pytest.mark.soak
async def test_the_source_is_changed_in_mid_call(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        await visit.start()
        await visit.page.check("input[value=file]", force=True)
        await visit.page.set_input_files("#file", SPEECH)
        await visit.until("document.querySelector('live-head').source.position > 0.5")
        await visit.state("live")
        await visit.page.check("input[value=microphone]", force=True)
        await visit.until("document.querySelector('live-head').source.stream?.active")
        assert await visit.page.evaluate("document.querySelector('live-head').source.kind") == "microphone"


@pytest.mark.soak
async def test_no_permission_for_the_microphone(playwright: Playwright, server: Process) -> None:
    browser = await launch(playwright, "--use-fake-device-for-media-stream")
    async with visiting(browser, server.url, permissions=["geolocation"]) as visit:
        await visit.page.click("#start")
        words = await visit.notice("microphone-denied")
        assert "Microphone to Allow" in words
        assert "Use an audio file" in words
        await visit.state("error")
        await visit.shot("denied-light")
        await visit.page.click("#notice-file")
        assert await visit.page.is_visible("#pane-file")
        assert await visit.page.is_hidden("#notice")
    await browser.close()


async def test_no_microphone(playwright: Playwright, server: Process) -> None:
    browser = await launch(playwright)
    async with visiting(browser, server.url, permissions=["microphone"]) as visit:
        await visit.page.click("#start")
        assert "Plug one in" in await visit.notice("microphone-missing")
    await browser.close()


@pytest.mark.soak
async def test_an_address_that_may_not_use_the_microphone(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url.replace("127.0.0.1", "livehead.test")) as visit:
        await visit.page.click("#start")
        words = await visit.notice("insecure-origin")
        assert "localhost" in words
        assert "--tls-cert" in words
        # A file needs no permission, so it is spoken all the same.
        await visit.page.check("input[value=file]", force=True)
        await visit.page.set_input_files("#file", SPEECH)
        await visit.start()


@pytest.mark.soak
async def test_no_way_through_for_the_media(playwright: Playwright, server: Process, speech: Path) -> None:
    browser = await launch(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    )
    async with visiting(browser, server.url) as visit:
        await visit.page.click("#start")
        words = await visit.notice("media-blocked", within=30)
        assert "TURN" in words
    await browser.close()
