"""Calls through a TURN relay alone, as from a network that lets nothing else pass, and what is said where they fail."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, Route

from browser.test_element_states import all_in, shown
from coturn import SECRET, Relay, free_port, relaying
from fault_rows import Recovery
from livehead.api.ice import ice_servers
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from livehead.settings import MediaSettings
from serving import Served, serving
from visiting import launch, visiting

RELAY_ONLY = """void (window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(given) { super({ ...given, iceTransportPolicy: 'relay' }); window.peer = this; }
})"""

LOCAL = """(async () => {
  const reports = [...(await window.peer.getStats()).values()];
  const pair = reports.find((each) => each.type === 'candidate-pair' && each.nominated && each.state === 'succeeded');
  return reports.find((each) => each.id === pair.localCandidateId).candidateType;
})()"""

TALK = "document.querySelector('live-head').measure({ bursts: 3 })"

NO_STREAM = "document.querySelector('live-head').video.srcObject === null"

WITHIN_S = 10.0
"""From the click to the words, on a quiet machine."""


@dataclass(frozen=True)
class Head:
    served: Served
    relay: Relay


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def head() -> AsyncIterator[Head]:
    with relaying() as relay:
        async with serving(EngineSpec(PREVIEW, {"size": 128}), cors_origins=["*"], **relay.settings) as served:
            yield Head(served, relay)


async def tell(page: Page, servers: list[dict[str, Any]]) -> None:
    """The page's calls are told of these ICE servers instead of the real ones."""

    async def answer(route: Route) -> None:
        headers = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(body=json.dumps(servers), content_type="application/json", headers=headers)

    await page.route("**/v1/ice-servers", answer)


def issued(url: str, *, secret: str = SECRET, now: float | None = None) -> list[dict[str, Any]]:
    """As a server issues them that has this secret and this clock."""
    return ice_servers(MediaSettings(turn_urls=(url,), turn_secret=secret), "somebody", now)


async def test_a_page_talks_and_sees_through_the_relay_alone(browser: Browser, head: Head) -> None:
    before = head.relay.allocations
    async with visiting(browser, head.served.url) as visit:
        await visit.page.evaluate(RELAY_ONLY)
        await visit.start()
        assert await visit.page.evaluate(LOCAL) == "relay"
        measured = await visit.page.evaluate(TALK)
        print(f"burst to frame through the relay: {measured['all']}")
        assert measured["all"], "what it says is shown"
    assert head.relay.allocations > before


@pytest.mark.soak
async def test_each_way_that_a_relay_fails_has_its_own_words(browser: Browser, head: Head) -> None:
    ways = {
        "relay-refused": (issued(head.relay.url, secret="another secret"), "LIVEHEAD_TURN_SECRET"),
        "relay-expired": (issued(head.relay.url, now=time.time() - 3600), "clock"),
        "relay-unreachable": (issued(f"turn:127.0.0.1:{free_port()}?transport=udp"), "LIVEHEAD_TURN_URLS"),
        "media-blocked": ([], "TURN server"),
    }

    async def meet(code: str) -> None:
        servers, remedy = ways[code]
        async with visiting(browser, head.served.url, width=420, height=900) as visit:
            await tell(visit.page, servers)
            await visit.page.evaluate(RELAY_ONLY)
            began = time.monotonic()
            await visit.page.click("#start")
            words = await visit.notice(code, within=WITHIN_S)
            print(f"{code} after {time.monotonic() - began:.1f} s: {words!r}")
            assert remedy in words
            await visit.state("error")
            assert await visit.page.is_visible("#notice-retry")
            assert await visit.page.evaluate(NO_STREAM), "the portrait is shown, and not the black of an ended stream"
            await visit.shot(code)

    await asyncio.gather(*map(meet, ways))
    await head.served.settled()


async def test_a_relay_that_refuses_is_no_matter_where_there_is_another_way(browser: Browser, head: Head) -> None:
    async with visiting(browser, head.served.url) as visit:
        await tell(visit.page, issued(head.relay.url, secret="another secret"))
        await visit.start()
        assert await visit.page.is_hidden("#notice")


@pytest.mark.soak
async def test_a_way_without_udp_leads_through_the_relay_by_tcp(playwright: Playwright, head: Head) -> None:
    browser = await launch(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    )
    async with visiting(browser, head.served.url) as visit:
        await tell(visit.page, issued(head.relay.url.replace("transport=udp", "transport=tcp")))
        await visit.start()
    await browser.close()


@pytest.mark.soak
async def test_the_element_says_it_in_every_size(browser: Browser, head: Head) -> None:
    ways = {
        "The relay refuses": issued(head.relay.url, secret="another secret"),
        "The relay's credentials": issued(head.relay.url, now=time.time() - 3600),
        "The relay does not": issued(f"turn:127.0.0.1:{free_port()}?transport=udp"),
    }
    async with (
        serving(EngineSpec("fakes:create", {"size": 64}), cors_origins=["*"], max_sessions=16) as served,
        shown(browser, served.url, served.url, 'source="push"') as visit,
    ):
        for number, (words, servers) in enumerate(ways.items()):
            await visit.page.unroute_all()
            await tell(visit.page, servers)
            await visit.page.evaluate(RELAY_ONLY)
            for half in ("slice(0, 8)", "slice(8)"):  # the engine has no room for all at once
                some = f"[...document.querySelectorAll('live-head')].{half}"
                await visit.page.evaluate(f"void {some}.forEach((head) => head.start().catch(() => {{}}))")
                await visit.until(f"{some}.every((head) => head.state === 'error')", 3 * WITHIN_S)
            await all_in(visit, f'seen.notice.startsWith("{words}") && seen.inside')
            await visit.shot(f"element-relay-{number}", whole=True)


@pytest.mark.fault(
    "network",
    "The TURN relay of a page that has no other way is killed, and comes back",
    "The last picture stays, with words; the page reconnects by itself, with new credentials.",
    within=10.0,
)
@pytest.mark.soak
async def test_a_call_is_back_after_its_relay_has_gone_and_come_again(browser: Browser, recovery: Recovery) -> None:
    """Its allocation is lost, and so are the credentials: a reconnect gets others."""
    port = free_port()
    with relaying(port) as first:
        async with (
            serving(EngineSpec(PREVIEW, {"size": 128}), **first.settings) as served,
            visiting(browser, served.url) as visit,
        ):
            await visit.page.evaluate(RELAY_ONLY)
            await visit.start()
            first.end()
            await visit.state("reconnecting", within=30)
            await visit.shot("relay-gone")
            with relaying(port) as again:
                began = time.monotonic()
                await visit.state("live", within=60)
                assert again.allocations > 0
                recovery("live again after the relay's return", time.monotonic() - began)
