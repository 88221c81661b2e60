"""What every answer tells browsers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI, WebSocket
from starlette.types import Message

from livehead.api.middleware.faults import Faults
from livehead.api.middleware.headers import NOTHING, SecurityHeaders
from livehead.engine.base import EngineSpec
from serving import Served, serving
from wire import UPGRADE, Answer, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[Served]:
    async with serving(EngineSpec("fakes:create"), wait=False) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedded() -> AsyncIterator[Served]:
    shop = "https://shop.example"
    ancestors = ["'self'", shop]
    async with serving(
        EngineSpec("fakes:create"), wait=False, cors_origins=[shop], frame_ancestors=ancestors
    ) as served:
        yield served


def policy(answer: Answer) -> dict[str, str]:
    return dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))


async def test_an_opener_policy_is_for_origins_that_browsers_trust() -> None:
    """Others' pages would begin with an error on the console."""
    async with serving(EngineSpec("fakes:create"), wait=False, allowed_hosts=["head.example"]) as served:
        answer = await ask(served.url, "Host: head.example", path="/")
        assert answer.status == 200
        assert "cross-origin-opener-policy" not in answer.headers


async def test_a_page_that_has_not_changed_keeps_its_policy(plain: Served) -> None:
    """A browser stores the headers of a 304 in the place of those it had."""
    first = await ask(plain.url, "Host: localhost", path="/")
    again = await ask(plain.url, "Host: localhost", f"If-None-Match: {first.headers['etag']}", path="/")
    assert again.status == 304
    assert "content-security-policy" not in again.headers
    assert "x-frame-options" not in again.headers


PATHS = (
    "/",
    "/v1/info",
    "/nowhere",
    "/client/index.js",
    "/docs",
    "/openapi.json",
    "/healthz",
    "/v1/avatars/default/image",
)


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_them(plain: Served, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        answer = await ask(plain.url, "Host: localhost", method=method, path=path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "microphone=(self)" in answer.headers["permissions-policy"]
        assert "display-capture=()" in answer.headers["permissions-policy"]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("content-security-policy")) == 1
        assert "strict-transport-security" not in answer.headers


async def test_refusals_have_them(plain: Served) -> None:
    for lines in (("Host: evil.example",), ("Host: localhost", "Origin: https://evil.example", *UPGRADE)):
        answer = await ask(plain.url, *lines, path="/v1/signal")
        assert answer.status == 403
        assert answer.headers["content-security-policy"] == NOTHING
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/docs", "/client/index.js"])
async def test_pages_run_the_servers_own_scripts_and_nothing_inline(plain: Served, path: str) -> None:
    answer = await ask(plain.url, "Host: localhost", path=path)
    found = policy(answer)
    assert found["default-src"] == "'none'"
    assert found["script-src"] == found["style-src"] == "'self'"
    assert found["frame-ancestors"] == "'self'"
    assert found["base-uri"] == found["form-action"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("path", ["/v1/info", "/nowhere", "/openapi.json", "/v1/avatars/default/image", "/favicon.svg"])
async def test_what_is_no_page_runs_nothing(plain: Served, path: str) -> None:
    assert (await ask(plain.url, "Host: localhost", path=path)).headers["content-security-policy"] == NOTHING


async def test_a_page_is_framed_by_those_that_may(embedded: Served) -> None:
    answer = await ask(embedded.url, "Host: localhost", path="/")
    assert policy(answer)["frame-ancestors"] == "'self' https://shop.example"
    assert "x-frame-options" not in answer.headers  # it cannot say so, and browsers that know CSP ignore it
    assert (await ask(embedded.url, "Host: localhost")).headers["x-frame-options"] == "DENY"


async def test_images_are_for_other_sites_where_some_may_call(plain: Served, embedded: Served) -> None:
    path = "/v1/avatars/default/image"
    for served, expected in ((plain, "same-origin"), (embedded, "cross-origin")):
        answer = await ask(served.url, "Host: localhost", path=path)
        assert answer.headers["cross-origin-resource-policy"] == expected
        answer = await ask(served.url, "Host: localhost")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        answer = await ask(served.url, "Host: localhost", path="/client/index.js")
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def begin(app: FastAPI | SecurityHeaders | Faults, kind: str = "http", **scope: object) -> dict[str, str]:
    """The headers of an answer; also its status, as ``status``."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": f"{kind}.request" if kind == "http" else "websocket.connect", "body": b""}

    full = {
        "type": kind,
        "path": "/boom",
        "scheme": "http",
        "query_string": b"",
        "headers": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(full | ({"method": "GET"} if kind == "http" else {}) | scope, receive, send)
    start = sent[0]
    return {name.decode(): value.decode() for name, value in start["headers"]} | {"status": str(start["status"])}


@pytest.mark.parametrize(
    ("scheme", "host", "sent"),
    [
        ("https", b"head.example", True),
        ("https", b"head.example:8443", True),
        ("http", b"head.example", False),
        ("https", b"localhost:8443", False),
        ("https", b"dev.localhost", False),
        ("https", b"127.0.0.1", False),
        ("https", b"[::1]", False),
        ("https", b"192.0.2.7", False),
        ("https", b"", False),
    ],
)
async def test_tls_is_asked_for_from_then_on(scheme: str, host: bytes, sent: bool) -> None:
    app = SecurityHeaders(FastAPI(openapi_url=None), ["'self'"], embedded=False)
    headers = await begin(app, scheme=scheme, headers=[(b"host", host)])
    assert headers.get("strict-transport-security") == ("max-age=31536000" if sent else None)


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_fault_is_answered_with_them_too(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()

    @app.get("/boom")
    async def boom() -> None:
        raise KeyError("x")

    @app.websocket("/boom")
    async def boom_socket(socket: WebSocket) -> None:
        raise KeyError("x")

    app.add_middleware(Faults)
    app.add_middleware(SecurityHeaders, frame_ancestors=["'self'"], embedded=False)
    headers = await begin(app, kind)
    assert (headers["status"], headers["content-type"]) == ("500", "application/problem+json")
    assert headers["x-content-type-options"] == "nosniff"
    assert [record.message for record in caplog.records] == [f"{'GET' if kind == 'http' else 'WebSocket'} /boom failed"]


async def test_the_page_of_the_api_is_drawn_under_the_policy_of_pages(plain: Served) -> None:
    page = await ask(plain.url, "Host: localhost", path="/docs")
    assert page.status == 200
    assert b"<style" not in page.body
    assert b"style=" not in page.body
    for found in re.findall(rb"<script([^>]*)>([^<]*)", page.body):
        assert b"src=" in found[0]
        assert found[1].strip() == b""
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode()):
        assert (await ask(plain.url, "Host: localhost", path=f"/{path}")).status == 200, path
    for path in ("/docs/", "/docs/nothing.js", "/docs/../demo/index.html", "/docs/.hidden"):
        assert (await ask(plain.url, "Host: localhost", path=path)).status == 404, path
