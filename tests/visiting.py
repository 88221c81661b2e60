"""The demo page in a real Chromium, for tests."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Playwright

from waiting import PATIENCE, patient

ROOT = Path(__file__).parents[1]
SPEECH = ROOT / "tests" / "data" / "speech.flac"
SHOTS = ROOT / "artifacts" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

VIOLATION = "Content-Security-Policy violated"
WATCH = f"""addEventListener('securitypolicyviolation', ({{ violatedDirective, blockedURI, sourceFile, lineNumber }}) =>
  console.error('{VIOLATION}', violatedDirective, blockedURI, sourceFile, lineNumber));"""
"""Tells on the console what the page's Content-Security-Policy forbade."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    # A name that is no localhost, for what browsers forbid to insecure origins.
    "--host-resolver-rules=MAP livehead.test 127.0.0.1",
)


def chromium() -> str:
    if CHROMIUM is None:
        pytest.fail("Chromium is not installed (apt-get install chromium)")
    return CHROMIUM


async def launch(playwright: Playwright, *flags: str) -> Browser:
    return await playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *flags])


@dataclass
class Visit:
    """One page, what it complained about, and every address that it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    async def start(self, within: float = 15.0) -> None:
        await self.page.click("#start")
        await self.state("live", within)

    async def state(self, state: str, within: float = 15.0) -> None:
        try:
            await self.page.wait_for_selector(f'live-head[state="{state}"]', timeout=within * PATIENCE * 1000)
        except Exception as error:
            shown = await self.page.get_attribute("live-head", "state")
            why = await self.page.evaluate("String(document.querySelector('live-head').error?.detail)")
            raise AssertionError(f"{state} was awaited, it is {shown} ({why}); {self.complaints}") from error

    async def until(self, expression: str, within: float = 15.0) -> None:
        """Wait until a JavaScript expression, or a function's result, is true. Playwright's own waits for functions are
        evaluated in the page, where its Content-Security-Policy forbids that."""
        try:
            async with patient(within):
                while not await self.page.evaluate(expression):  # noqa: ASYNC110 - the browser is waited for
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{expression} was awaited; {self.complaints}") from None

    async def text(self, selector: str) -> str:
        return (await self.page.inner_text(selector)).strip()

    async def notice(self, code: str, within: float = 15.0) -> str:
        """The words of the error card, once it shows the error of this code."""
        await self.page.wait_for_selector(
            f'#notice[data-code="{code}"]:not([hidden])', timeout=within * PATIENCE * 1000
        )
        return await self.text("#notice")

    async def shot(self, name: str, *, whole: bool = False) -> None:
        """Keep a screenshot, for people."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    height: int = 800,
    dark: bool = False,
    calm: bool = False,
    allowed: str | None = None,
    permissions: Sequence[str] | None = None,
    ready: str | None = "#faces label",
) -> AsyncIterator[Visit]:
    """Open a page. An error on its console fails the test, save those that match ``allowed``; a violation of its
    Content-Security-Policy always does."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if calm else "no-preference",
        permissions=permissions,
    )
    await context.add_init_script(WATCH)
    page = await context.new_page()
    visit = Visit(page)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.complaints.append(f"{message.type}: {message.text}")

    page.on("console", heard)
    page.on("request", lambda request: visit.addresses.append(request.url))
    page.on("websocket", lambda socket: visit.addresses.append(socket.url))
    page.on("pageerror", lambda error: visit.complaints.append(f"exception: {error}"))
    try:
        await page.goto(url)
        if ready:
            await page.wait_for_selector(ready)
        yield visit
    finally:
        # The page says goodbye when it is left; closing the context alone may be faster than that.
        await page.goto("about:blank")
        await page.unroute_all(behavior="ignoreErrors")  # or what is under way fails whichever test comes next
        await context.close()
    left = [text for text in visit.complaints if VIOLATION in text or allowed is None or not re.search(allowed, text)]
    assert not left, f"the page logged {left}"
