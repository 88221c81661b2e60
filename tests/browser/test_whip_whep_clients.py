"""Clients of WHIP and WHEP for the web, unmodified from npm, in Chromium: one publishes a microphone, the other sees
its portrait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Route

from browser.keys import Locked, token
from livehead.core.identity import Role
from npm import bundle
from serving import Process
from visiting import Visit, visiting

PACKAGES = {"whip-whep": "1.2.0", "@eyevinn/whip-web-client": "1.1.7"}

PAGE = "<!doctype html><title>WHIP and WHEP</title><video autoplay muted playsinline></video>"

SOURCE = """
import { WHIPClient as Whip } from "whip-whep/whip.js";
import { WHEPClient as Whep } from "whip-whep/whep.js";
import { WHIPClient as Eyevinn } from "@eyevinn/whip-web-client";

const idOf = (url) => new URL(url).pathname.split("/").pop();

window.publish = async (server, media, token) => {
  const stream = await navigator.mediaDevices.getUserMedia(media);
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: "sendonly" });
  const client = new Whip();
  await client.publish(pc, `${server}/whip/default`, token);
  window.stop = () => client.stop();
  return idOf(client.resourceURL);
};
window.ingest = async (server, media, token) => {
  const client = new Eyevinn({ endpoint: `${server}/whip/default`, opts: { authkey: token ?? "any" } });
  await client.setIceServersFromEndpoint();
  await client.ingest(await navigator.mediaDevices.getUserMedia(media));
  window.stop = () => client.destroy();
  return idOf(await client.getResourceUrl());
};
window.view = async (server, session, token) => {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  const stream = new MediaStream();
  pc.ontrack = ({ track }) => stream.addTrack(track);
  document.querySelector("video").srcObject = stream;
  const client = new Whep();
  await client.view(pc, `${server}/whep/${session}`, token);
  window.leave = () => client.stop();
  return client.resourceURL.pathname;
};
"""

SHOWN = "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames"
MICROPHONE = {"audio": True}
WITH_CAMERA = {"audio": True, "video": True}


@pytest.fixture(scope="session")
def script() -> str:
    return bundle(PACKAGES, SOURCE)


@asynccontextmanager
async def page(browser: Browser, url: str, script: str, also: str = "") -> AsyncIterator[Visit]:
    """A page of the server's own origin with the clients in it. They close the connection, which ends what they then
    delete."""
    async with visiting(browser, f"{url}/healthz", ready=None, allowed=f"status of (404{also})") as visit:

        async def answer(route: Route) -> None:
            await route.fulfill(body=PAGE, content_type="text/html")

        await visit.page.route("**/whip-and-whep", answer)
        await visit.page.goto(f"{url}/whip-and-whep")
        await visit.page.add_script_tag(content=script, type="module")
        await visit.until("window.view !== undefined")
        yield visit


@pytest.mark.parametrize(
    ("client", "media"),
    [
        pytest.param("publish", MICROPHONE, id="publish-microphone"),
        pytest.param("ingest", WITH_CAMERA, id="ingest-and camera"),
        pytest.param("publish", WITH_CAMERA, id="publish-and camera", marks=pytest.mark.soak),
        pytest.param("ingest", MICROPHONE, id="ingest-microphone", marks=pytest.mark.soak),
    ],
)
async def test_a_microphone_is_published_and_its_portrait_seen(
    browser: Browser, server: Process, script: str, client: str, media: dict[str, bool]
) -> None:
    async with page(browser, server.url, script) as visit:
        session = await visit.page.evaluate(f"([url, media]) => window.{client}(url, media)", [server.url, media])
        resource = await visit.page.evaluate("([url, id]) => window.view(url, id)", [server.url, session])
        assert resource.startswith(f"/whep/{session}/")
        await visit.until(f"{SHOWN} > 25", 15)
        state = await visit.page.evaluate(f"fetch('/v1/sessions/{session}').then((answer) => answer.json())")
        assert (state["state"], state["source"], state["viewers"]) == ("live", "mic", 2)
        await visit.page.evaluate("window.leave()")
        await visit.page.evaluate("window.stop()")
        await server.settled()


@pytest.mark.soak
async def test_tokens_are_taken_as_bearer(browser: Browser, locked: Locked, script: str) -> None:
    async with page(browser, locked.url, script, "|401") as visit:
        url, bearer = locked.url, token(Role.OPEN, Role.VIEW)
        session = await visit.page.evaluate(
            "([url, token]) => window.publish(url, { audio: true }, token)", [url, bearer]
        )
        await visit.page.evaluate("([url, id, token]) => window.view(url, id, token)", [url, session, bearer])
        await visit.until(f"{SHOWN} > 5", 15)
        refused = await visit.page.evaluate(
            "([url, id]) => window.view(url, id, 'no token').catch((error) => error.message)", [url, session]
        )
        assert "401" in refused
        await visit.page.evaluate("window.leave()")
        await visit.page.evaluate("window.stop()")
        await locked.served.settled()
