"""The page on a server with keys: what it asks for, keeps and forgets, and what it says to each refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from browser.keys import KEY, OTHER_KEY, REFUSED, SECRET, Locked, expired, token, write_keys
from livehead.core.identity import Role
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from serving import Process, serving
from visiting import Visit, visiting

ASKS = "#access:not([hidden])"

LASTING = """() => JSON.stringify([location.href, history.state, Object.entries(localStorage), document.cookie,
    document.documentElement.outerHTML])"""
"""All that a page leaves behind it, or that other scripts can read without asking the element."""

SPEND_OFFERS = """async (key) => {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/sdp' };
  for (let status = 0; status !== 429; ) {
    ({ status } = await fetch('/v1/sessions', { method: 'POST', headers, body: 'no offer' }));
  }
}"""
SPEND_FAILURES = """async (key) => {
  const headers = { Authorization: `Bearer ${key}` };
  for (let status = 0; status !== 429; ) ({ status } = await fetch('/v1/info', { headers }));
}"""
UNPROCESSABLE = r"Failed to load resource: the server responded with a status of (400|422|429)"


@asynccontextmanager
async def locked_out(browser: Browser, url: str, **options: Any) -> AsyncIterator[Visit]:
    """The page as it asks for a key."""
    async with visiting(browser, url, allowed=REFUSED, ready=ASKS, **options) as visit:
        yield visit


@asynccontextmanager
async def with_token(browser: Browser, locked: Locked, secret: str) -> AsyncIterator[Visit]:
    """The page after it has taken a token."""
    async with visiting(browser, f"{locked.url}/#token={secret}", allowed=REFUSED) as visit:
        yield visit
        assert await visit.page.evaluate("location.hash") == ""


async def give(page: Page, secret: str) -> None:
    await page.fill("#access-field", secret)
    await page.click("#access-button")


async def complaint(visit: Visit) -> str:
    """What is wrong with the one that was given."""
    await visit.page.wait_for_selector("#access-error:not(:empty)")
    return await visit.text("#access-error")


async def leaks_nothing(visit: Visit, *secrets: str) -> None:
    """Secrets stand in no address that is asked for, and in nothing that lasts or can be read."""
    lasting = await visit.page.evaluate(LASTING)
    for secret in secrets:
        assert not any(secret in address.partition("#")[0] for address in visit.addresses)
        assert secret not in lasting


async def test_it_asks_for_a_key_and_forgets_it_again(browser: Browser, locked: Locked) -> None:
    async with locked_out(browser, locked.url) as visit:
        assert "This server asks for a key" in await visit.text("#access")
        assert await visit.text("#access-error") == ""
        assert await visit.page.get_attribute("#access-field", "type") == "password"
        assert await visit.page.is_disabled("#start")
        assert await visit.text("#chip-text") == "Locked"
        assert await visit.page.is_hidden("#forget")

        await give(visit.page, OTHER_KEY)
        assert "No such API key" in await complaint(visit)
        assert await visit.page.evaluate("sessionStorage.length") == 0, "a wrong one is not kept"

        await give(visit.page, f" {KEY}\n")
        await visit.page.wait_for_selector("#faces label")
        assert await visit.page.is_hidden("#access")
        assert await visit.page.input_value("#access-field") == ""
        await visit.start()
        await leaks_nothing(visit, KEY, OTHER_KEY)

        await visit.page.reload()
        await visit.page.wait_for_selector("#faces label")
        assert await visit.page.is_hidden("#access"), "the tab remembers it"
        async with locked_out(browser, locked.url):
            pass  # another one does not

        await visit.start()
        await visit.page.click("#forget")
        await visit.page.wait_for_selector(ASKS)
        await visit.state("closed")
        assert await visit.page.evaluate("sessionStorage.length") == 0
        await visit.page.reload()
        await visit.page.wait_for_selector(ASKS)


async def test_a_token_in_the_fragment_is_taken_out_of_it(browser: Browser, locked: Locked) -> None:
    secret = token()
    async with visiting(browser, f"{locked.url}/?x=1#token={secret}") as visit:
        assert await visit.page.evaluate("location.href") == f"{locked.url}/?x=1"
        await visit.start()
        await visit.page.evaluate("history.pushState(null, '', '?y=2'); history.back()")
        await visit.until("location.search === '?x=1'")
        await leaks_nothing(visit, secret)


@pytest.mark.soak
async def test_a_token_in_the_fragment_of_a_page_that_is_open(browser: Browser, locked: Locked) -> None:
    async with locked_out(browser, locked.url) as visit:
        secret = token()
        await visit.page.evaluate("(hash) => { location.hash = hash; }", f"token={secret}")
        await visit.page.wait_for_selector("#faces label")
        assert await visit.page.evaluate("location.hash") == ""
        await leaks_nothing(visit, secret)


@pytest.mark.parametrize(
    ("secret", "title", "detail"),
    [
        (expired(), "This token has expired", "Ask your backend for a new one"),
        (token(owner="gone"), "This key has been revoked", "has been revoked"),
        (token()[:-4] + "AAAA", "That did not work", "no valid token"),
    ],
    ids=["expired", "revoked", "damaged"],
)
async def test_what_is_wrong_with_a_token(
    browser: Browser, locked: Locked, secret: str, title: str, detail: str
) -> None:
    async with locked_out(browser, locked.url, width=390, height=844, dark=True) as visit:
        await give(visit.page, secret)
        assert detail in await complaint(visit)
        assert title in await visit.text("#access-title")
        assert await visit.page.get_attribute("#access-field", "aria-invalid") is not None
        await give(visit.page, token())
        await visit.page.wait_for_selector("#faces label")


@pytest.mark.soak
async def test_a_token_that_expires_while_the_page_is_open(browser: Browser, locked: Locked) -> None:
    """Then the next call asks for another one."""
    async with with_token(browser, locked, token(age=595)) as visit:
        await visit.page.evaluate("(old) => { document.querySelector('live-head').token = old; }", expired())
        await visit.page.click("#start")
        await visit.page.wait_for_selector(ASKS)
        assert "This token has expired" in await visit.text("#access-title")
        assert await visit.page.evaluate("document.querySelector('live-head').error.status") == 401
        await give(visit.page, token())
        await visit.page.wait_for_selector(ASKS, state="hidden")
        await visit.start()


@pytest.mark.soak
async def test_a_role_that_is_missing(browser: Browser, locked: Locked) -> None:
    async with with_token(browser, locked, token(Role.VIEW)) as visit:
        await visit.page.click("#start")
        words = await visit.notice("role")
        assert "does not allow this" in words
        assert await visit.page.is_hidden("#notice-retry")
        error = await visit.page.evaluate(
            "(({ status, type }) => [status, type])(document.querySelector('live-head').error)"
        )
        assert error == [403, "urn:livehead:role"]
        assert await visit.page.get_attribute("live-head", "reason") == "role"
        await visit.page.click("#notice-token")
        await visit.page.wait_for_selector(ASKS)
        assert await visit.page.is_hidden("#notice")


@pytest.mark.soak
async def test_a_token_for_another_portrait(browser: Browser, locked: Locked) -> None:
    avatars = [avatar.id for avatar in locked.served.services.avatars.list()]
    async with with_token(browser, locked, token(avatar=avatars[1])) as visit:
        await visit.page.click("#start")
        assert "for something else" in await visit.notice("claim")
        await visit.page.check(f"input[value='{avatars[1]}']", force=True)
        await visit.page.click("#notice-retry")
        await visit.state("live")


@pytest.mark.soak
async def test_a_token_that_is_used_up(browser: Browser, locked: Locked) -> None:
    async with with_token(browser, locked, token(uses=1)) as visit:
        await visit.start()
        await visit.page.click("#start")
        await visit.state("closed")
        await visit.page.click("#start")
        assert "used up" in await visit.notice("uses")


@pytest.mark.soak
async def test_too_many_tries_are_waited_for(browser: Browser, tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys", KEY)
    engine = EngineSpec(PREVIEW, {"size": 512})
    async with (
        serving(engine, keys=keys, token_secret=SECRET, offers_per_second=0.25) as served,
        visiting(browser, f"{served.url}/#token={token()}", allowed=UNPROCESSABLE) as visit,
    ):
        await visit.page.evaluate(SPEND_OFFERS, KEY)
        await visit.page.click("#start")
        words = await visit.notice("rate-limit")
        assert "Trying again in" in words
        assert await visit.page.get_attribute("live-head", "state") == "connecting"
        assert await visit.page.get_attribute("live-head", "reason") == "rate-limit"
        assert "goes on by itself" in await visit.text("#status")
        await visit.state("live")
        assert await visit.page.is_hidden("#notice")


@pytest.mark.soak
async def test_too_many_wrong_keys(browser: Browser, tmp_path: Path) -> None:
    """The page waits, and then tries the last one by itself."""
    keys = write_keys(tmp_path / "keys", KEY)
    engine = EngineSpec(PREVIEW, {"size": 512})
    async with (
        serving(engine, keys=keys, failures_per_minute=15) as served,
        locked_out(browser, served.url) as visit,
    ):
        await visit.page.evaluate(SPEND_FAILURES, OTHER_KEY)
        await give(visit.page, KEY)
        assert "Too many tries" in await complaint(visit)
        assert (await visit.text("#access-button")).startswith("Wait ")
        assert await visit.page.is_disabled("#access-button")
        await visit.page.wait_for_selector("#faces label")


@pytest.mark.soak
@pytest.mark.parametrize(("reason", "words"), [("idle", "Nobody spoke"), ("time-limit", "longest time")])
async def test_a_call_that_had_its_time(browser: Browser, locked: Locked, reason: str, words: str) -> None:
    async with with_token(browser, locked, token()) as visit:
        await visit.start()
        (await locked.session()).end(reason)
        await visit.state("closed")
        assert await visit.page.get_attribute("live-head", "reason") == reason
        assert words in await visit.text("#status")
        assert await visit.text("#start") == "Start again"
        assert await visit.page.is_hidden("#notice")
        await visit.start()


@pytest.mark.soak
async def test_a_call_that_was_a_flood(browser: Browser, locked: Locked) -> None:
    async with with_token(browser, locked, token()) as visit:
        await visit.start()
        (await locked.session()).end("flood")
        assert "sent far more" in await visit.notice("flood")
        await visit.state("error")


@pytest.mark.soak
async def test_a_key_that_is_revoked_in_mid_call(browser: Browser, locked: Locked) -> None:
    services = locked.served.services
    try:
        async with with_token(browser, locked, token()) as visit:
            await visit.start()
            write_keys(locked.keys, OTHER_KEY)
            await services.access.reload(services.registry.revoke)
            locked.keys.write_text("")
            await services.access.reload(services.registry.revoke)
            await visit.page.wait_for_selector(ASKS)
            assert "This key has been revoked" in await visit.text("#access-title")
            assert await visit.page.get_attribute("live-head", "state") == "error"
            assert await visit.page.evaluate("sessionStorage.length") == 0
    finally:
        write_keys(locked.keys, KEY)
        await services.access.reload(services.registry.revoke)


@pytest.mark.soak
async def test_the_description_of_the_api_wants_a_key(browser: Browser, locked: Locked) -> None:
    async with visiting(browser, f"{locked.url}/docs", allowed=REFUSED, ready="#access:not([hidden])") as visit:
        assert "/v1/signal" in await visit.text("#sockets"), "what the page knows by itself is there without one"
        for secret, words in ((OTHER_KEY, "No such API key"), (token(), "a token is not enough")):
            await visit.page.fill("#key", secret)
            await visit.page.press("#key", "Enter")
            await visit.until(f"document.querySelector('#wrong').innerText.includes('{words}')")
        await visit.page.fill("#key", KEY)
        await visit.page.press("#key", "Enter")
        await visit.page.wait_for_selector("#routes details")
        assert "/v1/sessions" in await visit.text("#routes")
        assert await visit.page.is_hidden("#access")
        await leaks_nothing(visit, KEY, OTHER_KEY)


@pytest.mark.soak
async def test_the_description_of_the_api_is_open_where_there_are_no_keys(browser: Browser, server: Process) -> None:
    async with visiting(browser, f"{server.url}/docs", ready="#routes details") as visit:
        assert await visit.page.is_hidden("#access")
        for details in await visit.page.query_selector_all("details"):
            await details.evaluate("(details) => { details.open = true; }")
        assert "speech" in await visit.text("#sockets")


@pytest.mark.soak
async def test_a_server_that_does_not_answer_while_a_key_is_checked(browser: Browser, locked: Locked) -> None:
    async with locked_out(browser, locked.url) as visit:
        await visit.page.context.set_offline(True)
        await give(visit.page, KEY)
        assert "does not answer" in await complaint(visit)
        await visit.page.context.set_offline(False)
        await visit.page.wait_for_selector("#faces label")
