"""The player of docs/whep.md, as it is printed there."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Route

from serving import Process
from visiting import visiting

PAGE = Path(__file__).parents[2] / "docs" / "whep.md"


@pytest.mark.soak
async def test_it_plays_and_leaves(browser: Browser, server: Process) -> None:
    printed = re.search(r"```js\n(.*?)```", PAGE.read_text(), re.S)
    assert printed is not None
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=20) as client,
        visiting(browser, f"{server.url}/healthz", ready=None) as visit,
    ):
        session = (await client.post("/v1/sessions", json={})).json()["session"]

        async def answer(route: Route) -> None:
            await route.fulfill(body="<video autoplay muted playsinline></video>", content_type="text/html")

        await visit.page.route("**/player", answer)
        await visit.page.goto(f"{server.url}/player")
        await visit.page.add_script_tag(content=printed[1])
        await visit.page.evaluate(
            "async ([url, id]) => { window.leave = await view(url, id, document.querySelector('video')); }",
            [server.url, session],
        )
        await visit.until("document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 25")
        assert (await client.get(f"/v1/sessions/{session}")).json()["viewers"] == 1
        await visit.page.evaluate("window.leave()")
        assert (await client.get(f"/v1/sessions/{session}")).json()["viewers"] == 0
        await client.delete(f"/v1/sessions/{session}")
    await server.settled()
