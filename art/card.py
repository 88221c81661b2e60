"""Makes web/demo/card.jpg, what a link to the demo page shows elsewhere, from a real call. From the repository's root,
while a server is at its usual place:

    PYTHONPATH=tests .venv/bin/python -m art.card

It needs Playwright and Chromium, as the tests of the page do.
"""

from __future__ import annotations

import argparse
import asyncio
import io
from pathlib import Path

from PIL import Image
from playwright.async_api import async_playwright

from visiting import launch

CARD = Path(__file__).parents[1] / "web" / "demo" / "card.jpg"
SIZE = (1200, 630)
"""Of the Open Graph protocol's large cards."""

INTO_MS = 1900
"""How far into the sample the picture is taken: the mouth is open there."""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080/")
    url = parser.parse_args().url
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        page = await browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        await page.goto(url)
        await page.wait_for_selector("#faces label")
        await page.click("#hear")
        await page.wait_for_selector('live-head[state="live"]')
        await page.mouse.move(2, 2)
        await page.wait_for_timeout(INTO_MS)
        picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        picture.save(CARD, "JPEG", quality=82, optimize=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
