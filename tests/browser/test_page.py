"""The page itself: keyboard, widths, light and dark, words for assistive technology."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from serving import Process
from visiting import SPEECH, Visit, visiting

FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const rings = [at, at.nextElementSibling, at.closest('label')].filter(Boolean);
  const drawn = ({ outlineWidth, outlineStyle }) => parseFloat(outlineWidth) >= 2 && outlineStyle !== 'none';
  const ring = rings.some((e) => drawn(getComputedStyle(e)));
  return [at.id || at.name || at.className || at.tagName.toLowerCase(), ring];
}"""

NAMELESS = """() => [...document.querySelectorAll('button, select, input, canvas, summary')]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.innerText || e.getAttribute('aria-label') || e.labels?.length))
  .map((e) => e.outerHTML.slice(0, 80))"""


async def width(visit: Visit) -> int:
    return int(await visit.page.evaluate("document.documentElement.scrollWidth"))


async def test_a_walk_with_the_keyboard(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        walk: list[str] = []
        for _ in range(60):
            await visit.page.keyboard.press("Tab")
            focused = await visit.page.evaluate(FOCUSED)
            if focused is None:
                break
            name, ring = focused
            assert ring, f"{name} shows no focus"
            walk.append(name)
        order = [
            "skip",
            "theme",
            "hear",
            "start",
            "wide",
            "avatar",
            "selfie",
            "upload",
            "kind",
            "device",
            "check",
            "share",
        ]
        assert [name for name in walk if name in order] == order, walk

        await visit.page.focus("#start")
        await visit.page.keyboard.press("Enter")
        await visit.state("live")
        await visit.page.keyboard.press("Space")
        await visit.state("closed")
        await visit.page.focus("#delays summary")
        await visit.page.keyboard.press("Enter")
        await visit.page.keyboard.press("Tab")
        await visit.page.keyboard.press("ArrowRight")
        assert await visit.page.get_attribute("live-head", "latency") == "low", "behind automatic"


async def test_everything_has_a_name_and_the_status_is_announced(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url) as visit:
        assert await visit.page.evaluate(NAMELESS) == []
        assert await visit.page.get_attribute("#status", "aria-live") == "polite"
        assert await visit.page.get_attribute("#notice", "role") == "alert"


@pytest.mark.parametrize("wide", [360, 900, 1920])
async def test_no_scrolling_to_the_side(browser: Browser, server: Process, wide: int) -> None:
    async with visiting(browser, server.url, width=wide, height=740, dark=wide == 360) as visit:
        assert await width(visit) <= wide
        await visit.shot(f"idle-{wide}")
        await visit.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        await visit.page.check("input[value=file]", force=True)
        await visit.page.set_input_files("#file", SPEECH)
        assert await width(visit) <= wide
        if wide == 360:
            await visit.start()
            await visit.until("document.querySelector('#n-fps').innerText !== '–'")
            assert await width(visit) <= wide
            await visit.shot("live-360-dark", whole=True)


@pytest.mark.soak
async def test_at_twice_the_size(browser: Browser, server: Process) -> None:
    """200 % zoom of a window of 1280 by 800 (WCAG 2.2, 1.4.4 and 1.4.10)."""
    async with visiting(browser, server.url, width=640, height=400) as visit:
        assert await width(visit) <= 640
        for control in ("#start", "#hear", "#share", "#measure"):
            await visit.page.locator(control).scroll_into_view_if_needed()
            assert await visit.page.is_visible(control)
        await visit.shot("zoomed")


@pytest.mark.soak
async def test_a_phone_on_its_side(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url, width=844, height=390, dark=True) as visit:
        for control in ("live-head", "#status", "#start", "#hear", "#wide"):
            box = await visit.page.locator(control).bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 390, f"{control} is below the fold"
        await visit.shot("landscape-dark")


@pytest.mark.soak
async def test_the_page_of_the_api_logs_nothing(browser: Browser, server: Process) -> None:
    async with visiting(browser, f"{server.url}/docs", ready="#routes details"):
        pass


@pytest.mark.soak
async def test_light_and_dark(browser: Browser, server: Process) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    async with visiting(browser, server.url) as visit:
        light = await visit.page.evaluate(paper)
        await visit.page.emulate_media(color_scheme="dark")
        dark = await visit.page.evaluate(paper)
        assert light != dark, "the page follows the system"
        await visit.page.click("#theme")
        assert await visit.page.evaluate(paper) == light
        await visit.page.reload()
        assert await visit.page.evaluate(paper) == light, "the choice is remembered"


@pytest.mark.soak
async def test_less_movement_is_respected(browser: Browser, server: Process) -> None:
    async with visiting(browser, server.url, calm=True) as visit:
        moving = "document.getAnimations().filter((a) => a.playState === 'running').length"
        assert await visit.page.evaluate(moving) == 0
        await visit.page.wait_for_timeout(500)
        assert not any("/idle" in address for address in visit.addresses), "the still is enough"
