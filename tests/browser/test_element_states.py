"""`<live-head>` never fails silently: whatever keeps a call from being there is said over the picture, with a button
and without, in every size, and no broken image is drawn."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Playwright

from browser.site import site
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from serving import Served, serving
from visiting import Visit, launch, visiting

SIZES = ("width:160px", "width:320px;aspect-ratio:16/9", "width:390px", "width:220px;aspect-ratio:9/16")

PAGE = """<!doctype html><meta charset="utf-8"><title>Another site</title><link rel="icon" href="data:,">
<style>
  body {{ margin: 0; }}
  section {{ display: flex; align-items: start; gap: 16px; padding: 16px; }}
  section + section {{ background: #101114; }}
</style>
<section>{heads}</section><section>{heads}</section>
<script type="module" src="{client}/client/index.js"></script>"""

NETWORK = r"WebSocket connection to|Failed to load resource|ERR_|has been blocked by CORS policy"
"""What Chromium itself writes to the console where a server is not there; no page can prevent it."""

SEEN = """() => [...document.querySelectorAll('live-head')].map((head) => {
  const root = head.shadowRoot;
  const text = (part) => {
    const element = root.querySelector(`[part=${part}]`);
    return getComputedStyle(element).visibility === 'visible' ? element.innerText.trim().replace(/\\s+/g, ' ') : '';
  };
  const image = root.querySelector('img');
  const box = root.querySelector('button').getBoundingClientRect();
  const own = head.getBoundingClientRect();
  return {
    state: head.state,
    notice: text('notice'),
    status: text('status'),
    spins: getComputedStyle(root.querySelector('i')).display !== 'none' && text('status') !== '',
    broken: getComputedStyle(image).visibility === 'visible' && image.complete && !image.naturalWidth,
    button: head.controls ? root.querySelector('button').getAttribute('aria-label') : null,
    corner: head.controls ? [(box.left - own.left) / own.width, (box.top - own.top) / own.height] : null,
    inside: root.querySelector('[part=notice]').scrollHeight <= own.height + 1,
  };
})"""


def heads(src: str, attributes: str) -> str:
    """One of each size, every other with a button; a style attribute is the page's own affair."""
    tags = [
        f'<live-head src="{src}" {attributes} style="{style}" {"controls" if controls else ""}></live-head>'
        for style in SIZES
        for controls in (True, False)
    ]
    return "".join(tags)


@asynccontextmanager
async def one_place() -> AsyncIterator[Served]:
    async with serving(EngineSpec(PREVIEW, {"size": 256}), cors_origins=["*"], max_sessions=1) as served:
        yield served


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def shown(
    browser: Browser, client: str, src: str, attributes: str = "", *, permissions: list[str] | None = None
) -> AsyncIterator[Visit]:
    """A page with the element in every size, on a light and on a dark ground."""
    page = PAGE.format(heads=heads(src, attributes), client=client)
    with site(page) as url:
        ready = "live-head[state]"
        async with visiting(
            browser, url, width=2160, height=900, allowed=NETWORK, ready=ready, permissions=permissions
        ) as visit:
            yield visit


LOADED = "head.shadowRoot.querySelector('img').naturalWidth"

START = "void document.querySelectorAll('live-head').forEach((head) => head.start().catch(() => {}))"


async def all_in(visit: Visit, condition: str, within: float = 20.0) -> list[dict[str, object]]:
    await visit.until(f"(({SEEN})()).every((seen) => {condition})", within)
    found: list[dict[str, object]] = await visit.page.evaluate(SEEN)
    assert len(found) == 4 * len(SIZES)
    assert not any(seen["broken"] for seen in found), "a broken image is drawn"
    return found


@pytest.mark.soak
async def test_a_server_that_is_not_there(browser: Browser) -> None:
    async with one_place() as served, shown(browser, served.url, closed_port()) as visit:
        for seen in await all_in(visit, "seen.state === 'idle' && seen.notice"):
            assert "The server does not answer" in str(seen["notice"]), "it is said before anybody starts it"
        await visit.page.evaluate(START)
        for seen in await all_in(visit, "seen.state === 'error'"):
            assert "Check that it runs" in str(seen["notice"])
            assert seen["button"] in (None, "Try again")
        await visit.shot("element-dead-server", whole=True)


async def test_a_server_that_takes_no_pages_of_this_origin(browser: Browser) -> None:
    async with (
        one_place() as served,
        serving(EngineSpec(PREVIEW, {"size": 256})) as strict,
        shown(browser, served.url, strict.url) as visit,
    ):
        for seen in await all_in(visit, "seen.notice"):
            assert "This site may not use the server" in str(seen["notice"])


@pytest.mark.soak
async def test_a_portrait_that_is_not_there(browser: Browser) -> None:
    async with one_place() as served, shown(browser, served.url, served.url, 'avatar="nobody" source="push"') as visit:
        for seen in await all_in(visit, "seen.state === 'idle' && seen.notice"):
            assert "This portrait is not there" in str(seen["notice"])
        await visit.page.evaluate(START)
        await all_in(visit, "seen.state === 'error' && seen.notice.startsWith('This portrait is not there')")
        await visit.shot("element-unknown-portrait", whole=True)


async def test_a_microphone_that_is_denied(playwright: Playwright) -> None:
    browser = await launch(playwright, "--use-fake-device-for-media-stream")
    async with one_place() as served, shown(browser, served.url, served.url, permissions=["geolocation"]) as visit:
        await visit.page.evaluate(START)
        await all_in(visit, "seen.state === 'error' && seen.notice.startsWith('The microphone is blocked')")
        await visit.shot("element-microphone-denied", whole=True)
    await browser.close()


async def test_a_frame_that_may_not_use_the_microphone(browser: Browser) -> None:
    async with one_place() as served:
        inner = (
            f'<live-head src="{served.url}"></live-head>'
            f'<script type="module" src="{served.url}/client/index.js"></script>'
        )
        with site(inner) as inside:
            outer = f'<link rel="icon" href="data:,"><iframe src="{inside.replace("localhost", "127.0.0.1")}"></iframe>'
            with site(outer) as url:
                async with visiting(browser, url, ready="iframe", allowed="Permissions policy") as visit:
                    frame = visit.page.frames[1]
                    await frame.wait_for_selector("live-head[state=idle]")
                    code = await frame.evaluate("document.querySelector('live-head').start().catch(({ code }) => code)")
                    assert code == "microphone-policy"
                    notice = frame.locator("live-head [part=notice]")
                    assert 'allow="microphone"' in await notice.inner_text()


@pytest.mark.soak
async def test_all_places_taken(browser: Browser) -> None:
    async with one_place() as served:
        page = PAGE.format(heads=f'<live-head src="{served.url}" source="push"></live-head>', client=served.url)
        with site(page.replace("</section><section>", "</section><section hidden>", 1)) as url:
            async with visiting(browser, url, ready="live-head[state=idle]") as first:
                await first.page.evaluate("document.querySelector('live-head').start()")
                async with shown(browser, served.url, served.url, 'source="push"') as visit:
                    await visit.page.evaluate(START)
                    await all_in(visit, "seen.state === 'error' && seen.notice.startsWith('All places are taken')")
                    await visit.shot("element-full", whole=True)


@pytest.mark.soak
async def test_a_server_that_shuts_down(browser: Browser) -> None:
    async with one_place() as served, shown(browser, served.url, served.url, 'source="push"') as visit:
        await all_in(visit, "seen.state === 'idle'")
        draining = asyncio.create_task(served.services.registry.drain(5))
        await asyncio.sleep(0)
        await visit.page.evaluate(START)
        await all_in(visit, "seen.state === 'error' && seen.notice.startsWith('The server is shutting down')")
        await visit.shot("element-draining", whole=True)
        await draining


@pytest.mark.soak
async def test_a_call_that_is_being_made(browser: Browser) -> None:
    async with one_place() as served, shown(browser, served.url, served.url, 'source="push"') as visit:
        await visit.page.route_web_socket(re.compile("/v1/signal"), lambda _: None)  # it never answers
        await visit.page.evaluate(START)
        for seen in await all_in(visit, "seen.state === 'connecting'", within=5):
            assert seen["status"] == "Connecting…"
            assert seen["spins"]
            assert seen["notice"] == ""
            assert seen["button"] in (None, "Stop")
        await visit.shot("element-connecting", whole=True)


@pytest.mark.soak
async def test_the_button_leaves_the_mouth_alone(browser: Browser) -> None:
    """The mouth of a portrait is between 36 and 64 % of its width; a wide element shows the whole width, a tall one the
    middle of it, where the button is below the mouth."""
    async with one_place() as served, shown(browser, served.url, served.url) as visit:
        await visit.until(f"[...document.querySelectorAll('live-head')].every((head) => {LOADED})")
        for seen in await all_in(visit, "seen.state === 'idle'"):
            if seen["corner"] is not None:
                left, top = seen["corner"]  # type: ignore[misc]
                assert left > 0.64 or top > 0.8
        await visit.shot("element-idle", whole=True)
