"""The latency through headless Chromium and the demo page, as a user sees it, screen refresh included.

Needs Playwright (the ``bench`` extra) and Chromium. The page plays bursts into the outgoing track and reads the test
code from the frames that the browser shows; see web/client/latency-meter.js.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import wave
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as BrowserError

from livehead.bench.latency.evaluation import spread
from livehead.bench.latency.stimulus import RATE, bursts
from livehead.bench.usage import Usage, usage
from livehead.errors import LiveheadError

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BURST_EVERY_S = 0.75
LIVE_S = 30.0

PEERS = """
    window.peers = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(configuration) { super({ ...configuration, ...window.forced }); window.peers.push(this); }
    };
"""
"""Runs in the page before its own scripts, to get the browser's statistics from its peer connections."""

RELAY = "window.forced = { iceTransportPolicy: 'relay' };"
"""The same, for connections through a TURN relay and no other way."""

CALL = """async ({ latency, patience }) => {
    await customElements.whenDefined("live-head");
    const head = document.querySelector("live-head");
    if (latency) head.setAttribute("latency", latency);
    const began = performance.now();
    const shown = new Promise((resolve) =>
        head.video.requestVideoFrameCallback(() => resolve(performance.now() - began)));
    await head.start();
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no frame came")), patience));
    while (head.state !== "live") {
        if (performance.now() - began > patience) throw new Error(`the call is ${head.state}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const connect = performance.now() - began;
    return { connect, first: await Promise.race([shown, late]) };
}"""

MEASURE = """async (bursts) => {
    const head = document.querySelector("live-head");
    const read = async () => {
        for (const report of (await window.peers.at(-1).getStats()).values())
            if (report.type === "inbound-rtp" && report.kind === "video")
                return {
                    frames: report.framesDecoded ?? 0,
                    freezes: report.freezeCount ?? 0,
                    peers: window.peers.length,
                };
        return null;
    };
    const seconds = [];
    let before = null;
    const timer = setInterval(async () => {
        const now = await read();
        if (now && before?.peers === now.peers) seconds.push(now.frames - before.frames);
        before = now;
    }, 1000);
    try {
        const measured = await head.measure({ bursts });
        return { ...measured, seconds: seconds.slice(3), freezes: before?.freezes ?? 0 };
    } finally { clearInterval(timer); head.stop(); }
}"""
"""The first seconds do not count: the page renews the call for the measurement, and its delay settles."""


def measure(
    url: str, sessions: int, seconds: float, latency: str | None, pid: int | None, *, relay: bool = False
) -> dict[str, Any]:
    """Blocks. The figures are those of ``bench latency``; those that a browser does not report are None. Raises
    LiveheadError if there is no Chromium or no call could be measured."""
    return asyncio.run(_measure(url, sessions, seconds, latency, pid, relay))


async def _measure(
    url: str, sessions: int, seconds: float, latency: str | None, pid: int | None, relay: bool
) -> dict[str, Any]:
    count = max(3, round(seconds / BURST_EVERY_S))
    with tempfile.TemporaryDirectory(prefix="livehead-bench-") as folder:
        voice = Path(folder) / "voice.wav"
        await asyncio.to_thread(_write, voice)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=_chromium(), args=_flags(voice))
            try:
                before = _usage(pid)
                began = time.monotonic()
                visits = [_visit(browser, url, latency, count, relay) for _ in range(sessions)]
                found = await asyncio.gather(*visits, return_exceptions=True)
                after, took = _usage(pid), time.monotonic() - began
            finally:
                await browser.close()
    good = [each for each in found if isinstance(each, dict)]
    errors = [str(each).splitlines()[0] for each in found if isinstance(each, BaseException)]
    if not good:
        raise LiveheadError(f"No call of {sessions} could be measured in the browser: {errors[0]}")
    fps = [count for each in good for count in each["seconds"]]
    cpu = 100 * (after.cpu_s - before.cpu_s) / took if before and after else None
    return {
        "sessions": sessions,
        "seconds": seconds,
        "audio_to_picture_ms": spread([value for each in good for value in each["all"]], p99=True),
        "skew_ms": None,
        "fps": {"mean": round(sum(fps) / len(fps), 2), "min": min(fps)} if fps else None,
        "freezes": sum(each["freezes"] for each in good),
        "repeated": None,
        "dropped": None,
        "connect_ms": spread([each["connect"] for each in good]),
        "first_picture_ms": spread([each["first"] for each in good]),
        "failed": len(errors),
        "server": {
            "cpu_percent": None if cpu is None else round(cpu, 1),
            "rss_mb": round(after.rss_mb, 1) if after else None,
        },
        "bursts": sum(len(each["all"]) for each in good),
        "missed": sum(each["missed"] for each in good),
        "conditions": {"browser": browser.version, "latency": latency, "relay": relay, "cpus": os.cpu_count()},
        "errors": errors,
    }


async def _visit(browser: Browser, url: str, latency: str | None, bursts: int, relay: bool) -> dict[str, Any]:
    context = await browser.new_context(ignore_https_errors=True)
    try:
        page: Page = await context.new_page()
        await page.add_init_script(PEERS)
        if relay:
            await page.add_init_script(RELAY)
        await page.goto(urljoin(url, "/"))
        called = await page.evaluate(CALL, {"latency": latency, "patience": LIVE_S * 1000})
        measured = await page.evaluate(MEASURE, bursts)
        return {**called, **measured}
    except BrowserError as error:
        raise LiveheadError(error.message) from None
    finally:
        await context.close()


def _chromium() -> str:
    given = os.environ.get("CHROMIUM")
    found = given or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise LiveheadError("Chromium was not found. Install it, or set CHROMIUM to its path.")
    return found


def _flags(voice: Path) -> list[str]:
    return [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-background-networking",
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
    ]


def _write(path: Path) -> None:
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(RATE)
        sink.writeframes(bursts(10, seed=1).pcm.tobytes())


def _usage(pid: int | None) -> Usage | None:
    return None if pid is None else usage(pid)


def table(figures: dict[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    latency = figures["audio_to_picture_ms"] or {}
    shown = "   ".join(f"{name} {value:g}" for name, value in latency.items())
    fps = figures["fps"] or {"mean": "-", "min": "-"}
    return "\n".join(
        [
            f"Chromium {figures['conditions']['browser']}, {figures['sessions']} page(s), {figures['bursts']} bursts "
            f"seen, {figures['missed']} missed",
            f"burst to frame on the page, ms: {shown}",
            f"fps {fps['mean']}, {fps['min']} (mean, minimum)   freezes {figures['freezes']}   "
            f"failed {figures['failed']}",
            *(f"failed: {error}" for error in figures["errors"]),
        ]
    )
