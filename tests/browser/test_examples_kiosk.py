"""examples/kiosk in Chromium: it comes back by itself, whatever happens to the server."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from browser.site import example
from serving import Served, running
from visiting import Visit, visiting

NETWORK = r"WebSocket connection to|Failed to load resource|ERR_CONNECTION_REFUSED"
HURRY = "setInterval(() => window.dispatchEvent(new Event('online')), 50)"
"""The waits of the element itself are not the matter here: cut each of them short."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.soak
async def test_it_comes_back_when_the_server_does(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    options = ("--engine", "preview", "--size", "128", "--data-dir", str(tmp_path / "data"), "--port", str(port))
    every = {"LIVEHEAD_CORS_ORIGINS": '["*"]'}
    with example("kiosk", f"http://127.0.0.1:{port}") as url:
        async with visiting(browser, f"{url}?autostart", ready=None, allowed=NETWORK) as visit:
            await visit.page.wait_for_selector("text=One moment, please…")  # the server is not there yet
            with running(tmp_path, *options, **every) as server:
                await visit.state("live")
                server.process.kill()
                server.process.wait()
            await visit.state("reconnecting")
            hurry = await visit.page.evaluate(HURRY)
            await visit.page.wait_for_selector("body[data-kiosk=waiting]")
            await visit.page.evaluate(f"clearInterval({hurry})")
            await visit.page.wait_for_selector("text=Back in a moment…")
            await visit.shot("example-kiosk-waiting")
            with running(tmp_path, *options, **every):
                await visit.page.evaluate("window.dispatchEvent(new Event('online'))")
                await visit.state("live")
                await visit.page.wait_for_selector("[role=status]", state="hidden")
                assert await visit.page.is_hidden("#tap")
                await visit.shot("example-kiosk")


async def opened(visit: Visit) -> None:
    await visit.page.wait_for_selector("#tap")
    await visit.page.click("#tap")
    await visit.state("live")


async def test_a_tap_begins_and_a_silence_ends_it(browser: Browser, served: Served) -> None:
    with example("kiosk", served.url) as url:
        async with visiting(browser, url, width=600, height=900, ready=None) as visit:
            await opened(visit)
            assert await visit.page.evaluate("document.fullscreenElement !== null")
            session = await visit.page.evaluate("document.querySelector('live-head').sessionId")
            served.session(session).end("idle")
            await visit.state("closed")
            await visit.page.wait_for_selector("#tap")
            await opened(visit)
            served.session(await visit.page.evaluate("document.querySelector('live-head').sessionId")).end("flood")
            await visit.page.wait_for_selector("body[data-kiosk=waiting]")
            await visit.page.evaluate("window.dispatchEvent(new Event('online'))")
            await visit.state("live")
    await served.idle()


@pytest.mark.soak
async def test_a_new_version_is_loaded_and_the_call_is_taken_up(browser: Browser, served: Served) -> None:
    with example("kiosk", served.url) as url:
        async with visiting(browser, f"{url}?check=0.2&source=push", ready=None) as visit:
            await opened(visit)

            async def newer(route: Route) -> None:
                info = await (await route.fetch()).json()
                await route.fulfill(json=info | {"version": "9.9"}, headers={"Access-Control-Allow-Origin": "*"})

            async with visit.page.expect_navigation():
                await visit.page.route("**/v1/info", newer)
            await visit.state("live")
    await served.idle()


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_two_hundred_losses_leave_nothing_behind(browser: Browser, served: Served) -> None:
    with example("kiosk", served.url) as url:
        async with visiting(browser, f"{url}?autostart&source=push", ready=None) as visit:
            devtools = await visit.page.context.new_cdp_session(visit.page)
            used = []
            for loss in range(201):
                await visit.state("live")
                session = await visit.page.evaluate("document.querySelector('live-head').sessionId")
                if loss % 50 == 0:
                    await devtools.send("HeapProfiler.collectGarbage")
                    used.append((await devtools.send("Runtime.getHeapUsage"))["usedSize"])
                served.session(session).end("flood" if loss % 2 else "media-failed")
                await visit.until(f"document.querySelector('live-head').sessionId !== {json.dumps(session)}")
                await visit.page.evaluate("window.dispatchEvent(new Event('online'))")
            print(f"heap in bytes, each 50 losses: {used}")
            assert max(used[2:]) < used[1] + 500_000
    await served.idle()
