"""Whole requests, at the application itself: nothing fails, nothing outside of the page is given out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
from functools import cache
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI

from fuzz.handlers import handled_by
from fuzz.loop import wait_for
from fuzz.mutators import line_mutator
from fuzz.target import Target
from livehead.api import web
from livehead.app import create_app
from livehead.engine.base import EngineSpec
from livehead.engine.choice import Choice
from livehead.settings import load

KEY = "lh_" + "k" * 43
HASH = hashlib.sha256(KEY.encode()).hexdigest()
MANY = 1e9

_API = ("/v1/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics")


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.levelno < logging.ERROR, self.format(record)
        self.lines.append(self.format(record))


_lines = _Lines()


@cache
def _app() -> FastAPI:
    """With keys, and an engine that never starts: who is not let in gets 401, and who is gets 503."""
    limits = ("offers_per_second", "tokens_per_second", "failures_per_minute")
    settings = load(dict.fromkeys(limits, MANY) | {"api_keys": (f"front:{HASH}",), "engine": "preview"})
    return create_app(settings, Choice("test", None, EngineSpec("fakes:create", {"size": 64}), "as asked"))


@cache
def _pages() -> frozenset[bytes]:
    folder = web.find_web()
    assert folder is not None
    files = frozenset(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return files | {web.PageModule(folder).read().plain}


def run(data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b" ")[0].partition(b"?")
    headers = [(n.strip().lower(), v.strip()) for n, _, v in (line.partition(b":") for line in lines)]
    if any(set(name + value) & set(b"\r\n\0") for name, value in headers):
        return  # no such request gets through the server's parser: see connection_bytes
    if not target.isascii():
        return  # nor such a one: see test_regressions
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "method": method.decode("latin-1"),
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 9),
    }
    app = _app()
    with handled_by(_lines, "livehead"):
        status, answered, content = wait_for(_request(app, scope, body))
    assert 200 <= status < 500 or status == 503, f"status {status}"
    for name, value in answered:
        assert not set(name + value) & set(b"\r\n\0"), "a header with more than a line"
    kinds = dict(answered)
    ranged = any(name == b"range" for name, _ in headers)  # the library answers a bad one by itself
    if status >= 400 and content and scope["path"] != "/readyz" and not (ranged and status in (400, 416)):
        assert kinds[b"content-type"].startswith(b"application/problem+json"), kinds
        assert json.loads(content)["status"] == status
        assert len(content) < 2 * len(data) + 1024  # a path is told, six bytes for %00
    if status == 200 and method == b"GET" and not scope["path"].startswith(_API):
        assert content in _pages(), "not a file of the page"
    lines_, _lines.lines = _lines.lines, []
    for line in lines_:
        assert line.isprintable(), "control characters in the log"


async def _request(app: FastAPI, scope: dict[str, Any], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    status, headers, content = 0, [], bytearray()

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop()

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        else:
            content.extend(message.get("body", b""))

    await app(scope, receive, send)  # type: ignore[arg-type]
    return status, headers, bytes(content)


_PATHS = (
    *("/", "/demo.js", "/client/live-head.js", "/client/../demo/index.html", "/v1/info", "/v1/sessions", "/healthz"),
    *("/v1/sessions/abc", "/v1/tokens", "/v1/avatars", "/v1/avatars/default", "/v1/ice-servers", "/docs", "/metrics"),
    *("/..%2f..%2fpyproject.toml", "/client/%2e%2e/%2e%2e/secret", "/%00", "//etc/passwd", "/readyz", "/openapi.json"),
)
_HEADERS = (
    *("Host: 127.0.0.1:8080", "Host: localhost", "Host: evil.example", "Host: [::1]:8080", "Origin: null"),
    *("Origin: http://127.0.0.1:8080", "Origin: https://evil.example", f"Authorization: Bearer {KEY}"),
    *("Authorization: Basic eDp5", "Content-Type: application/sdp", "Content-Type: application/json", "If-Match: *"),
    *("Content-Length: 99999999999999999999", "Content-Length: ٣", "X-Forwarded-For: 10.0.0.1, ::1", "Range: bytes=0-"),
    *("If-None-Match: *", "If-Modified-Since: x", "Access-Control-Request-Method: POST", "Accept-Encoding: gzip"),
    *(
        "Access-Control-Request-Headers: x\x00y",
        "Sec-Fetch-Site: cross-site",
        "Cookie: a=b",
        "Transfer-Encoding: chunked",
    ),
)


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()


_lines_of = line_mutator(_HEADERS, (*_PATHS, "GET", "POST", "PATCH", "DELETE", "OPTIONS", "HEAD", KEY, "Bearer"))


def _mutate(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        method = chance.choice((b"GET", b"POST", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD", b"PUT", b"\xff"))
        return method + b" " + chance.choice(_PATHS).encode() + b" HTTP/1.1\r\n" + data.partition(b"\r\n")[2]
    return _lines_of(data, chance)


TARGET = Target(
    "http_request",
    run,
    (
        *(_get(path) for path in _PATHS),
        b'POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n{"roles":["open"]}',
        b"POST /v1/sessions?avatar=ben HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
    ),
    _mutate,
    32 * 1024,
    (100_000, 20.0),
)
