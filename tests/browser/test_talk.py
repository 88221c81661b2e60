"""Talk into the page, and watch the portrait."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from playwright.async_api import Browser

from serving import Process
from visiting import Visit, visiting

MOUTH = (0.36, 0.58, 0.28, 0.18)
"""Left, top, width and height of where a portrait has its mouth, as shares of the frame."""

WATCH = """
async ([left, top, width, height], seconds) => {
  const live = document.querySelector('live-head');
  const { Level } = await import('/client/index.js');
  const level = new Level(live.source.stream);
  const brush = new OffscreenCanvas(56, 36).getContext('2d', { willReadFrequently: true });
  const rows = [];
  let last = null;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    await new Promise((shown) => live.video.requestVideoFrameCallback(shown));
    const { videoWidth: w, videoHeight: h } = live.video;
    brush.drawImage(live.video, left * w, top * h, width * w, height * h, 0, 0, 56, 36);
    const { data } = brush.getImageData(0, 0, 56, 36);
    let moved = 0;
    if (last) for (let i = 1; i < data.length; i += 4) moved += Math.abs(data[i] - last[i]);
    rows.push([performance.now(), level.read(), last ? moved / (56 * 36) : 0]);
    last = data;
  }
  level.close();
  return rows;
}
"""


STATS = """() => new Promise((resolve) => document.querySelector('live-head')
    .addEventListener('stats', (event) => resolve(event.detail), { once: true }))"""


async def decodes(visit: Visit, frames: int) -> None:
    """Wait until the browser has decoded so many more."""
    enough = (await visit.page.evaluate(STATS))["decoded"] + frames
    async with asyncio.timeout(30):
        while (await visit.page.evaluate(STATS))["decoded"] < enough:
            pass


async def test_the_portrait_speaks_while_the_microphone_does(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        assert "Preview engine" in await visit.text("header")
        await visit.shot("idle-light")
        await visit.start()
        assert "says it with you" in await visit.text("#status")
        await decodes(visit, 75)

        watch = f"([mouth, seconds]) => ({WATCH})(mouth, seconds)"
        rows = np.array(await visit.page.evaluate(watch, [MOUTH, 7]))
        time, level, moved = rows[10:].T
        loud = level > 0.25
        # A frame shows what was said a little earlier, and the mouth takes a moment to close.
        since = np.array([t - max(time[loud & (time <= t)], default=-1e9) for t in time])
        speaking, resting = moved[since < 200], moved[since > 700]
        assert len(speaking) > 50, "the microphone played no speech"
        assert len(resting) > 10, "the microphone never paused"
        print(f"mouth moves {np.mean(speaking):.2f} in speech, {np.mean(resting):.2f} at rest")
        assert np.mean(speaking) > 3 * np.mean(resting)
        await visit.shot("live-light")
        assert int(await visit.text("#n-fps")) > 0
        assert 0 < int(await visit.text("#n-delay")) <= 200


@pytest.mark.soak
async def test_stop_and_start_again(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url, dark=True) as visit:
        for _ in range(2):
            await visit.start()
            await visit.page.click("#start")
            await visit.state("closed")
            assert await visit.page.evaluate("document.querySelector('live-head').source.stream") is None
        assert "ended" in await visit.text("#status")


@pytest.mark.soak
async def test_hear_the_portrait_and_change_the_delay_in_mid_call(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url, dark=True) as visit:
        await visit.start()
        await visit.page.click("#voice")
        await visit.state("live")
        heard = """() => { const { video } = document.querySelector('live-head');
            return !video.muted && video.srcObject?.getAudioTracks().length === 1; }"""
        await visit.until(heard, within=10)
        await visit.page.click("#voice")
        assert await visit.page.evaluate("document.querySelector('live-head').video.muted")
        await visit.page.click("#delays summary")
        await visit.page.check("input[value=balanced]", force=True)
        await visit.until("document.querySelector('#table').textContent.includes('400 ms')", within=5)
        assert "400 ms" in await visit.text("#preset-words")
        await visit.shot("live-dark")


async def test_measure_the_latency(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        await visit.start()
        result = await visit.page.evaluate("document.querySelector('live-head').measure({ bursts: 3 })")
        print(result)
        assert len(result["all"]) + result["missed"] == 3
        assert 0 < result["p50"] <= result["p95"]
        assert result["parts"]["server"] > 0
        await visit.state("live")
