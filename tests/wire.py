"""One HTTP request as bytes, for what no client library would send."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from waiting import patient

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
"""What makes a request the opening handshake of a WebSocket (RFC 6455 section 4.1)."""


@dataclass
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def problem(self) -> str:
        """The short name of the problem document, or nothing where the body is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        return str(document["type"]).removeprefix("urn:livehead:")

    @property
    def detail(self) -> str:
        return str(json.loads(self.body)["detail"])


async def ask(url: str, *lines: str, method: str = "GET", path: str = "/v1/info", version: str = "1.1") -> Answer:
    """Send a request with these header lines and no body, and read its answer. A WebSocket is not read from."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        head = [f"{method} {path} HTTP/{version}", *lines, "Content-Length: 0" if method != "GET" else "", ""]
        writer.write("\r\n".join(line for line in head if line).encode("latin-1") + b"\r\n\r\n")
        async with patient(10):
            start, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = httpx.Headers([tuple(field.split(": ", 1)) for field in fields])  # type: ignore[misc]
            length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
            body = await reader.readexactly(length)
    finally:
        writer.close()
    return Answer(int(start.split()[1]), headers, body)
