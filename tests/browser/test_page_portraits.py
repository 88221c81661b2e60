"""A portrait of one's own, on the page: camera, upload, check, crop, consent, name, rename, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, FilePayload, Playwright

import pictures
from browser.axe import accessible
from browser.keys import KEY, Locked
from serving import Served
from visiting import Visit, launch, visiting

REFUSED = r"Failed to load resource: the server responded with a status of 4(13|15|22|29)"
"""What Chromium itself writes to the console about an answer that the page shows in words."""

HANDED = """const handed = (name, type, bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type }));
  return data;
};"""
DROP = f"""([place, ...file]) => {{ {HANDED}
  const options = {{ dataTransfer: handed(...file), bubbles: true, cancelable: true }};
  document.querySelector(place).dispatchEvent(new DragEvent('drop', options));
}}"""
PASTE = f"""(file) => {{ {HANDED}
  const options = {{ clipboardData: handed(...file), bubbles: true, cancelable: true }};
  document.dispatchEvent(new ClipboardEvent('paste', options));
}}"""


SQUARE = """() => {
  const [frame, image] = ['crop', 'crop-image'].map((id) => document.getElementById(id).getBoundingClientRect());
  return [(frame.x - image.x) / image.width, (frame.y - image.y) / image.height, frame.width / image.width];
}"""


def file(data: bytes, name: str = "anna.jpg", kind: str = "image/jpeg") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data}


def photo() -> bytes:
    """Wider than it is high, with the face at the left."""
    wide = Image.new("RGB", (900, 600), (90, 110, 120))
    wide.paste(pictures.face(600), (0, 0))
    return pictures.encoded(wide, "JPEG", quality=92)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watching(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Chromium whose camera sees a face."""
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    film.write_bytes(pictures.encoded(pictures.face(512, "amara"), "JPEG", quality=95) * 2)
    browser = await launch(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    yield browser
    await browser.close()


async def cropping(visit: Visit) -> None:
    """Wait until the picture is shown, and was judged."""
    await visit.page.wait_for_selector("#studio[data-step=crop]", timeout=20_000)
    await visit.page.wait_for_selector("#verdict p:not(:has-text('Looking'))", timeout=20_000)


async def keep(visit: Visit, name: str) -> str:
    """Agree, and keep the portrait; returns its id."""
    assert await visit.page.is_disabled("#keep"), "not without consent"
    await visit.page.fill("#studio-name", name)
    await visit.page.check("#consent")
    await visit.page.click("#keep")
    await visit.page.wait_for_selector(
        f"#faces label:has-text('{name}') input:checked", state="attached", timeout=20_000
    )
    return str(await visit.page.evaluate("document.querySelector('live-head').avatar"))


async def square(visit: Visit) -> tuple[float, float, float]:
    """Left, top and width of what is shown of the picture, as shares of it."""
    shown = await visit.page.evaluate(SQUARE)
    return tuple(shown)


@pytest.mark.soak
async def test_a_picture_becomes_a_portrait_that_is_renamed_and_deleted(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url, width=1440, height=900) as visit:
        await visit.page.set_input_files("#upload", file(photo()))
        await cropping(visit)
        left, _, wide = await square(visit)
        assert left < 0.1, "the face was found"
        assert wide < 0.7
        assert await visit.page.input_value("#studio-name") == "anna"
        await accessible(visit)
        await visit.shot("crop-1440-dark")

        await visit.page.focus("#crop")
        for key in ("+", "+", "+", "ArrowRight", "ArrowDown", "ArrowDown"):
            await visit.page.keyboard.press(key)
        moved = await square(visit)
        assert moved[0] > left
        assert moved[2] < wide
        await visit.page.locator("#zoom").fill("0")
        assert (await square(visit))[2] == pytest.approx(2 / 3, abs=0.01), "as much as there is"
        await visit.page.mouse.move(*(await centre(visit, "#crop")))
        await visit.page.mouse.wheel(0, -200)
        await visit.page.mouse.down()
        await visit.page.mouse.move(*(value + 30 for value in await centre(visit, "#crop")))
        await visit.page.mouse.up()
        await visit.page.wait_for_selector("#verdict:has-text('Looking')")
        await cropping(visit)
        chosen = await square(visit)

        portrait = await keep(visit, "Anna")
        kept = next(each for each in whole.services.avatars.list() if each.id == portrait)
        assert kept.width == kept.height == pytest.approx(chosen[2] * 900, abs=2)
        await visit.page.fill("#own-name", "Anna B.")
        await visit.page.click("#own-rename")
        await visit.page.wait_for_selector("#faces label:has-text('Anna B.')")
        await accessible(visit)
        await visit.start()
        await visit.page.check("input[value=juno]", force=True)
        await visit.page.check(f"input[value='{portrait}']", force=True)
        await visit.page.click("#start")
        await visit.state("closed")
        await visit.page.click("#own-delete")
        assert await visit.text("#own-delete") == "Delete for good?"
        await visit.page.click("#own-delete")
        await visit.page.wait_for_selector("#faces label:has-text('Anna B.')", state="detached")
        assert await visit.page.evaluate("document.querySelector('live-head').avatar") == "default"
        assert await visit.page.is_hidden("#own")


async def centre(visit: Visit, selector: str) -> tuple[float, float]:
    box = await visit.page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.soak
async def test_use_my_face(watching: Browser, whole: Served) -> None:
    async with visiting(watching, whole.url, width=390, height=844, dark=True) as visit:
        await visit.page.click("#selfie")
        await visit.page.wait_for_selector("#shoot:enabled")
        mirrored = "getComputedStyle(document.querySelector('#camera-video')).scale"
        assert await visit.page.evaluate(mirrored) == "-1 1"
        await accessible(visit, "dark")
        await visit.shot("camera-390-dark")
        await visit.page.keyboard.press("Enter")
        await visit.until("document.querySelector('#camera-count').innerText === '2'")
        await cropping(visit)
        assert await visit.page.evaluate("document.querySelector('#camera-video').srcObject") is None
        await accessible(visit, "dark")
        await visit.shot("selfie-390-dark")
        portrait = await keep(visit, "Me")
        await whole.services.portraits.delete(portrait, "")


@pytest.mark.soak
async def test_a_camera_that_is_closed_or_blocked(playwright: Playwright, watching: Browser, whole: Served) -> None:
    async with visiting(watching, whole.url) as visit:
        await visit.page.click("#selfie")
        await visit.page.wait_for_selector("#shoot:enabled")
        await visit.page.evaluate(
            "window.track = document.querySelector('#camera-video').srcObject.getVideoTracks()[0]"
        )
        await visit.page.keyboard.press("Escape")
        await visit.until("track.readyState === 'ended'")
    blocked = await launch(playwright)
    async with visiting(blocked, whole.url, permissions=["geolocation"]) as visit:
        await visit.page.click("#selfie")
        await visit.page.wait_for_selector("#studio-error:not([hidden])")
        assert await visit.page.get_attribute("#studio-error", "data-code") in ("camera-denied", "camera-missing")
        assert "upload a picture" in await visit.text("#studio-error")
        await accessible(visit, "light")
    await blocked.close()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'

BAD = {
    "bomb": (file(pictures.bomb(50_000, 50_000), "big.png", "image/png"), "too-large", "Save it smaller"),
    "truncated": (file(pictures.face_file()[:9000]), "portrait", "damaged or too small"),
    "no picture": (file(b"%PDF-1.7 hello", "a.jpg"), "unsupported-type", "JPEG, PNG or WebP"),
    "svg": (file(SVG, "a.svg", "image/svg+xml"), "unsupported-type", "JPEG, PNG or WebP"),
    "svg as png": (file(SVG, "a.png", "image/png"), "unsupported-type", "JPEG, PNG or WebP"),
    "11 MB": (file(pictures.face_file() + bytes(11 << 20)), "too-large", "Save it smaller"),
    "animation": (file(pictures.animation("WEBP"), "a.webp", "image/webp"), "animation", "one of its frames"),
}


@pytest.mark.soak
async def test_every_bad_kind_has_its_words(browser: Browser, whole: Served) -> None:
    async with visiting(browser, whole.url, width=390, height=844, allowed=REFUSED) as visit:
        for kind, (given, code, words) in BAD.items():
            await visit.page.set_input_files("#upload", given)
            try:
                await visit.page.wait_for_selector(f"#studio-error[data-code='{code}']:not([hidden])", timeout=15_000)
            except Exception as error:
                said = await visit.page.inner_text("#studio")
                raise AssertionError(f"{kind}: {code} was awaited, it says {said!r}") from error
            assert words in await visit.text("#studio-error"), kind
            assert await visit.page.is_hidden("#keep")
        await accessible(visit, "light")
        await visit.shot("failed-390")


@pytest.mark.soak
async def test_what_is_wrong_with_a_picture_is_said(browser: Browser, whole: Served) -> None:
    dark = pictures.face(512).point(lambda value: value // 8)
    async with visiting(browser, whole.url, allowed=REFUSED) as visit:
        await visit.page.set_input_files(
            "#upload", file(pictures.encoded(pictures.wall(), "PNG"), "wall.png", "image/png")
        )
        await cropping(visit)
        assert "This cannot be a portrait" in await visit.text("#verdict")
        assert await visit.page.is_visible("#verdict li[data-code=no-face]")
        assert await visit.page.is_disabled("#keep")
        assert await visit.page.is_hidden("#consent")
        await accessible(visit, "dark")
        await visit.shot("no-face-dark")
        await visit.page.evaluate(PASTE, ["dark.png", "image/png", list(pictures.encoded(dark, "PNG"))])
        await visit.page.wait_for_selector("#verdict li[data-code=dark]", timeout=15_000)
        reason = await visit.text("#verdict li[data-code=dark]")
        assert reason.count(".") >= 2, "what is wrong, and what to do about it"
        await visit.shot("reasons-dark")


@pytest.mark.soak
async def test_a_picture_is_dropped_or_pasted(browser: Browser, whole: Served) -> None:
    data = list(pictures.face_file())
    async with visiting(browser, whole.url) as visit:
        await visit.page.evaluate(DROP, ["live-head", "bo.jpg", "image/jpeg", data])
        await cropping(visit)
        assert await visit.page.input_value("#studio-name") == "bo"
        await visit.page.click("#studio-close")
        await visit.page.evaluate(PASTE, ["image.png", "image/jpeg", data])
        await cropping(visit)
        await visit.page.keyboard.press("Escape")
        assert await visit.page.evaluate("document.querySelector('#studio').open") is False


@pytest.mark.soak
async def test_with_keys_a_portrait_is_seen_by_its_owner(browser: Browser, locked: Locked) -> None:
    # The element tries its image without the token first: most are everybody's.
    async with visiting(browser, f"{locked.url}/#token={KEY}", allowed=r"status of 401") as visit:
        await visit.page.set_input_files("#upload", file(pictures.face_file()))
        await cropping(visit)
        portrait = await keep(visit, "Mine")
        await visit.until(f"document.querySelector('input[value=\"{portrait}\"] + img').naturalWidth > 0")
        poster = "document.querySelector('live-head').shadowRoot.querySelector('img')"
        await visit.until(f"{poster}.naturalWidth > 0 && {poster}.dataset.missing === undefined")
        await visit.start()
        await visit.page.click("#start")
        await visit.page.click("#own-delete")
        await visit.page.click("#own-delete")
        await visit.page.wait_for_selector(f"input[value='{portrait}']", state="detached")
