"""Makes the moving picture of the README from a real call: a server, its page in Chromium, recorded speech in place of
the microphone.

    .venv/bin/python docs/images/record.py

Needs the test extra, Chromium and FFmpeg. Writes call.webp, which moves, beside this file.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Page, async_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SPEECH = ROOT / "tests" / "data" / "speech.flac"
VIEW = {"width": 1120, "height": 760}
WIDTH = 720
SECONDS = 4.0
FIRST_S = 4.0
"""How far into the call the movie begins: its figures have settled then."""
QUALITY = 55


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", SPEECH, "-ar", "48000", wav], check=True)
        frames = asyncio.run(call(Path(folder), wav))
    write(frames, HERE / "call.webp")


async def call(folder: Path, wav: Path) -> list[tuple[float, Image.Image]]:
    """Pictures of a call, with their times in seconds."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livehead", "serve", "--engine", "preview", "--port", "0", "--data-dir", folder),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        return await record(await address(server), wav)
    finally:
        server.terminate()
        await server.wait()


async def address(server: asyncio.subprocess.Process) -> str:
    """Where the server says it is."""
    assert server.stdout is not None
    async with asyncio.timeout(60):
        async for line in server.stdout:
            if found := re.search(r"https?://\S+", line.decode()):
                return found[0]
    raise RuntimeError("the server ended before it was there")


async def record(url: str, wav: Path) -> list[tuple[float, Image.Image]]:
    """Pictures of the page in a call, with their times in seconds."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={wav}",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        page = await browser.new_page(viewport=VIEW)
        while (await page.request.get(f"{url}/readyz")).status != 200:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.2)
        await page.goto(url)
        await page.click("#start")
        await page.wait_for_selector('live-head[state="live"]', timeout=20_000)
        await asyncio.sleep(FIRST_S)
        frames = await screencast(page)
        await browser.close()
        return frames


async def screencast(page: Page) -> list[tuple[float, Image.Image]]:
    """What Chromium has composed in :data:`SECONDS`, as it came (DevTools protocol, Page.startScreencast)."""
    frames: list[tuple[float, Image.Image]] = []
    devtools = await page.context.new_cdp_session(page)

    async def keep(event: dict[str, Any]) -> None:
        picture = Image.open(io.BytesIO(base64.b64decode(event["data"]))).convert("RGB")
        frames.append((float(event["metadata"]["timestamp"]), picture))
        await devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    devtools.on("Page.screencastFrame", keep)
    await devtools.send("Page.startScreencast", {"format": "jpeg", "quality": 92, "everyNthFrame": 2})
    await asyncio.sleep(SECONDS)
    await devtools.send("Page.stopScreencast")
    return sorted(frames, key=lambda each: each[0])


def write(frames: list[tuple[float, Image.Image]], path: Path) -> None:
    """An animated WebP, each picture for as long as it was on the screen."""
    height = round(frames[0][1].height * WIDTH / frames[0][1].width)
    pictures = [picture.resize((WIDTH, height), Image.Resampling.LANCZOS) for _, picture in frames]
    times = [at for at, _ in frames]
    durations = [round(1000 * (after - at)) for at, after in pairwise(times)] + [80]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, quality=QUALITY, method=6,
        minimize_size=True,
    )  # fmt: skip
    print(f"{path.name}: {len(frames)} pictures in {times[-1] - times[0]:.1f} s, {path.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
