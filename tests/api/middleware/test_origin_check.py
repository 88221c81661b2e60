"""Pages of other sites cannot change anything, though a browser lets them send simple requests unasked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from livehead.api.middleware.origins import Origins
from livehead.engine.base import EngineSpec
from serving import Served, serving
from wire import UPGRADE, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = "https://shop.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create"), wait=False) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listing() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create"), wait=False, cors_origins=[SHOP]) as served:
        yield served


async def test_a_page_from_elsewhere_opens_no_session(plain: Served) -> None:
    lines = ("Host: localhost", "Origin: https://evil.example", "Content-Type: application/sdp")
    answer = await ask(plain.url, *lines, method="POST", path="/v1/sessions")
    assert (answer.status, answer.problem) == (403, "origin")
    assert "https://evil.example" in answer.detail
    assert "LIVEHEAD_CORS_ORIGINS" in answer.detail


async def test_nor_a_socket(plain: Served) -> None:
    for path in ("/v1/signal", "/v1/sessions/x/speech?rate=24000", "/nowhere"):
        answer = await ask(plain.url, "Host: localhost", "Origin: https://evil.example", *UPGRADE, path=path)
        assert (answer.status, answer.problem) == (403, "origin")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "TRACE", "PROPFIND"])
async def test_nor_changes_anything_by_another_method(plain: Served, method: str) -> None:
    for path in ("/v1/sessions/x", "/v1/tokens", "/nowhere", "/"):
        answer = await ask(plain.url, "Host: localhost", "Origin: https://evil.example", method=method, path=path)
        assert (answer.status, answer.problem) == (403, "origin")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://localhost",  # another port
        "http://localhost:8081",
        "http://127.0.0.1:8080",  # another name
        "http://localhost:8080.evil.example",
        "http://evil.example#localhost:8080",
        "http://localhost:8080@evil.example",
        "file://",
        "chrome-extension://localhost:8080",
        "",
        "nonsense",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "http://shop.example",  # another scheme
        "https://shop.example:8443",
    ],
)
async def test_what_only_looks_like_a_page_that_may(listing: Served, origin: str) -> None:
    answer = await ask(listing.url, "Host: localhost:8080", f"Origin: {origin}", method="POST", path="/v1/sessions")
    assert (answer.status, answer.problem) == (403, "origin")


async def test_two_origins_are_none_that_may(listing: Served) -> None:
    lines = ("Host: localhost", f"Origin: {SHOP}", "Origin: https://evil.example")
    assert (await ask(listing.url, *lines, method="POST", path="/v1/sessions")).problem == "origin"


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: localhost:8080", "Origin: http://localhost:8080"),
        ("Host: LOCALHOST:8080", "Origin: http://localhost:8080"),
        ("Host: localhost", "Origin: http://localhost"),
        ("Host: localhost", "Origin: https://localhost"),  # a proxy took the TLS off
        ("Host: localhost:443", "Origin: https://localhost"),
        ("Host: [::1]:8080", "Origin: http://[::1]:8080"),
        ("Host: localhost:8080", f"Origin: {SHOP}"),
        ("Host: localhost:8080",),  # no browser
    ],
)
async def test_the_own_page_those_listed_and_programs_pass(listing: Served, lines: tuple[str, ...]) -> None:
    answer = await ask(listing.url, *lines, method="DELETE", path="/v1/sessions/nobody")
    assert (answer.status, answer.problem) == (404, "not-found")
    assert (await ask(listing.url, *lines, *UPGRADE, path="/v1/signal")).status == 101


async def test_reading_is_for_every_page_though_the_browser_keeps_the_answer(plain: Served) -> None:
    answer = await ask(plain.url, "Host: localhost", "Origin: https://evil.example", path="/healthz")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def scope(origin: str, scheme: str = "http") -> dict[str, object]:
    return {"scheme": scheme, "headers": [(b"host", b"head.example"), (b"origin", origin.encode())]}


async def test_where_the_server_ends_the_tls_a_page_without_is_another() -> None:
    assert Origins(()).allow(scope("https://head.example", "https"))
    assert not Origins(()).allow(scope("http://head.example", "https"))
    assert not Origins(()).allow(scope("http://head.example", "wss"))


async def test_null_is_allowed_where_it_is_listed_or_all_are() -> None:
    assert not Origins((SHOP,)).allow(scope("null"))
    assert Origins((SHOP, "null")).allow(scope("null"))
    assert Origins(("*",)).allow(scope("null"))
