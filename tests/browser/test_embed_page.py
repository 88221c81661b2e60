"""docs/embed.md and its neighbours: the tables are those of the source, and the page of its ten minutes works."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from backend import tone
from browser.site import SERVER, site
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from npm import compiler, run
from serving import serving
from speech_service import speech_service
from visiting import ROOT, visiting
from waiting import until


@pytest.mark.may_block("runs the compiler")
async def test_the_tables_are_those_of_the_source() -> None:
    compiler()
    run(ROOT / "web", "node", "tables.js", "--check")


async def test_the_ten_minutes(browser: Browser) -> None:
    page = "".join(re.findall(r"```html\n(.*?)```", (ROOT / "docs/embed.md").read_text(), re.S))
    page = page.replace("<!doctype html>", '<!doctype html><link rel="icon" href="data:,">', 1)
    async with (
        speech_service() as service,
        serving(EngineSpec(PREVIEW, {"size": 128}), cors_origins=["*"], tts=service.url) as served,
    ):
        service.pieces = [tone(1.0)]
        with site(page, instead={SERVER: served.url}) as url:
            async with visiting(browser, url, ready="live-head[state=idle]") as visit:
                await visit.page.fill("#text", "Good evening.")
                await visit.page.press("#text", "Enter")
                await visit.state("live")
                await until(lambda: service.asked != [])
                await visit.page.click("live-head button")
                await visit.state("closed")
                await expect(visit.page.locator("live-head")).to_have_attribute("source", "push")
        assert service.asked[0]["input"] == "Good evening."
