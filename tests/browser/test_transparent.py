"""`<live-head look="transparent">`: the ground of the page is seen round the person, drawn by WebGL or without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Browser

from browser.site import site
from livehead.engine.base import EngineSpec
from serving import Served, serving
from visiting import SHOTS, Visit, visiting

SIZE = 256
TILE = 16
LIGHT, DARK = (240, 240, 240), (40, 90, 160)

PAGE = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<style>body {{ margin: 0; }}</style>
<style>body {{ background: repeating-conic-gradient(rgb{light} 0 25%, rgb{dark} 0 50%) 0 0 / 32px 32px; }}</style>
<script>{script}</script>
<script type="module" src="{server}/client/index.js"></script>
<live-head src="{server}" source="push" look='{{"background":"transparent"}}' style="width: 256px"></live-head>"""

WITHOUT_WEBGL = """
const getContext = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
  return kind === "2d" ? getContext.call(this, kind, ...options) : null;
};"""

CANVAS = "document.querySelector('live-head').shadowRoot.querySelector('[part=transparent]')"
LOSE = f"{CANVAS}.getContext('webgl').getExtension('WEBGL_lose_context').loseContext()"
STALL = "GPU stall due to ReadPixels"
"""Chromium draws in software here, and says that it takes long."""

BY_WEBGL = f"{CANVAS}.getContext('webgl') !== null"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server() -> AsyncIterator[Served]:
    engine = EngineSpec("livehead.engine.preview.generator:create", {"size": SIZE})
    async with serving(engine, cors_origins=["*"]) as served:
        yield served


def ground() -> NDArray[np.float32]:
    """What the page shows without the element, (256, 256, 3)."""
    rows, columns = np.mgrid[:SIZE, :SIZE] // TILE
    light = (rows + columns) % 2 == 1
    return np.where(light[..., None], np.float32(LIGHT), np.float32(DARK))


async def seen(visit: Visit, name: str) -> NDArray[np.float32]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = Path(SHOTS / f"transparent-{name}.png")
    data = await visit.page.screenshot(path=path, clip={"x": 0, "y": 0, "width": SIZE, "height": SIZE})
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.float32)


def check(shot: NDArray[np.float32]) -> None:
    """The corners are the page's, but for what the codec leaves; nothing of it is seen in the face."""
    off = np.abs(shot - ground()).max(axis=-1)
    for corner in (off[:48, :48], off[:48, -48:]):
        assert np.percentile(corner, 99) <= 2
    face = shot[96:144, 104:152]
    tiles = ground()[96:144, 104:152]
    light = tiles[..., 0] > 128
    assert abs(float(face[light].mean() - face[~light].mean())) < 12, "the ground's pattern is not in the face"
    assert off[96:144, 104:152].mean() > 40


def page(server: Served, script: str = "") -> str:
    return PAGE.format(server=server.url, script=script, light=LIGHT, dark=DARK)


async def begin(visit: Visit) -> None:
    await visit.page.evaluate("document.querySelector('live-head').start()")
    await visit.state("live")


@pytest.mark.parametrize("way", ["webgl", "2d"])
async def test_the_page_is_seen_round_the_person(browser: Browser, server: Served, way: str) -> None:
    with site(page(server, WITHOUT_WEBGL if way == "2d" else "")) as url:
        async with visiting(browser, url, ready="live-head[state=idle]", allowed=STALL) as visit:
            idle = await seen(visit, f"{way}-idle")
            assert np.abs(idle - ground()).max() <= 1, "no rectangle before the call"
            await begin(visit)
            assert await visit.page.evaluate(BY_WEBGL) == (way == "webgl")
            check(await seen(visit, way))
            size = await visit.page.evaluate(f"[{CANVAS}.width, {CANVAS}.height]")
            assert size == [SIZE, SIZE]
            if way == "webgl":
                await visit.page.evaluate(
                    f"{CANVAS}.getContext('webgl').getExtension('WEBGL_lose_context').loseContext()"
                )
                await visit.until(f"{CANVAS}.width === {SIZE}")
                check(await seen(visit, "context-lost"))


@pytest.mark.soak
async def test_the_look_is_changed_in_a_call(browser: Browser, server: Served) -> None:
    """To another size of the frames by a new call; else within the call."""
    with site(page(server)) as url:
        async with visiting(browser, url, ready="live-head[state=idle]", allowed=STALL) as visit:
            await begin(visit)
            first = await visit.page.evaluate("document.querySelector('live-head').sessionId")
            await visit.page.evaluate("document.querySelector('live-head').look = '#00ff00'")
            await visit.until("document.querySelector('live-head').video.videoHeight === 256")
            await visit.state("live")
            second = await visit.page.evaluate("document.querySelector('live-head').sessionId")
            assert second not in (first, None)
            green = await seen(visit, "green")
            assert np.abs(green[:40, :40] - (0, 255, 0)).max() < 30
            await visit.page.evaluate("document.querySelector('live-head').look = '#0000ff'")
            corner = """() => { const context = new OffscreenCanvas(256, 256).getContext('2d');
              context.drawImage(document.querySelector('live-head').video, 0, 0);
              return context.getImageData(10, 10, 1, 1).data[2] > 200; }"""
            await visit.until(corner)
            assert await visit.page.evaluate("document.querySelector('live-head').sessionId") == second
