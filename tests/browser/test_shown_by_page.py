"""What a page has shown of an utterance: what the server tells, against the frames that the page draws on a canvas."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from playwright.async_api import Browser

from backend import Backend, tone
from browser.site import site
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from serving import serving
from visiting import Visit, visiting
from waiting import until

BLOCK_MS = 40

PAGE = """<!doctype html><title>A page</title><link rel="icon" href="data:,">
<live-head id="live" src="{server}" source="push" latency="{latency}" style="width: 512px"></live-head>
<script>
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {{
    send.call(this, text.replace('"probe":false', '"probe":true'));
  }};
  window.reports = [];
  const tell = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (text) {{
    if (JSON.parse(text).type === "shown") reports.push(performance.now());
    tell.call(this, text);
  }};
</script>
<script type="module">
  import "{server}/client/index.js";
  import {{ ROWS, cells, read }} from "{server}/client/test-pattern.js";
  const strip = new OffscreenCanvas(512, ROWS);
  const context = strip.getContext("2d", {{ willReadFrequently: true }});
  window.live = document.getElementById("live");
  window.presented = [];
  const look = (now, {{ width, height }}) => {{
    live.video.requestVideoFrameCallback(look);
    context.drawImage(live.video, 0, height - ROWS, width, ROWS, 0, 0, 512, ROWS);
    const code = read(cells(context.getImageData(0, 0, 512, ROWS)));
    if (code) presented.push(code.k);
  }};
  live.video.requestVideoFrameCallback(look);
</script>"""


async def tell(visit: Visit, backend: Backend, seconds: float, after: float | None, by: str) -> dict[str, Any]:
    """Say something, and interrupt it. Returns the end with ``presented_ms``, how much of it the page has drawn."""
    told = len(backend.told)
    await backend.push(tone(seconds))
    await backend.end()
    await until(lambda: len(backend.told) > told)
    if after is not None:
        await asyncio.sleep(after)
        asked = time.monotonic()
        await (backend.interrupt() if by == "backend" else visit.page.evaluate("live.interrupt()"))
    await until(lambda: len(backend.told) > told + 1)
    if after is not None:
        print(f"interrupted by {by}: told after {(time.monotonic() - asked) * 1000:.0f} ms")
    await asyncio.sleep(0.3)
    started, end = backend.told[told:]
    first, blocks = started["k"], -(-end["spoken_ms"] // BLOCK_MS)
    last = await visit.page.evaluate(f"Math.max(-1, ...presented.filter((k) => k >= {first} && k < {first + blocks}))")
    presented = 0 if last < first else min((last - first + 1) * BLOCK_MS, end["spoken_ms"])
    print(f"{end}, presented {presented} ms")
    return {**end, "presented_ms": presented}


@pytest.mark.parametrize("latency", ["low", pytest.param("throughput", marks=pytest.mark.soak)])
async def test_the_server_knows_to_within_one_frame_what_the_page_has_shown(browser: Browser, latency: str) -> None:
    async with serving(EngineSpec(PREVIEW, {"size": 512}), cors_origins=["*"]) as served:
        with site(PAGE.format(server=served.url, latency=latency)) as at:
            async with visiting(browser, at, ready="live-head[state=idle]") as visit:
                await visit.page.evaluate("live.start()")
                session = await visit.page.evaluate("live.sessionId")
                await visit.until("presented.length > 20 && reports.length > 0")
                ends = []
                async with Backend(served.url, session) as backend:
                    for after, by in ((0.5, "backend"), (0.9, "page"), (0.33, "backend"), (None, "")):
                        ends.append(await tell(visit, backend, 1.21, after, by))
                reports = await visit.page.evaluate("reports")
    for end in ends:
        assert 0 < end["shown_ms"] <= end["spoken_ms"]
        assert abs(end["shown_ms"] - end["presented_ms"]) <= BLOCK_MS
    assert [end["state"] for end in ends] == ["interrupted", "interrupted", "interrupted", "finished"]
    assert 1210 - BLOCK_MS <= ends[-1]["shown_ms"] <= 1210
    assert all(late - early >= 980 for early, late in zip(reports, reports[4:], strict=False))
