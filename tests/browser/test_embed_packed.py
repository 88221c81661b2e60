"""The modules of the packed file on pages without a bundler: twice on a page, in a frame, removed in mid-call, and set
up before they are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser

from browser.site import folder, site
from npm import Project
from serving import Served
from visiting import visiting
from waiting import patient

PAGE = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<style>live-head {{ width: 320px; }}</style>
{body}
<script type="module" src="/livehead/index.js"></script>"""

SHOWN = "document.querySelector('live-head').video.getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture(scope="module")
def modules(tools: Path, package: Path) -> dict[str, str]:
    """The files of the package, as npm installs it, by their paths on the site."""
    return folder(Project.of(tools, "plain", package).package, "/livehead/")


@contextmanager
def page(modules: Mapping[str, str], body: str) -> Iterator[str]:
    with site(PAGE.format(body=body), modules) as url:
        yield url


async def test_two_on_a_page_one_of_them_removed_in_mid_call(
    browser: Browser, served: Served, modules: dict[str, str]
) -> None:
    """The session of the one ends, and nothing of it is left; the other goes on, and may be moved."""
    heads = f'<live-head src="{served.url}"></live-head><live-head src="{served.url}" source="push"></live-head>'
    body = f"<main>{heads}</main><aside></aside>"
    count = """<script>
      const Peer = RTCPeerConnection;
      window.peers = [];
      window.RTCPeerConnection = function (...given) {
        const peer = new Peer(...given);
        peers.push(new WeakRef(peer));
        return peer;
      };
    </script>"""
    with page(modules, count + body) as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            ids = await visit.page.evaluate(
                """async () => {
                  window.heads = [...document.querySelectorAll('live-head')];
                  await Promise.all(heads.map((head) => head.start()));
                  return heads.map((head) => head.sessionId);
                }"""
            )
            assert len(set(ids)) == served.services.registry.active == 2
            await visit.page.evaluate(
                """() => {
                  window.gone = new WeakRef(heads.pop());
                  gone.deref().remove();
                  document.querySelector('aside').append(heads[0]);
                }"""
            )
            await served.settled(1)
            assert served.session(ids[0])
            states = await visit.page.evaluate("peers.map((peer) => peer.deref()?.connectionState ?? 'closed').sort()")
            assert states == ["closed", "connected"]
            # The first one is held by the handle of what the test waited for; the second by nobody.
            devtools = await visit.page.context.new_cdp_session(visit.page)
            async with patient(10):
                while await visit.page.evaluate("gone.deref() !== undefined"):
                    await devtools.send("HeapProfiler.collectGarbage")
            shown = await visit.page.evaluate(SHOWN)
            await visit.until(f"{SHOWN} > {shown} + 5")
            assert await visit.page.evaluate("[heads[0].state, heads[0].sessionId]") == ["live", ids[0]]
    await served.idle()


@pytest.mark.soak
async def test_a_frame_of_another_origin(browser: Browser, served: Served, modules: dict[str, str]) -> None:
    with page(modules, f'<live-head src="{served.url}" controls></live-head>') as inside:
        frame = inside.replace("localhost", "127.0.0.1")
        outer = f'<link rel="icon" href="data:,"><iframe src="{frame}" allow="microphone; autoplay"></iframe>'
        with site(outer) as url:
            async with visiting(browser, url, ready="iframe") as visit:
                inner = visit.page.frames[1]
                await inner.click("live-head[state=idle] button")
                await inner.wait_for_selector("live-head[state=live]")
                await visit.page.evaluate("document.querySelector('iframe').remove()")
                await served.idle()


async def test_set_up_before_it_is_defined(browser: Browser, served: Served, modules: dict[str, str]) -> None:
    """Properties, attributes and listeners of before; and a second copy of the modules is no second definition."""
    given = f'{{ src: {served.url!r}, source: "push", voice: "off", seed: 7, record: "off", token: () => "abc" }}'
    body = f"""<live-head></live-head>
    <script>
      window.head = document.querySelector("live-head");
      window.told = [];
      Object.assign(head, {given});
      head.style.setProperty("--live-head-fit", "contain");
      head.addEventListener("statechange", ({{ detail }}) => told.push(detail.state));
      customElements.whenDefined("live-head").then(() => head.start());
    </script>
    <script type="module" src="{served.url}/client/index.js"></script>"""
    with page(modules, body) as url:
        async with visiting(browser, url, ready="live-head[state=live]") as visit:
            assert await visit.page.evaluate("told") == ["connecting", "live"]
            assert await visit.page.evaluate("[head.mode, head.voice, head.seed, head.record]") == [
                "push",
                False,
                7,
                "off",
            ]
            assert await visit.page.evaluate("Object.keys(head)") == [], "the values are the element's own"
            assert await visit.page.evaluate("getComputedStyle(head.video).objectFit") == "contain"
            late = """async (src) => {
              const head = document.createElement("live-head");
              Object.assign(head, { src, source: "push" });
              document.body.append(head);
              await head.start();
              const { state, sessionId } = head;
              head.remove();
              return [state, sessionId !== null];
            }"""
            assert await visit.page.evaluate(late, served.url) == ["live", True]
    await served.idle()


@pytest.mark.soak
async def test_a_call_is_recorded(browser: Browser, served: Served, modules: dict[str, str]) -> None:
    with page(modules, f'<live-head src="{served.url}" source="push" record></live-head>') as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            await visit.page.evaluate(
                """async () => {
                  const head = document.querySelector("live-head");
                  window.told = [];
                  head.addEventListener("recordingchange", ({ detail }) => told.push([detail.recording, detail.id]));
                  await head.start();
                }"""
            )
            await visit.page.wait_for_selector("live-head[recording] [part=recording]")
            await visit.page.evaluate("document.querySelector('live-head').stop()")
            told = await visit.page.evaluate("told")
            assert [recording for recording, _ in told] == [True, False]
            assert told[0][1] == told[1][1]
            await served.idle()
            await visit.until(
                f"fetch('{served.url}/v1/recordings').then((answer) => answer.json())"
                f".then((films) => films.some(({{ id, state }}) => id === {told[0][1]!r} && state === 'done'))"
            )
