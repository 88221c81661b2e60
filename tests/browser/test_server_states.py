"""What the page says and does when the server is full, starting, restarting or gone, or its engine dies."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from playwright.async_api import Browser

from serving import Process, running
from visiting import visiting

NETWORK = r"WebSocket connection to|Failed to load resource|ERR_CONNECTION_REFUSED"
"""What Chromium itself writes to the console where a server is not there; no page can prevent it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.soak
async def test_all_places_are_taken(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as first:
        await first.start()
        async with visiting(browser, server.url, width=360, height=740, dark=True) as second:
            await second.page.click("#start")
            words = await second.notice("server-full")
            assert "All places are taken" in words
            assert "Try again in" in words, "the retry time is counted down"
            await second.state("error")
            await second.shot("full-phone-dark")
            await first.page.click("#start")
            await first.state("closed")
            await second.page.click("#notice-retry:enabled")
            await second.state("live")
            assert await second.page.is_hidden("#notice")


@pytest.mark.soak
async def test_the_page_reconnects_when_the_server_comes_back_and_gives_up_when_it_does_not(
    browser: Browser, tmp_path: Path
) -> None:
    options = ("--engine", "preview", "--data-dir", str(tmp_path / "data"), "--port", str(free_port()))
    with running(tmp_path, *options) as server:
        async with visiting(browser, server.url, allowed=NETWORK) as visit:
            await visit.start()
            server.process.kill()
            server.process.wait()
            await visit.state("reconnecting")
            await visit.until("document.querySelector('#status').innerText.includes('Trying again')")
            held = "document.querySelector('live-head').shadowRoot.querySelector('canvas').hasAttribute('data-held')"
            assert await visit.page.evaluate(held), "the last frame stays on the screen"
            await visit.shot("reconnecting-light")
            with running(tmp_path, *options) as again:
                await visit.page.evaluate("window.dispatchEvent(new Event('online'))")
                await visit.state("live", within=30)
                again.process.kill()
                again.process.wait()
                await visit.state("reconnecting")
                # The waits are not the matter here: cut each of them short.
                await visit.page.evaluate("setInterval(() => window.dispatchEvent(new Event('online')), 50)")
                assert "Connect again" in await visit.notice("connection-lost", within=40)
                assert await visit.text("#start") == "Connect again"


async def test_the_engine_dies_in_mid_call(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        await visit.start()
        await visit.page.evaluate(
            """() => { window.said = [];
            new MutationObserver(() => said.push(document.querySelector('#status').innerText))
              .observe(document.querySelector('#status'), { childList: true, characterData: true, subtree: true }); }"""
        )
        os.kill(server.worker, signal.SIGKILL)
        await visit.state("degraded")
        await visit.state("live", within=15)
        said = " ".join(await visit.page.evaluate("said"))
        assert "The engine is restarting. Your sound goes on" in said
