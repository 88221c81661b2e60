"""`<live-head>` behind the ingress of a fleet, and the replica of its call is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from browser.site import site
from fault_rows import Recovery
from fleet.behind_ingress import processes, serving_ingress
from livehead.core.ids import replica_of
from livehead.fleet.directory import MemoryDirectory
from visiting import visiting
from waiting import until

PAGE = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<script type="module" src="{server}/client/index.js"></script>
<live-head id="own" src="{server}" source="push" latency="low" seed="7" style="width: 200px"></live-head>
<live-head id="once" src="{server}" source="push" reconnect="off" style="width: 200px"></live-head>
<live-head id="viewer" src="{server}" session="{session}" style="width: 200px"></live-head>
<script>
  window.seen = {{ own: [], once: [], viewer: [] }};
  for (const head of document.querySelectorAll("live-head"))
    head.addEventListener("statechange", ({{ detail }}) => seen[head.id].push([detail.state, performance.now()]));
</script>"""

START = "Promise.all([...document.querySelectorAll('live-head')].map((head) => head.start()))"


@pytest.mark.fault(
    "network",
    "The replica of a page's call is killed, in a fleet",
    "The picture stands still; then the page goes on at another replica.",
    within=5.0,
)
@pytest.mark.soak
async def test_the_replica_of_a_call_is_killed(browser: Browser, tmp_path: Path, recovery: Recovery) -> None:
    """A call of its own is back by itself; one that is not to come back says so, and so does a viewer of a session that
    is gone with the replica."""
    directory = MemoryDirectory()
    async with (
        processes(tmp_path, LIVEHEAD_CORS_ORIGINS='["*"]') as started,
        serving_ingress(directory, cors_origins=("*",)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        for name, process in started.items():
            directory.add(name, process.url)
        await until(lambda: all(each.reading is not None for each in directory.replicas()))
        directory.change("r2", "draining")
        session = (await client.post("/v1/sessions", json={"source": "push"})).json()["session"]
        with site(PAGE.format(server=url, session=session)) as page:
            async with visiting(browser, page, ready="#viewer[state=idle]") as visit:
                await visit.page.evaluate(START)
                before = await visit.page.evaluate("own.sessionId")
                assert replica_of(before) == "r1"
                directory.change("r2", "ready")
                os.kill(started["r1"].process.pid, signal.SIGKILL)
                killed = time.monotonic()
                await visit.until("own.state === 'live' && own.sessionId?.startsWith('r2.')")
                back = time.monotonic() - killed
                states = [state for state, _ in await visit.page.evaluate("seen.own")]
                assert states[-2:] == ["reconnecting", "live"]
                await visit.until("once.state === 'error'")
                assert await visit.page.evaluate("once.error.code") == "connection-lost"
                await visit.until("viewer.state === 'closed'", within=30)
                assert await visit.page.evaluate("viewer.getAttribute('reason')") == "ended"
                visit.complaints.clear()  # that an address does not answer any more
    recovery("live again, at the other replica", back)
