"""Pipecat's own client for the web, unmodified from npm, in Chromium: it calls a portrait as it calls a bot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Route

from npm import bundle
from serving import Process
from visiting import Visit, visiting

PACKAGES = {"@pipecat-ai/client-js": "1.13.1", "@pipecat-ai/small-webrtc-transport": "1.10.8"}

PAGE = "<!doctype html><title>Pipecat's client</title><video autoplay muted playsinline></video>"

SOURCE = """
import { PipecatClient } from "@pipecat-ai/client-js";
import { SmallWebRTCTransport, WavMediaManager } from "@pipecat-ai/small-webrtc-transport";

// The transport's default media manager loads a part of itself from its maker's site; this one ships in the package.
window.happened = [];
window.make = ({ screen = false } = {}) => {
  const note = (name) => (data) => window.happened.push([name, data?.id ?? data?.version ?? String(data?.data?.error)]);
  const names = ["onConnected", "onBotConnected", "onBotReady", "onBotStartedSpeaking", "onBotStoppedSpeaking",
    "onUserStartedSpeaking", "onUserStoppedSpeaking", "onDisconnected", "onBotDisconnected", "onError"];
  const callbacks = Object.fromEntries(names.map((name) => [name, note(name)]));
  callbacks.onTrackStarted = (track, participant) => {
    if (participant?.local || track.kind !== "video") return;
    document.querySelector("video").srcObject = new MediaStream([track]);
  };
  const mediaManager = new WavMediaManager();
  mediaManager._supportsScreenShare = screen; // as the default one has it: one more m-line, for the screen
  const transport = new SmallWebRTCTransport({ mediaManager });
  window.client = new PipecatClient({ transport, enableMic: true, enableCam: false, callbacks });
  return window.client;
};
window.connect = (requestData, media) =>
  window.make(media).connect({ webrtcRequestParams: { endpoint: "/api/offer", requestData } });
window.start = (body) => {
  const endpoint = new URL("/start", location).href;
  return window.make().startBotAndConnect({ endpoint, requestData: { transport: "webrtc", body } });
};
"""


@pytest.fixture(scope="session")
def script() -> str:
    return bundle(PACKAGES, SOURCE)


@asynccontextmanager
async def calling(browser: Browser, server: Process, script: str, **more: Any) -> AsyncIterator[Visit]:
    """A page of the server's own origin with the client in it."""
    async with visiting(browser, f"{server.url}/v1/info", ready=None, **more) as visit:

        async def answer(route: Route) -> None:
            await route.fulfill(body=PAGE, content_type="text/html")

        await visit.page.route("**/pipecat-client", answer)
        await visit.page.goto(f"{server.url}/pipecat-client")
        await visit.page.add_script_tag(content=script, type="module")
        await visit.until("window.connect !== undefined")
        yield visit


async def happened(visit: Visit, name: str) -> list[str]:
    """What came with each event of that name."""
    events: list[list[str]] = await visit.page.evaluate("window.happened")
    return [what for event, what in events if event == name]


async def plays(visit: Visit) -> None:
    frames = "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames"
    await visit.until(f"{frames} > 20")
    first = await visit.page.evaluate(frames)
    await visit.until(f"{frames} > {first} + 25")
    assert await visit.page.evaluate("document.querySelector('video').videoWidth") == 512


@pytest.mark.soak
async def test_a_microphone_drives_the_portrait(browser: Browser, server: Process, script: str) -> None:
    async with calling(browser, server, script) as visit:
        ready = await visit.page.evaluate("window.connect({ latency: 'low' })")
        assert ready["version"] == "2.0.0"
        assert ready["about"]["library"] == "livehead"
        await plays(visit)
        for name in ("onBotStartedSpeaking", "onBotStoppedSpeaking"):
            await visit.until(f"window.happened.some(([name]) => name === '{name}')")
        [pc_id] = await happened(visit, "onBotConnected")
        assert len(await happened(visit, "onConnected")) == 1
        assert await happened(visit, "onBotReady") == ["2.0.0"]
        state = await visit.page.evaluate(f"fetch('/v1/sessions/{pc_id}').then((answer) => answer.json())")
        assert (state["state"], state["source"]) == ("live", "mic")
        assert await happened(visit, "onError") == []
        await visit.shot("pipecat-client")
        await visit.page.evaluate("window.client.disconnect()")
        await server.settled()
        assert len(await happened(visit, "onDisconnected")) == 1


@pytest.mark.soak
async def test_a_start_comes_first(browser: Browser, server: Process, script: str) -> None:
    async with calling(browser, server, script) as visit:
        ready = await visit.page.evaluate("window.start({ latency: 'balanced' })")
        assert ready["version"] == "2.0.0"
        await plays(visit)
        [pc_id] = await happened(visit, "onBotConnected")
        state = await visit.page.evaluate(f"fetch('/v1/sessions/{pc_id}').then((answer) => answer.json())")
        assert state["latency"] == "balanced"
        assert any("/sessions/" in address and address.endswith("/api/offer") for address in visit.addresses)
    await server.settled()


@pytest.mark.soak
async def test_the_server_ends_the_call(browser: Browser, server: Process, script: str) -> None:
    """The client leaves, and does not call again."""
    async with calling(browser, server, script) as visit:
        await visit.page.evaluate("window.connect({ source: 'push' })")
        await plays(visit)
        [pc_id] = await happened(visit, "onBotConnected")
        await visit.page.evaluate(f"fetch('/v1/sessions/{pc_id}', {{ method: 'DELETE' }})")
        await visit.until("window.happened.some(([name]) => name === 'onBotDisconnected')")
        await visit.until("window.happened.some(([name]) => name === 'onDisconnected')")
        offers = [address for address in visit.addresses if address.endswith("/api/offer")]
        await server.settled()
        await visit.page.wait_for_timeout(6000)  # after five it would take the network for broken
        assert offers == [address for address in visit.addresses if address.endswith("/api/offer")]
        assert await server.active() == 0


@pytest.mark.soak
async def test_a_new_peer_connection_in_mid_call(browser: Browser, server: Process, script: str) -> None:
    async with calling(browser, server, script) as visit:
        await visit.page.evaluate("window.connect({ source: 'push' })")
        await plays(visit)
        await visit.page.evaluate("window.client.transport.attemptReconnection(true)")
        connection = "window.client.transport.pc"
        await visit.until(f"{connection}.connectionState === 'connected'")
        # This client's onTrackStarted misses a track that takes the place of another, so it is asked for here.
        await visit.page.evaluate(
            f"""document.querySelector('video').srcObject =
              new MediaStream([{connection}.getTransceivers()[1].receiver.track])"""
        )
        await plays(visit)
        assert await happened(visit, "onDisconnected") == []
        assert await server.active() == 1
    await server.settled()


@pytest.mark.soak
async def test_an_offer_with_a_camera_and_a_screen(browser: Browser, server: Process, script: str) -> None:
    async with calling(browser, server, script) as visit:
        await visit.page.evaluate("window.connect({}, { screen: true })")
        kinds = "window.client.transport.pc.getTransceivers().map(({ receiver }) => receiver.track.kind)"
        assert await visit.page.evaluate(kinds) == ["audio", "video", "video"]
        await plays(visit)
    await server.settled()


@pytest.mark.soak
async def test_a_refusal_reaches_the_page(browser: Browser, server: Process, script: str) -> None:
    async with calling(
        browser, server, script, allowed="404|rejected|TransportStartError|Error fetching|Reconnection"
    ) as visit:
        said = await visit.page.evaluate(
            "window.connect({ avatar: 'nobody' }).then(() => 'connected', (error) => String(error))"
        )
        assert "404" in said, json.dumps(await visit.page.evaluate("window.happened"))
    await server.settled()
