"""What pages of other origins may read and send."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from livehead.engine.base import EngineSpec
from serving import Served, serving
from wire import Answer, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = "https://shop.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create"), wait=False) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listing() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create"), wait=False, cors_origins=[SHOP, "https://b.example"]) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_to_all() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create"), wait=False, cors_origins=["*"]) as served:
        yield served


async def read(served: Served, origin: str | None, path: str = "/healthz") -> Answer:
    return await ask(served.url, "Host: localhost", *([f"Origin: {origin}"] if origin else []), path=path)


async def preflight(served: Served, origin: str, path: str = "/v1/sessions", headers: str | None = None) -> Answer:
    wanted = ["Access-Control-Request-Method: POST"]
    if headers is not None:
        wanted.append(f"Access-Control-Request-Headers: {headers}")
    return await ask(served.url, "Host: localhost", f"Origin: {origin}", *wanted, method="OPTIONS", path=path)


def allowed(answer: Answer) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


async def test_a_page_from_elsewhere_reads_nothing_by_default(plain: Served) -> None:
    for origin in (SHOP, "null", "http://localhost:3000"):
        answer = await read(plain, origin)
        assert (allowed(answer), answer.headers["vary"]) == (set(), "Origin")
        assert not allowed(await preflight(plain, origin, headers="authorization"))


async def test_the_own_page_reads_everything(plain: Served) -> None:
    answer = await read(plain, "http://localhost")
    assert answer.headers["access-control-allow-origin"] == "http://localhost"


async def test_a_listed_page_reads_the_headers_too(listing: Served) -> None:
    answer = await read(listing, SHOP)
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (SHOP, "Origin")
    assert {"Location", "ETag", "Link", "Retry-After"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert not allowed(await read(listing, "https://evil.example"))
    assert not allowed(await read(listing, "null"))


async def test_answers_without_an_origin_vary_as_well(listing: Served) -> None:
    """A cache would otherwise give them to a page, without the headers it needs."""
    assert (await read(listing, None)).headers["vary"] == "Origin"


async def test_credentials_pass_the_preflight_of_a_listed_page(listing: Served) -> None:
    answer = await preflight(listing, SHOP, headers="authorization,content-type,if-match")
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,if-match"
    assert {"POST", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert "Authorization" in (await preflight(listing, SHOP)).headers["access-control-allow-headers"]
    assert answer.headers["accept-post"] == "application/sdp"  # RFC 9725 section 4.7
    assert "access-control-allow-credentials" not in answer.headers
    assert {"Origin", "Access-Control-Request-Headers"} <= set(answer.headers["vary"].split(", "))


async def test_preflights_of_routes_without_options_are_answered(listing: Served) -> None:
    answer = await preflight(listing, SHOP, path="/v1/tokens", headers="authorization")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == SHOP


async def test_a_foreign_preflight_allows_nothing(listing: Served) -> None:
    for path in ("/v1/sessions", "/v1/tokens", "/v1/avatars"):
        assert not allowed(await preflight(listing, "https://evil.example", path=path, headers="authorization"))


async def test_a_star_allows_all_pages_and_needs_no_vary(open_to_all: Served) -> None:
    for origin in (SHOP, "null", None):
        answer = await read(open_to_all, origin)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "vary" not in answer.headers
    answer = await ask(
        open_to_all.url, "Host: localhost", f"Origin: {SHOP}", method="DELETE", path="/v1/sessions/nobody"
    )
    assert answer.status == 404
    answer = await preflight(open_to_all, SHOP, headers="authorization")
    assert answer.headers["access-control-allow-headers"] == "authorization"


async def test_the_clients_modules_are_for_every_page(plain: Served) -> None:
    for origin in (SHOP, "null", None):
        answer = await read(plain, origin, "/client/index.js")
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
        assert "Origin" not in answer.headers["vary"], "caches may keep one answer for all"
    lines = ("Host: localhost", f"Origin: {SHOP}")
    answer = await ask(plain.url, *lines, method="POST", path="/client/index.js")
    assert (answer.status, answer.problem) == (403, "origin")


async def test_a_refused_host_is_told_to_a_page_that_may_know(listing: Served) -> None:
    answer = await ask(listing.url, "Host: other.example", f"Origin: {SHOP}")
    assert (answer.problem, answer.headers["access-control-allow-origin"]) == ("host", SHOP)
