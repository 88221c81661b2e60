"""`<live-head>` on a page of another origin, as docs/embed.md shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.async_api import Browser

from browser.keys import REFUSED, Locked, expired, token
from browser.site import site
from serving import running
from visiting import visiting

PAGE = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<script type="module" src="{server}/client/index.js"></script>
<live-head src="{server}" avatar="default" latency="balanced" style="width: 320px" controls></live-head>
<script>
  window.seen = [];
  const live = document.querySelector("live-head");
  for (const name of ["statechange", "stats", "error"]) {{
    live.addEventListener(name, (event) => seen.push([name, event.detail.state]));
  }}
</script>"""

TALK = """async () => {
  const live = document.querySelector('live-head');
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const tone = new OscillatorNode(context, { frequency: 180 });
  tone.connect(out);
  tone.start();
  live.source = out.stream;
  await live.start();
  window.own = out.stream;
}"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site whose page shows a server's portrait; the server takes pages of all sites."""
    folder = tmp_path_factory.mktemp("elsewhere")
    options = ("--engine", "preview", "--max-sessions", "1", "--data-dir", str(folder / "data"))
    with (
        running(folder, *options, LIVEHEAD_CORS_ORIGINS='["*"]') as server,
        site(PAGE.format(server=server.url)) as url,
    ):
        yield url


@pytest.mark.soak
async def test_the_element_on_another_origin_with_a_stream_of_the_page(browser: Browser, elsewhere: str) -> None:
    async with visiting(browser, elsewhere, ready="live-head[state=idle]") as visit:
        await visit.until("document.querySelector('live-head').shadowRoot.querySelector('img').naturalWidth > 0")
        await visit.page.evaluate(TALK)
        await visit.state("live")
        await visit.until("seen.some(([name]) => name === 'stats')")
        await visit.page.evaluate("document.querySelector('live-head').interrupt()")
        await visit.page.evaluate("document.querySelector('live-head').stop()")
        states = [state for name, state in await visit.page.evaluate("seen") if name == "statechange"]
        assert states == ["connecting", "live", "closed"]
        own = "own.getAudioTracks()[0].readyState"
        assert await visit.page.evaluate(own) == "live", "the page's own stream is left alone"


@pytest.mark.soak
async def test_its_own_button_and_the_request_of_a_control_inside(browser: Browser, elsewhere: str) -> None:
    async with visiting(browser, elsewhere, ready="live-head[state=idle]") as visit:
        await visit.page.click("live-head button")
        await visit.state("live")
        await visit.page.click("live-head button")
        await visit.state("closed")
        await visit.page.evaluate(
            """() => { const button = document.createElement('button');
            document.querySelector('live-head').append(button);
            const ask = () => button.dispatchEvent(new CustomEvent('startrequest', { bubbles: true, composed: true }));
            button.addEventListener('click', ask);
            button.click(); }"""
        )
        await visit.state("live")
        await visit.page.evaluate("document.querySelector('live-head').remove()")
        await visit.until("seen.at(-1)[1] === 'closed'")


WITH_TOKEN = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<live-head id="live" src="{server}" voice="off"></live-head>
<script>
  // As frameworks may: the property is set before the element is defined.
  window.live = document.getElementById("live");
  window.errors = [];
  live.addEventListener("error", ({{ detail: {{ error, fatal }} }}) => errors.push([error.code, error.status, fatal]));
  window.asked = 0;
  {script}
</script>
<script type="module" src="{server}/client/index.js"></script>"""


@contextmanager
def page_with(locked: Locked, script: str) -> Iterator[str]:
    with site(WITH_TOKEN.format(server=locked.url, script=script)) as url:
        yield url


@pytest.mark.parametrize(
    "script",
    [
        "live.token = {token!r};",
        "live.setAttribute('token', {token!r});",
        "live.token = () => (asked++, {token!r});",
        "live.token = async () => (asked++, {token!r});",
    ],
    ids=["property", "attribute", "function", "async function"],
)
async def test_a_token_from_the_page(browser: Browser, locked: Locked, script: str) -> None:
    secret = token()
    with page_with(locked, script.format(token=secret)) as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            assert await visit.page.evaluate("live.server.avatars().then((avatars) => avatars.length)") > 1
            await visit.page.evaluate("live.start()")
            await visit.state("live")
            assert await visit.page.evaluate("errors") == []
            assert not any(secret in address for address in visit.addresses)


@pytest.mark.soak
async def test_a_token_is_set_as_react_does(browser: Browser, locked: Locked) -> None:
    """React 19 sets a property where the element has one of the name, before it is in the document; null removes it."""
    secret = token()
    with page_with(locked, "") as url:
        async with visiting(browser, url, allowed=REFUSED, ready="live-head[state=idle]") as visit:
            await visit.page.evaluate(
                """([token, src]) => {
                  live.remove();
                  window.live = document.createElement('live-head');
                  if (!('token' in live)) throw new Error('no property');
                  live.setAttribute('src', src);
                  live.token = token;
                  document.body.append(live);
                }""",
                [secret, locked.url],
            )
            await visit.page.evaluate("live.start()")
            await visit.state("live")
            assert secret not in await visit.page.evaluate("document.documentElement.outerHTML")
            await visit.page.evaluate("live.stop(); live.token = null; live.start().catch(() => {})")
            await visit.state("error")
            assert await visit.page.get_attribute("live-head", "reason") == "unauthorized"


@pytest.mark.soak
async def test_each_call_and_each_reconnect_asks_for_a_token(browser: Browser, locked: Locked) -> None:
    """Two tokens for one use each: neither would do twice."""
    script = f"live.token = async () => [{token(uses=1)!r}, {token(uses=1)!r}][asked++];"
    with page_with(locked, script) as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            await visit.page.evaluate("live.start()")
            await visit.state("live")
            (await locked.session()).end("media-failed")
            await visit.state("reconnecting")
            await visit.state("live")
            assert await visit.page.evaluate("asked") == 2
            assert await visit.page.evaluate("errors") == []


async def test_an_expired_token_is_asked_for_again_once(browser: Browser, locked: Locked) -> None:
    script = f"live.token = async () => asked++ ? {token()!r} : {expired()!r};"
    with page_with(locked, script) as url:
        async with visiting(browser, url, allowed=REFUSED, ready="live-head[state=idle]") as visit:
            await visit.page.evaluate("live.start()")
            await visit.state("live")
            assert await visit.page.evaluate("asked") == 2
            assert await visit.page.evaluate("errors") == []


@pytest.mark.soak
async def test_a_refused_token_is_not_tried_for_ever(browser: Browser, locked: Locked) -> None:
    script = f"live.token = async () => (asked++, {expired()!r});"
    with page_with(locked, script) as url:
        async with visiting(browser, url, allowed=REFUSED, ready="live-head[state=idle]") as visit:
            await visit.page.evaluate("live.start().catch(() => {})")
            await visit.state("error")
            assert await visit.page.evaluate("asked") == 2
            assert await visit.page.evaluate("errors") == [["token-expired", 401, True]]
            assert await visit.page.get_attribute("live-head", "reason") == "token-expired"


@pytest.mark.soak
async def test_a_page_whose_backend_gives_no_token(browser: Browser, locked: Locked) -> None:
    with page_with(locked, "live.token = () => Promise.reject(new Error('signed out'));") as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            await visit.page.evaluate("live.start().catch(() => {})")
            await visit.state("error")
            assert await visit.page.evaluate("[live.error.code, live.error.detail]") == ["token-failed", "signed out"]
