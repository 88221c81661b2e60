"""`<live-head>` on a page of another origin, as docs/embed.md shows it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from serving import Process
from visiting import visiting

PAGE = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<script type="module" src="{server}/client/index.js"></script>
<live-head src="{server}" avatar="default" latency="balanced" style="width: 320px" controls></live-head>
<script>
  window.seen = [];
  const live = document.querySelector("live-head");
  for (const name of ["statechange", "stats", "error"]) {{
    live.addEventListener(name, (event) => seen.push([name, event.detail.state]));
  }}
</script>"""

TALK = """async () => {
  const live = document.querySelector('live-head');
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const tone = new OscillatorNode(context, { frequency: 180 });
  tone.connect(out);
  tone.start();
  live.source = out.stream;
  await live.start();
  window.own = out.stream;
}"""


@pytest.fixture
def elsewhere(server: Process) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.format(server=server.url).encode())

        def log_message(self, *_: object) -> None:
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://localhost:{site.server_address[1]}/"
    site.shutdown()
    site.server_close()


async def test_the_element_on_another_origin_with_a_stream_of_the_page(browser: Browser, elsewhere: str) -> None:
    async with visiting(browser, elsewhere, ready="live-head[state=idle]") as visit:
        poster = "document.querySelector('live-head').shadowRoot.querySelector('img').complete"
        await visit.until(poster)
        await visit.page.evaluate(TALK)
        await visit.state("live")
        await visit.until("seen.some(([name]) => name === 'stats')")
        await visit.page.evaluate("document.querySelector('live-head').interrupt()")
        await visit.page.evaluate("document.querySelector('live-head').stop()")
        states = [state for name, state in await visit.page.evaluate("seen") if name == "statechange"]
        assert states == ["connecting", "live", "closed"]
        own = "own.getAudioTracks()[0].readyState"
        assert await visit.page.evaluate(own) == "live", "the page's own stream is left alone"


async def test_its_own_button_and_the_request_of_a_control_inside(browser: Browser, elsewhere: str) -> None:
    async with visiting(browser, elsewhere, ready="live-head[state=idle]") as visit:
        await visit.page.click("live-head button")
        await visit.state("live")
        await visit.page.click("live-head button")
        await visit.state("closed")
        await visit.page.evaluate(
            """() => { const button = document.createElement('button');
            document.querySelector('live-head').append(button);
            const ask = () => button.dispatchEvent(new CustomEvent('startrequest', { bubbles: true, composed: true }));
            button.addEventListener('click', ask);
            button.click(); }"""
        )
        await visit.state("live")
        await visit.page.evaluate("document.querySelector('live-head').remove()")
        assert await visit.page.evaluate("seen.at(-1)[1]") == "closed"
